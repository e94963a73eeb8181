// The embedded engine as the service starts and ends executions.

import type { Executions } from '../../shared/orchestrate/ports.ts';
import type { Engine } from '../engine/index.ts';
import type { RuntimeParts } from '../runtime/index.ts';

/** Tokens that were answered by another, or whose task has ended. */
const ANSWERED = ['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'];

export function createLocalExecutions(engine: Engine, executions: RuntimeParts['executions']): Executions {
  return {
    async start({ entry, name, input }) {
      const stateMachineArn = entry.startArn;
      try {
        const { executionArn, startDate } = await engine.startExecution({ stateMachineArn, name, input: { value: input } });
        return { executionArn, startTime: new Date(startDate).toISOString() };
      } catch (error) {
        if (!(error instanceof Error && error.name === 'ExecutionAlreadyExists')) throw error;
        const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
        return { executionArn, startTime: new Date(engine.describeExecution(executionArn).startDate).toISOString() };
      }
    },
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
