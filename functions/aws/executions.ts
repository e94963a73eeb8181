// Step Functions, as the service, the recorder and the step function know it.
//
//   S1. What was asked for twice and is so already is no error: an execution that exists, a token that was answered, a stop of what has ended.
//   S2. An Express execution cannot be described or stopped; nothing is asked about it.

import type { DescribeExecutionCommandOutput } from '@aws-sdk/client-sfn';
import { type Clock, sleep } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import { type Executions, ThrottledError } from '../../shared/orchestrate/ports.ts';
import { executionOf, isExpress } from '../../shared/protocol/arns.ts';
import { createWaitCount, MAX_HISTORY_EVENTS } from '../../shared/runs/index.ts';
import type { ExecutionStatusChange, RecoveryExecutions } from '../recorder/index.ts';
import type { ChildExecutions } from '../step/index.ts';
import type { SfnDoor } from './clients.ts';

/** The most that GetExecutionHistory gives in one page. */
const HISTORY_PAGE = 1_000;
/** The API's limits of an error and its cause, in characters (SendTaskFailure, StopExecution). */
const MAX_ERROR = 256;
const MAX_CAUSE = 32_768;
/** DescribeExecution is eventually consistent: an execution that has just begun is asked for again, this often and after this long. */
const DESCRIBE_TRIES = 5;
const DESCRIBE_PAUSE_MS = 200;

/** Refusals for the rate of requests, or for the number of open executions: nothing was started. */
const THROTTLED: readonly string[] = ['ThrottlingException', 'TooManyRequestsException', 'RequestLimitExceeded', 'ExecutionLimitExceeded'];
/** As whoever cancels a run stops its execution. */
const CANCELLED = { error: 'Maestro.Cancelled', cause: JSON.stringify({ message: 'the run was cancelled' }) };
const TOKEN_GONE: readonly string[] = ['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'];
/** `ValidationException`: stopping what has ended (API reference, StopExecution). */
const EXECUTION_GONE: readonly string[] = ['ExecutionDoesNotExist', 'ValidationException'];

export interface ExecutionsOptions {
  sfn: () => Promise<SfnDoor>;
  clock: Clock;
  /** ARN under which `<workflow>-undo` is started; undefined where there is none. */
  undoArn: (workflow: string) => Promise<string | undefined>;
}

export type AwsExecutions = Executions & {
  /** Of the recorder: an undo machine by its name. */
  recovery: Required<RecoveryExecutions>;
  /** Of the step function. */
  children: ChildExecutions;
};

