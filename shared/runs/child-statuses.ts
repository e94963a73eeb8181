// How the sub-workflows of a run ended: theirs is for their own records to say.

import { owed } from './owed.ts';
import type { RunStatus, StepRecord } from './records.ts';
import { findRun, listSteps } from './run-records.ts';
import type { Runs } from './runs.ts';

/** Statuses by public id of the sub-workflows that these steps stand for. Those that owe nothing are left out, and those without a record. */
export async function childStatuses(runs: Runs, steps: readonly StepRecord[]): Promise<Map<string, RunStatus>> {
  const statuses = new Map<string, RunStatus>();
  for (const { child } of steps) {
    const found = child === undefined ? undefined : await findRun(runs, child);
    if (!found) continue;
    // A child without a single call is on record only when its end is told, perhaps after its parent's undo has passed it: it owes nothing.
    const nothing =
      found.status === 'completed' &&
      !found.link?.undo &&
      (await listSteps(runs, found.id)).every((step) => owed(step, found.round ?? 1) === 'nothing');
    if (!nothing) statuses.set(found.id, found.status);
  }
  return statuses;
}
