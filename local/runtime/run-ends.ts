import { endRun, findRun, findRunId, isFinal, type Runs } from '../../shared/runs/index.ts';
import type { ExecutionStatusChange } from '../engine/index.ts';

export function createRecorder({ runs }: { runs: Runs }) {
  return {
    async onExecutionStatus(change: ExecutionStatusChange): Promise<void> {
      if (change.status === 'RUNNING') return;
      const id = await findRunId(runs, change.executionArn, change.startDate);
      const run = await findRun(runs, id);
      if (!run || isFinal(run.status)) return;
      if (change.status === 'SUCCEEDED') await endRun(runs, run, { status: 'completed', output: JSON.parse(change.output ?? 'null') });
      else
        await endRun(runs, run, {
          status: 'failed',
          error: { step: null, error: change.error ?? 'Maestro.Aborted', message: change.cause ?? '', also: [] },
        });
    },
  };
}