export function createExecutions({ sfn, clock, undoArn }: ExecutionsOptions): AwsExecutions {
  async function start(machineArn: string, name: string, input: Json): Promise<{ executionArn: string; startTime: string | undefined }> {
    const { sdk, client } = await sfn();
    try {
      const command = new sdk.StartExecutionCommand({ stateMachineArn: machineArn, name, input: JSON.stringify(input) });
      const { executionArn, startDate } = await client.send(command);
      return { executionArn: executionArn ?? executionOf(machineArn, name), startTime: startDate?.toISOString() };
    } catch (error) {
      if (isOf(error, ['ExecutionAlreadyExists'])) return { executionArn: executionOf(machineArn, name), startTime: undefined };
      throw isOf(error, THROTTLED) ? new ThrottledError(`execution ${name}: its start was refused for now`, { cause: error }) : error;
    }
  }

  async function describe(executionArn: string): Promise<ExecutionStatusChange | undefined> {
    if (isExpress(executionArn)) return undefined;
    const { sdk, client } = await sfn();
    try {
      return toChange(await client.send(new sdk.DescribeExecutionCommand({ executionArn })));
    } catch (error) {
      if (isOf(error, ['ExecutionDoesNotExist'])) return undefined;
      throw error;
    }
  }

  async function startOf(executionArn: string): Promise<string> {
    for (let tries = 1; ; tries++) {
      const found = await describe(executionArn);
      if (found?.startTime !== undefined) return found.startTime;
      if (tries === DESCRIBE_TRIES) throw new Error(`execution ${executionArn}: it exists, and Step Functions does not tell when it began`);
      await sleep(clock, DESCRIBE_PAUSE_MS);
    }
  }

  async function stop(executionArn: string, error: string, cause: string): Promise<void> {
    if (isExpress(executionArn)) return;
    const { sdk, client } = await sfn();
    const command = new sdk.StopExecutionCommand({ executionArn, error: error.slice(0, MAX_ERROR), cause: cause.slice(0, MAX_CAUSE) });
    await unless(EXECUTION_GONE, client.send(command));
  }

  async function succeedTask(token: string, output: Json): Promise<void> {
    const { sdk, client } = await sfn();
    await unless(TOKEN_GONE, client.send(new sdk.SendTaskSuccessCommand({ taskToken: token, output: JSON.stringify(output) })));
  }

  async function isWaiting(executionArn: string): Promise<boolean> {
    if (isExpress(executionArn) || (await describe(executionArn))?.status !== 'RUNNING') return false;
    const { sdk, client } = await sfn();
    const count = createWaitCount();
    let nextToken: string | undefined;
    let seen = 0;
    do {
      const page = await client.send(
        new sdk.GetExecutionHistoryCommand({
          executionArn,
          reverseOrder: true,
          includeExecutionData: false,
          maxResults: HISTORY_PAGE,
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
      );
      for (const { type } of page.events ?? []) count.see(type ?? '');
      seen += page.events?.length ?? 0;
      nextToken = page.nextToken;
    } while (nextToken !== undefined && seen < MAX_HISTORY_EVENTS);
    return count.waiting();
  }

  return {
    async start({ entry, name, input }) {
      const { executionArn, startTime } = await start(entry.startArn, name, input);
      return { executionArn, startTime: startTime ?? (await startOf(executionArn)) };
    },
    succeedTask,
    async failTask(token, error, cause) {
      const { sdk, client } = await sfn();
      const failure = { taskToken: token, error: error.slice(0, MAX_ERROR), cause: cause.slice(0, MAX_CAUSE) };
      await unless(TOKEN_GONE, client.send(new sdk.SendTaskFailureCommand(failure)));
    },
    stop,
    isWaiting,
    recovery: {
      async start(machine, name, input) {
        const arn = await undoArn(machine.replace(/-undo$/, ''));
        if (arn === undefined) throw new Error(`state machine ${machine}: it is not deployed. Deploy the workflow with its undo machine.`);
        return (await start(arn, name, input)).executionArn;
      },
      describe,
      stopForced: (executionArn) => stop(executionArn, CANCELLED.error, CANCELLED.cause),
      async stopWaiting(executionArn) {
        if (await isWaiting(executionArn)) await stop(executionArn, CANCELLED.error, CANCELLED.cause);
      },
    },
    children: {
      async status(executionArn) {
        const status = (await describe(executionArn))?.status;
        return status === 'PENDING_REDRIVE' ? 'RUNNING' : status;
      },
      async output(executionArn) {
        return (await describe(executionArn))?.output ?? undefined;
      },
      stop,
      succeedTask,
    },
  };
}

function toChange(found: DescribeExecutionCommandOutput): ExecutionStatusChange {
  const { executionArn = '', stateMachineArn = '', name = '', status = 'RUNNING', startDate, stopDate } = found;
  return {
    executionArn,
    stateMachineArn,
    name,
    status,
    startDate: startDate?.getTime() ?? 0,
    ...(startDate ? { startTime: startDate.toISOString() } : {}),
    stopDate: stopDate?.getTime() ?? null,
    input: found.input ?? null,
    output: found.output ?? null,
    error: found.error ?? null,
    cause: found.cause ?? null,
  };
}

function isOf(error: unknown, names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

async function unless(names: readonly string[], done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!isOf(error, names)) throw error;
  }
}
