// The engine's door: machines, executions, tokens. Reads and writes through the journal; the interpreting is done in `walk.ts`.

import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';
import { parseDefinition } from './definition/parse-definition.ts';
import type { Machine } from './definition/types.ts';
import { functionFailure, ServiceError } from './errors.ts';
import { Execution, type ExecutionStart } from './execution.ts';
import { createExpressionCompiler } from './expressions/index.ts';
import { PayloadIndex, readEntries, showEntry } from './history.ts';
import { createJournal, type ExecutionRow, type MachineRow } from './journal.ts';
import { page, pageToken } from './paging.ts';
import { payload, tooLarge } from './payload.ts';
import type { Runtime, TokenMessage } from './runtime.ts';
import type {
  CreateStateMachineInput,
  Engine,
  EngineOptions,
  ExecutionDescription,
  StartExecutionInput,
  StateMachineDescription,
  StateMachineSettings,
  UpdateStateMachineInput,
} from './types.ts';
import { issuesText, validateDefinition } from './validate.ts';

const DEFAULT_ROLE = 'role/maestro-local';
/** AWS: letters, digits and most signs, 1 to 80 characters; no white space, brackets, wildcards or control characters. */
const NAME = /^[^\s?*<>{}[\]"#%\\^|~`$&,;:/\p{Cc}]{1,80}$/u;

/**
 * An engine on a database. Nothing runs until an execution is started or `recover` is called.
 * @throws Error of node:sqlite when the tables cannot be made
 */
export function createEngine(options: EngineOptions): Engine {
  const { database, clock, ids } = options;
  const region = options.region ?? 'us-east-1';
  const accountId = options.accountId ?? '000000000000';
  const journal = createJournal(database);
  const compile = createExpressionCompiler(ids);
  const machines = new Map<number, Machine>();
  const running = new Map<string, Execution>();
  const tokens = new Map<string, (message: TokenMessage) => void>();
  const endListeners = new Map<string, Set<(description: ExecutionDescription) => void>>();
  let dirty: Execution[] = [];
  let effects: (() => void)[] = [];
  let nextId = journal.nextExecutionId();
  let closing = false;

  // Commits

  const stopHook = database.beforeCommit(flush);

  function flush(): void {
    const written = dirty;
    dirty = [];
    for (const execution of written) {
      const row = execution.takePending();
      if (!row) continue;
      journal.append(execution.start.id, row);
      if (options.onEvent) tellEvents(execution, row);
    }
  }

  /** One promise per turn for everything that waits for its commit. */
  function afterCommit(effect: () => void): void {
    effects.push(effect);
    if (effects.length > 1) return;
    database.committed().then(
      () => {
        const due = effects;
        effects = [];
        for (const run of due) {
          try {
            run();
          } catch (error) {
            // A listener's own mistake: it must not keep the others from being told.
            queueMicrotask(() => {
              throw error;
            });
          }
        }
      },
      // The database has told its owner; what depends on the write never happens.
      () => {
        effects = [];
      },
    );
  }

  function tellEvents(execution: Execution, entries: string): void {
    const { onEvent } = options;
    const { arn, input } = execution.start;
    if (!onEvent) return;
    const index = new PayloadIndex(input.value);
    const events = readEntries(entries).flatMap((entry) => (entry.id === 0 ? [] : showEntry(entry, index, false)));
    afterCommit(() => {
      for (const event of events) onEvent(arn, event);
    });
  }

  // What the interpreter asks for

  const runtime: Runtime = {
    clock,
    region,
    accountId,
    ids,
    get closing() {
      return closing;
    },
    collect(execution) {
      dirty.push(execution);
      try {
        database.write(() => {});
      } catch {
        halt();
      }
    },
    ended,
    afterCommit,
    isInProcess: (arn) =>
      typeof options.lambda.inProcess === 'function' ? options.lambda.inProcess(arn) : options.lambda.inProcess === true,
    async lambda(call) {
      try {
        return await options.lambda(call);
      } catch (error) {
        return functionFailure(error);
      }
    },
    putEvents: options.putEvents ?? (async (entries) => ({ FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: ids.uuid() })) })),
    newToken: (thread) => Buffer.from(`${thread.execution.start.id}.${thread.id}.${ids.uuid()}`).toString('base64url'),
    listen(token, listener) {
      tokens.set(token, listener);
      return () => {
        if (tokens.get(token) === listener) tokens.delete(token);
      };
    },
    startChild(stateMachineArn, name, input) {
      const row = start({ stateMachineArn, input, ...(name === undefined ? {} : { name }) });
      return { executionArn: row.executionArn, startDate: row.startDate };
    },
    stopChild: (arn, error, cause) => running.get(arn)?.abort(error, cause),
    onEnd,
  };

  function onEnd(arn: string, told: (description: ExecutionDescription) => void): () => void {
    if (!running.has(arn)) {
      const found = journal.execution(arn);
      if (found && found.status !== 'RUNNING') told(describe(found));
      // A running one that is not in memory yet will be recovered.
      if (found?.status !== 'RUNNING') return () => {};
    }
    const listeners = endListeners.get(arn) ?? new Set();
    endListeners.set(arn, listeners.add(told));
    return () => {
      listeners.delete(told);
      if (listeners.size === 0) endListeners.delete(arn);
    };
  }

  /** The database cannot be written any more (its owner has been told): nothing may go on as if it could. */
  function halt(): void {
    closing = true;
    for (const execution of running.values()) execution.suspend();
  }

  function ended(execution: Execution): void {
    const { id, arn } = execution.start;
    const { end } = execution;
    if (!end || closing) return;
    journal.endExecution(id, end.status, end.stopped, end.error, end.cause, end.output);
    running.delete(arn);
    const listeners = endListeners.get(arn);
    endListeners.delete(arn);
    if (!listeners && !options.onStatus) return;
    const description: ExecutionDescription = {
      ...describeStart(execution.start, () => row(execution.start.arn).input),
      status: end.status,
      stopDate: end.stopped,
      output: end.output,
      error: end.error,
      cause: end.cause,
    };
    tellStatus(description);
    for (const listener of listeners ?? []) listener(description);
  }

  function tellStatus(description: ExecutionDescription): void {
    const { onStatus } = options;
    if (onStatus) afterCommit(() => onStatus(description));
  }

  // Machines

  function machineOf(definition: number): Machine {
    let machine = machines.get(definition);
    if (!machine) {
      const parsed: Json = JSON.parse(journal.definition(definition));
      if (!isJsonObject(parsed)) throw new Error(`Definition ${definition} is not an object`);
      machine = parseDefinition(parsed, compile);
      machines.set(definition, machine);
    }
    return machine;
  }

  function checked(definition: string, type: 'STANDARD' | 'EXPRESS'): void {
    const { issues } = validateDefinition(definition, { compile, type });
    if (issues.length > 0) throw new ServiceError('InvalidDefinition', issuesText(issues));
  }

  function existing(arn: string): MachineRow {
    if (!arn.startsWith('arn:')) throw new ServiceError('InvalidArn', `Invalid Arn: 'Invalid ARN prefix: ${arn.slice(0, 80)}'`);
    const row = journal.machine(arn);
    if (!row) throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
    return row;
  }

  function describeMachine(row: MachineRow): StateMachineDescription {
    return {
      stateMachineArn: row.arn,
      name: row.name,
      status: 'ACTIVE',
      definition: journal.definition(row.definition),
      roleArn: row.roleArn,
      type: row.type,
      creationDate: row.created,
      updateDate: row.updated,
      revisionId: row.revision,
      settings: row.settings,
    };
  }

  async function createStateMachine(input: CreateStateMachineInput): Promise<{ stateMachineArn: string; creationDate: number }> {
    checkName(input.name);
    const type = input.type ?? 'STANDARD';
    checked(input.definition, type);
    const arn = `arn:aws:states:${region}:${accountId}:stateMachine:${input.name}`;
    const roleArn = input.roleArn ?? `arn:aws:iam::${accountId}:${DEFAULT_ROLE}`;
    const definition = journal.definitionId(input.definition);
    const before = journal.machine(arn);
    if (before) {
      const same = before.definition === definition && before.type === type && before.roleArn === roleArn;
      if (!same) throw new ServiceError('StateMachineAlreadyExists', `State Machine Already Exists: '${arn}'`);
      await database.committed();
      return { stateMachineArn: arn, creationDate: before.created };
    }
    const now = clock.now();
    const common = { arn, name: input.name, type, definition, roleArn, created: now, updated: now, revision: ids.uuid() };
    journal.insertMachine({ ...common, settings: settingsOf(input), tags: input.tags ?? [] });
    await database.committed();
    return { stateMachineArn: arn, creationDate: now };
  }

  async function updateStateMachine(input: UpdateStateMachineInput): Promise<{ updateDate: number; revisionId: string }> {
    const row = existing(input.stateMachineArn);
    if (input.definition === undefined && input.roleArn === undefined && Object.keys(settingsOf(input)).length === 0) {
      throw new ServiceError(
        'MissingRequiredParameter',
        'Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified',
      );
    }
    if (input.definition !== undefined) checked(input.definition, row.type);
    const definition = input.definition === undefined ? row.definition : journal.definitionId(input.definition);
    const updated = clock.now();
    const revision = ids.uuid();
    journal.updateMachine({
      ...row,
      definition,
      roleArn: input.roleArn ?? row.roleArn,
      updated,
      revision,
      settings: { ...row.settings, ...settingsOf(input) },
    });
    await database.committed();
    return { updateDate: updated, revisionId: revision };
  }

  // Executions

  function start(input: StartExecutionInput): { executionArn: string; startDate: number; execution: Execution | undefined } {
    const machine = existing(input.stateMachineArn);
    if (input.name !== undefined) checkName(input.name);
    const given = readInput(input.input);
    const name = input.name ?? ids.uuid();
    const path = `${machine.name}:${name}`;
    const arn = `arn:aws:states:${region}:${accountId}:${machine.type === 'EXPRESS' ? `express:${path}:${ids.uuid()}` : `execution:${path}`}`;
    const before = input.name === undefined || machine.type === 'EXPRESS' ? undefined : journal.execution(arn);
    if (before) {
      if (before.status === 'RUNNING' && before.input === given.text)
        return { executionArn: arn, startDate: before.started, execution: undefined };
      throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    const started = clock.now();
    const id = nextId++;
    const { roleArn, type, definition } = machine;
    journal.insertExecution({ id, arn, machineArn: machine.arn, type, definition, roleArn, started, input: given.text });
    const execution = new Execution(
      {
        id,
        arn,
        name,
        machineArn: machine.arn,
        machineName: machine.name,
        type,
        machine: machineOf(definition),
        roleArn,
        input: payload(given.value, given.text),
        started,
      },
      runtime,
    );
    running.set(arn, execution);
    if (options.onStatus)
      tellStatus({
        ...describeStart(execution.start, () => row(execution.start.arn).input),
        status: 'RUNNING',
        stopDate: null,
        output: null,
        error: null,
        cause: null,
      });
    execution.run();
    return { executionArn: arn, startDate: started, execution };
  }

  function row(arn: string): ExecutionRow {
    if (!arn.startsWith('arn:')) throw new ServiceError('InvalidArn', `Invalid Arn: 'Invalid ARN prefix: ${arn.slice(0, 80)}'`);
    const found = journal.execution(arn);
    if (!found) throw new ServiceError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
    return found;
  }

  function wait(arn: string): Promise<ExecutionDescription> {
    return new Promise((resolve, reject) => {
      if (!running.has(arn)) row(arn);
      onEnd(arn, (description) => {
        database.committed().then(() => resolve(description), reject);
      });
    });
  }

  async function answer(token: string, message: TokenMessage): Promise<void> {
    const listener = tokens.get(token);
    if (!listener) throw unknownToken(token);
    listener(message);
    await database.committed();
  }

  function unknownToken(token: string): ServiceError {
    const known = /^\d+\.\d+\.[0-9a-f-]{36}$/.test(Buffer.from(token, 'base64url').toString());
    if (!known) return new ServiceError('InvalidToken', "Invalid Token: 'Invalid token'");
    return new ServiceError('TaskTimedOut', "Task Timed Out: 'Provided task does not exist anymore'");
  }

  function history(arn: string): { entries: ReturnType<typeof readEntries>; index: PayloadIndex; row: ExecutionRow } {
    if (dirty.length > 0) database.write(flush);
    const found = row(arn);
    const index = new PayloadIndex(JSON.parse(found.input));
    const entries = journal.entries(found.id).flatMap(readEntries);
    for (const entry of entries) {
      index.add(entry);
      if (entry.type === 'ExecutionSucceeded') entry.details['output'] = JSON.parse(found.output ?? 'null');
    }
    return { entries, index, row: found };
  }

  return {
    createStateMachine,
    updateStateMachine,
    async deleteStateMachine(arn) {
      if (!arn.startsWith('arn:')) throw new ServiceError('InvalidArn', 'Invalid Arn');
      journal.deleteMachine(arn);
      await database.committed();
    },
    describeStateMachine: (arn) => describeMachine(existing(arn)),
    listStateMachines(given = {}) {
      const after = given.nextToken === undefined ? 0 : pageToken(given.nextToken);
      const limit = pageSize(given.maxResults);
      return page(journal.machines(after, limit + 1), limit, (last) => last.id, describeMachine);
    },
    validate: (definition, type = 'STANDARD') => validateDefinition(definition, { compile, type }).issues,
    tags(arn) {
      const found = journal.machine(arn);
      if (!found) throw new ServiceError('ResourceNotFound', `Resource not found: '${arn}'`);
      return found.tags;
    },
    async setTags(arn, tags) {
      const found = journal.machine(arn);
      if (!found) throw new ServiceError('ResourceNotFound', `Resource not found: '${arn}'`);
      journal.updateMachine({ ...found, tags });
      await database.committed();
    },
    async startExecution(input) {
      const { executionArn, startDate } = start(input);
      await database.committed();
      return { executionArn, startDate };
    },
    async startSyncExecution(input) {
      if (existing(input.stateMachineArn).type !== 'EXPRESS')
        throw new ServiceError('StateMachineTypeNotSupported', 'This operation is not supported by this type of state machine');
      return wait(start(input).executionArn);
    },
    describeExecution: (arn) => describe(row(arn)),
    describeStateMachineForExecution(arn) {
      const found = row(arn);
      const machine = journal.machine(found.machineArn);
      return {
        stateMachineArn: found.machineArn,
        name: found.machineArn.slice(found.machineArn.lastIndexOf(':') + 1),
        status: 'ACTIVE',
        definition: journal.definition(found.definition),
        roleArn: found.roleArn,
        type: found.type,
        creationDate: machine?.created ?? found.started,
        updateDate: machine?.updated ?? found.started,
        revisionId: machine?.revision ?? '',
        settings: machine?.settings ?? {},
      };
    },
    listExecutions(given) {
      const machine = existing(given.stateMachineArn);
      if (machine.type === 'EXPRESS')
        throw new ServiceError('StateMachineTypeNotSupported', 'This operation is not supported by this type of state machine');
      const before = given.nextToken === undefined ? Number.MAX_SAFE_INTEGER : pageToken(given.nextToken);
      const limit = pageSize(given.maxResults);
      return page(journal.executions(machine.arn, given.statusFilter, before, limit + 1), limit, (last) => last.id, describe);
    },
    getHistory(given) {
      const { entries, index } = history(given.executionArn);
      const shown = entries.filter(({ id }) => id > 0);
      shown.sort((a, b) => (given.reverseOrder ? b.id - a.id : a.id - b.id));
      const from = given.nextToken === undefined ? 0 : pageToken(given.nextToken);
      const limit = pageSize(given.maxResults);
      const part = shown.slice(from, from + limit + 1);
      return page(
        part,
        limit,
        () => from + limit,
        (entry) => showEntry(entry, index, given.includeExecutionData ?? true),
      );
    },
    async stopExecution({ executionArn, error, cause }) {
      const found = row(executionArn);
      if (found.type === 'EXPRESS')
        throw new ServiceError('StateMachineTypeNotSupported', 'This operation is not supported by this type of state machine');
      running.get(executionArn)?.abort(error ?? null, cause ?? null);
      await database.committed();
      return { stopDate: row(executionArn).stopped ?? clock.now() };
    },
    async sendTaskSuccess(token, output) {
      let value: Json;
      try {
        value = JSON.parse(output);
      } catch {
        throw new ServiceError('InvalidOutput', `Invalid Output: 'The output is not valid JSON'`);
      }
      if (tooLarge(output)) throw new ServiceError('InvalidOutput', `Invalid Output: 'Output exceeds the maximum size of 262144 bytes'`);
      await answer(token, { kind: 'success', value, text: output });
    },
    async sendTaskFailure(token, failure = {}) {
      await answer(token, { kind: 'failure', error: failure.error ?? null, cause: failure.cause ?? null });
    },
    async sendTaskHeartbeat(token) {
      await answer(token, { kind: 'heartbeat' });
    },
    wait,
    async recover() {
      const arns: string[] = [];
      for (let after = 0, rows = journal.running(0, 100); rows.length > 0; rows = journal.running(after, 100)) {
        for (const found of rows) {
          after = found.id;
          if (running.has(found.arn)) continue;
          arns.push(found.arn);
          const execution = new Execution(startOf(found), runtime, journal.entries(found.id));
          running.set(found.arn, execution);
          execution.run();
        }
      }
      await database.committed();
      return arns;
    },
    close() {
      stopHook();
      if (closing) return;
      halt();
      if (dirty.length > 0) database.write(flush);
      running.clear();
      tokens.clear();
      effects = [];
    },
  };

  function startOf(found: ExecutionRow): ExecutionStart {
    return {
      id: found.id,
      arn: found.arn,
      name: nameOf(found.arn, found.type),
      machineArn: found.machineArn,
      machineName: found.machineArn.slice(found.machineArn.lastIndexOf(':') + 1),
      type: found.type,
      machine: machineOf(found.definition),
      roleArn: found.roleArn,
      input: payload(JSON.parse(found.input), found.input),
      started: found.started,
    };
  }
}

