// A step that ended after its run was closed.

import { runRecordKey } from './keys.ts';
import { reopenList } from './open-list.ts';
import { isClosed, type RunRecord, type StepRecord } from './records.ts';
import type { Runs } from './runs.ts';

/** Whoever undoes the run may have passed this step already: so the sweep has to look at the run again. */
export async function noteLate(runs: Runs, run: RunRecord, step: StepRecord): Promise<void> {
  if (!isClosed(run) || !step.undo) return;
  await runs.store.update(runRecordKey(run.id), { set: { late: true } }, { present: true });
  await reopenList(runs, run, true);
}
