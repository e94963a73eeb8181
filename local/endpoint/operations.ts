// One function per operation of the Step Functions API: a parsed body in, the answer's body out.

import { z } from 'zod';
import type { Engine, ExecutionDescription, StateMachineDescription } from '../engine/index.ts';

const text = z.string();
const arn = z.string().min(1).max(256);
const settings = z.record(z.string(), z.json());
const tags = z.array(z.object({ key: text.max(128), value: text.max(256).default('') })).max(50);
const paging = { maxResults: z.number().int().min(0).max(1000).optional(), nextToken: text.max(1024).optional() };
const machineSettings = {
  loggingConfiguration: settings.optional(),
  tracingConfiguration: settings.optional(),
  encryptionConfiguration: settings.optional(),
};
const statuses = z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']);

type Answer = { [key: string]: unknown };
type Operation = (engine: Engine, body: unknown) => Promise<Answer> | Answer;

/** An operation whose body is checked first; a body of another shape is a ZodError, answered as ValidationException. */
function operation<Schema extends z.ZodType>(
  schema: Schema,
  run: (engine: Engine, body: z.infer<Schema>) => Promise<Answer> | Answer,
): Operation {
  return (engine, body) => run(engine, schema.parse(body));
}

/** Every operation that the endpoint has, by its name on the wire. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  Object.entries({
    CreateStateMachine: operation(
      z.object({
        name: text,
        definition: text,
        roleArn: text.optional(),
        type: z.enum(['STANDARD', 'EXPRESS']).optional(),
        tags: tags.optional(),
        ...machineSettings,
      }),
      async (engine, body) => {
        const { stateMachineArn, creationDate } = await engine.createStateMachine(present(body));
        return { stateMachineArn, creationDate: seconds(creationDate) };
      },
    ),
    UpdateStateMachine: operation(
      z.object({ stateMachineArn: arn, definition: text.optional(), roleArn: text.optional(), ...machineSettings }),
      async (engine, body) => {
        const { updateDate, revisionId } = await engine.updateStateMachine(present(body));
        return { updateDate: seconds(updateDate), revisionId };
      },
    ),
    DeleteStateMachine: operation(z.object({ stateMachineArn: arn }), async (engine, body) => {
      await engine.deleteStateMachine(body.stateMachineArn);
      return {};
    }),
    DescribeStateMachine: operation(z.object({ stateMachineArn: arn }), (engine, body) =>
      machine(engine.describeStateMachine(body.stateMachineArn)),
    ),
    DescribeStateMachineForExecution: operation(z.object({ executionArn: arn }), (engine, body) => {
      const { status: _, type: __, creationDate: ___, ...shown } = machine(engine.describeStateMachineForExecution(body.executionArn));
      return shown;
    }),
    ListStateMachines: operation(z.object(paging), (engine, body) => {
      const { items, nextToken } = engine.listStateMachines(present(body));
      const stateMachines = items.map(({ stateMachineArn, name, type, creationDate }) => ({
        stateMachineArn,
        name,
        type,
        creationDate: seconds(creationDate),
      }));
      return { stateMachines, ...present({ nextToken }) };
    }),
    ValidateStateMachineDefinition: operation(
      z.object({
        definition: text,
        type: z.enum(['STANDARD', 'EXPRESS']).optional(),
        severity: text.optional(),
        maxResults: z.number().optional(),
      }),
      (engine, body) => {
        const issues = engine.validate(body.definition, body.type);
        const diagnostics = issues.map(({ code, message, path }) => ({ severity: 'ERROR', code, message, location: path }));
        return { result: issues.length === 0 ? 'OK' : 'FAIL', diagnostics, truncated: false };
      },
    ),
    StartExecution: operation(
      z.object({ stateMachineArn: arn, name: text.optional(), input: text.optional(), traceHeader: text.optional() }),
      async (engine, body) => {
        const { executionArn, startDate } = await engine.startExecution(present(body));
        return { executionArn, startDate: seconds(startDate) };
      },
    ),
    StartSyncExecution: operation(
      z.object({
        stateMachineArn: arn,
        name: text.optional(),
        input: text.optional(),
        traceHeader: text.optional(),
        includedData: text.optional(),
      }),
      async (engine, body) => ({
        ...execution(await engine.startSyncExecution(present(body))),
        billingDetails: { billedDurationInMilliseconds: 0, billedMemoryUsedInMB: 0 },
      }),
    ),
    DescribeExecution: operation(z.object({ executionArn: arn, includedData: text.optional() }), (engine, body) => ({
      ...execution(engine.describeExecution(body.executionArn)),
      redriveCount: 0,
      redriveStatus: 'NOT_REDRIVABLE',
    })),
    ListExecutions: operation(
      z.object({ stateMachineArn: arn, statusFilter: statuses.optional(), redriveFilter: text.optional(), ...paging }),
      (engine, body) => {
        const { items, nextToken } = engine.listExecutions(present(body));
        const executions = items.map(({ executionArn, stateMachineArn, name, status, startDate, stopDate }) => ({
          ...{ executionArn, stateMachineArn, name, status, startDate: seconds(startDate), redriveCount: 0 },
          ...(stopDate === null ? {} : { stopDate: seconds(stopDate) }),
        }));
        return { executions, ...present({ nextToken }) };
      },
    ),
    GetExecutionHistory: operation(
      z.object({ executionArn: arn, reverseOrder: z.boolean().optional(), includeExecutionData: z.boolean().optional(), ...paging }),
      (engine, body) => {
        const { items, nextToken } = engine.getHistory(present(body));
        return { events: items, ...present({ nextToken }) };
      },
    ),
    StopExecution: operation(
      z.object({ executionArn: arn, error: text.max(256).optional(), cause: text.max(32_768).optional() }),
      async (engine, body) => {
        const { stopDate } = await engine.stopExecution(present(body));
        return { stopDate: seconds(stopDate) };
      },
    ),
    SendTaskSuccess: operation(z.object({ taskToken: text.max(2048), output: text }), async (engine, body) => {
      await engine.sendTaskSuccess(body.taskToken, body.output);
      return {};
    }),
    SendTaskFailure: operation(
      z.object({ taskToken: text.max(2048), error: text.max(256).optional(), cause: text.max(32_768).optional() }),
      async (engine, body) => {
        await engine.sendTaskFailure(body.taskToken, present({ error: body.error, cause: body.cause }));
        return {};
      },
    ),
    SendTaskHeartbeat: operation(z.object({ taskToken: text.max(2048) }), async (engine, body) => {
      await engine.sendTaskHeartbeat(body.taskToken);
      return {};
    }),
    TagResource: operation(z.object({ resourceArn: arn, tags }), async (engine, body) => {
      const added = new Set(body.tags.map(({ key }) => key));
      await engine.setTags(body.resourceArn, [...engine.tags(body.resourceArn).filter(({ key }) => !added.has(key)), ...body.tags]);
      return {};
    }),
    UntagResource: operation(z.object({ resourceArn: arn, tagKeys: z.array(text) }), async (engine, body) => {
      await engine.setTags(
        body.resourceArn,
        engine.tags(body.resourceArn).filter(({ key }) => !body.tagKeys.includes(key)),
      );
      return {};
    }),
    ListTagsForResource: operation(z.object({ resourceArn: arn }), (engine, body) => ({ tags: engine.tags(body.resourceArn) })),
  }),
);

/** Times are epoch seconds with ms on the wire. */
const seconds = (ms: number): number => ms / 1000;

/** Without the members that are undefined. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function machine(found: StateMachineDescription): Answer {
  const { stateMachineArn, name, status, definition, roleArn, type, revisionId, creationDate, updateDate, settings: kept } = found;
  const defaults = {
    loggingConfiguration: { level: 'OFF', includeExecutionData: false },
    tracingConfiguration: { enabled: false },
    encryptionConfiguration: { type: 'AWS_OWNED_KEY' },
  };
  return {
    stateMachineArn,
    name,
    status,
    definition,
    roleArn,
    type,
    revisionId,
    creationDate: seconds(creationDate),
    updateDate: seconds(updateDate),
    ...defaults,
    ...kept,
  };
}

function execution(found: ExecutionDescription): Answer {
  const { executionArn, stateMachineArn, name, status, startDate, stopDate, input, output, error, cause } = found;
  return {
    ...{ executionArn, stateMachineArn, name, status, startDate: seconds(startDate), input, inputDetails: { included: true } },
    ...(stopDate === null ? {} : { stopDate: seconds(stopDate) }),
    ...(output === null ? {} : { output, outputDetails: { included: true } }),
    ...(error === null ? {} : { error }),
    ...(cause === null ? {} : { cause }),
  };
}
