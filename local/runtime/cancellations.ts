// Cancelled runs that go on: one that is in a task ends by itself, one that sits in a Wait has to be stopped. Which of the two it is can
// change with every step that ends beside the Wait.

import { CancelError, type CancelExecutions, cancelRun, findRun, forceCancel, type Runs } from '../../shared/runs/index.ts';

export interface Cancellations {
  /** Cancels a run and keeps an eye on it. @throws CancelError */
  cancel(runId: string): Promise<void>;
  /** Ends a run without undoing it. @throws CancelError */
  force(runId: string): Promise<void>;
  /** To be told of every event that was written. */
  written(runId: string): void;
  /** Keeps an eye on a run that was cancelled by another way. */
  resume(runId: string): Promise<void>;
  /** Carries out what is on record as cancelled: its tokens may not have been answered, or to an engine that did not know them yet. */
  again(runId: string): Promise<void>;
}

export function createCancellations(runsOf: () => Runs, executions: CancelExecutions): Cancellations {
  const watched = new Set<string>();

  async function stopWhereItWaits(runId: string): Promise<void> {
    const run = await findRun(runsOf(), runId);
    if (!run || (run.status !== 'running' && run.status !== 'waiting_checkpoint') || run.execution === null)
      return void watched.delete(runId);
    await runsOf().store.durable();
    if (await executions.isWaiting(run.execution)) {
      watched.delete(runId);
      await executions.stop(run.execution, 'Maestro.Cancelled', JSON.stringify({ message: 'the run was cancelled' }));
    }
  }

  return {
    async cancel(runId) {
      const plan = await cancelRun(runsOf(), executions, runId);
      if (!plan.ended) watched.add(runId);
    },
    async force(runId) {
      watched.delete(runId);
      await forceCancel(runsOf(), executions, runId);
    },
    written(runId) {
      // Once this turn's transitions are on record: the event stands before the state that follows it.
      if (watched.has(runId)) setImmediate(() => void stopWhereItWaits(runId).catch(() => {}));
    },
    async resume(runId) {
      watched.add(runId);
      await stopWhereItWaits(runId);
    },
    async again(runId) {
      watched.add(runId);
      await cancelRun(runsOf(), executions, runId).catch((error: unknown) => {
        if (!(error instanceof CancelError)) throw error;
      });
      await stopWhereItWaits(runId);
    },
  };
}
