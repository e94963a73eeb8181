// The embedded engine as the service starts and ends executions.

import type { Executions } from '../../shared/orchestrate/ports.ts';
import type { Engine } from '../engine/index.ts';
import { type RuntimeParts, startExecution } from '../runtime/index.ts';

/** Tokens that were answered by another, or whose task has ended. */
const ANSWERED = ['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'];

export function createLocalExecutions(engine: Engine, executions: RuntimeParts['executions']): Executions {
  return {
    start: (request) => startExecution(engine, request),
    async succeedTask(token, output) {
      try {
        await engine.sendTaskSuccess(token, JSON.stringify(output));
      } catch (error) {
        if (!(error instanceof Error && ANSWERED.includes(error.name))) throw error;
      }
    },
    failTask: executions.failTask,
    stop: executions.stop,
    isWaiting: executions.isWaiting,
  };
}
