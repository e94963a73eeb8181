// Starting an execution of the embedded engine, as `Executions.start` promises it.

import type { Executions } from '../../shared/orchestrate/index.ts';
import type { Engine } from '../engine/index.ts';

/** Nothing is waited for before the engine is asked: a run's record and its execution are one commit. */
export async function startExecution(
  engine: Engine,
  { entry, name, input }: Parameters<Executions['start']>[0],
): ReturnType<Executions['start']> {
  const stateMachineArn = entry.startArn;
  try {
    const { executionArn, startDate } = await engine.startExecution({ stateMachineArn, name, input: { value: input } });
    return { executionArn, startTime: new Date(startDate).toISOString() };
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ExecutionAlreadyExists')) throw error;
    const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
    return { executionArn, startTime: new Date(engine.describeExecution(executionArn).startDate).toISOString() };
  }
}
