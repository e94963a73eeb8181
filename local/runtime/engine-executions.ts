// The engine as the records' functions see it: they know executions by ARN and tokens, not the engine.

import type { ExecutionStatusChange, RecoveryExecutions } from '../../functions/recorder/index.ts';
import type { ChildExecutions } from '../../functions/step/index.ts';
import { type CancelExecutions, createWaitCount, MAX_HISTORY_EVENTS } from '../../shared/runs/index.ts';
import type { Engine, ExecutionDescription } from '../engine/index.ts';
import { LOCAL_ACCOUNT, LOCAL_REGION, machineArn } from './arns.ts';

/** Events looked at, newest first, to see where an execution stands. */
const MAX_EVENTS = 1_000;

export type EngineExecutions = ChildExecutions & CancelExecutions & Required<Omit<RecoveryExecutions, 'stopWaiting' | 'stopForced'>>;

/** @param engineOf the engine; asked for when it is needed, for the functions that use this are made before it */
export function engineExecutions(engineOf: () => Engine): EngineExecutions {
  return {
    async status(executionArn) {
      return find(engineOf(), executionArn)?.status;
    },
    async output(executionArn) {
      return find(engineOf(), executionArn)?.output ?? undefined;
    },
    async stop(executionArn, error, cause) {
      await unlessGone(engineOf().stopExecution({ executionArn, error, cause }));
    },
    async start(machine, name, input) {
      try {
        return (await engineOf().startExecution({ stateMachineArn: machineArn(machine), name, input: { value: input } })).executionArn;
      } catch (error) {
        if (!(error instanceof Error && error.name === 'ExecutionAlreadyExists')) throw error;
        return `arn:aws:states:${LOCAL_REGION}:${LOCAL_ACCOUNT}:execution:${machine}:${name}`;
      }
    },
    async describe(executionArn) {
      return find(engineOf(), executionArn) satisfies ExecutionStatusChange | undefined;
    },
    async succeedTask(token, output) {
      await unlessGone(engineOf().sendTaskSuccess(token, JSON.stringify(output)));
    },
    async failTask(token, error, cause) {
      await unlessGone(engineOf().sendTaskFailure(token, { error, cause }));
    },
    async isWaiting(executionArn) {
      return find(engineOf(), executionArn)?.status === 'RUNNING' && isWaiting(engineOf(), executionArn);
    },
  };
}

/** The execution, or undefined when there is none of that ARN. */
export function find(engine: Engine, executionArn: string): ExecutionDescription | undefined {
  try {
    return engine.describeExecution(executionArn);
  } catch (error) {
    if (error instanceof Error && (error.name === 'ExecutionDoesNotExist' || error.name === 'InvalidArn')) return undefined;
    throw error;
  }
}

/** True when some thread is in a Wait and none is in a task. */
function isWaiting(engine: Engine, executionArn: string): boolean {
  const count = createWaitCount();
  let nextToken: string | undefined;
  let seen = 0;
  do {
    const page = engine.getHistory({ executionArn, reverseOrder: true, maxResults: MAX_EVENTS, ...(nextToken ? { nextToken } : {}) });
    for (const { type } of page.items) count.see(type);
    seen += page.items.length;
    nextToken = page.nextToken;
  } while (nextToken !== undefined && seen < MAX_HISTORY_EVENTS);
  return count.waiting();
}

async function unlessGone(done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof Error && ['ExecutionDoesNotExist', 'TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'].includes(error.name)))
      throw error;
  }
}