function readInput(input: StartExecutionInput['input']): { value: Json; text: string } {
  if (typeof input === 'object') return sized({ value: input.value, text: JSON.stringify(input.value) });
  const text = input ?? '{}';
  try {
    return sized({ value: JSON.parse(text), text });
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    throw new ServiceError('InvalidExecutionInput', `Invalid State Machine Execution Input: 'The input is not valid JSON'`);
  }
}

function sized(input: { value: Json; text: string }): { value: Json; text: string } {
  if (tooLarge(input.text))
    throw new ServiceError('InvalidExecutionInput', `Invalid State Machine Execution Input: 'The input is larger than 262144 bytes'`);
  return input;
}

function checkName(name: string): void {
  if (!NAME.test(name)) throw new ServiceError('InvalidName', `Invalid Name: '${name.slice(0, 100)}'`);
}

/** The execution's name in its ARN; an Express ARN has a UUID after it. */
function nameOf(arn: string, type: string): string {
  const parts = arn.split(':');
  return (type === 'EXPRESS' ? parts.at(-2) : parts.at(-1)) ?? '';
}

function describe(found: ExecutionRow): ExecutionDescription {
  const { arn, machineArn, status, started, stopped, input, output, error, cause } = found;
  return {
    executionArn: arn,
    stateMachineArn: machineArn,
    name: nameOf(arn, found.type),
    status,
    startDate: started,
    stopDate: stopped,
    input,
    output,
    error,
    cause,
  };
}

function describeStart(
  start: ExecutionStart,
  inputText: () => string,
): Pick<ExecutionDescription, 'executionArn' | 'stateMachineArn' | 'name' | 'startDate' | 'input'> {
  return {
    executionArn: start.arn,
    stateMachineArn: start.machineArn,
    name: start.name,
    startDate: start.started,
    input: start.input.text ?? inputText(),
  };
}

function settingsOf(input: StateMachineSettings): JsonObject {
  const settings: JsonObject = {};
  for (const key of ['loggingConfiguration', 'tracingConfiguration', 'encryptionConfiguration'] as const) {
    const value = input[key];
    if (value !== undefined) settings[key] = value;
  }
  return settings;
}

const pageSize = (asked: number | undefined): number => (asked === undefined || asked === 0 ? 100 : Math.min(asked, 1000));
