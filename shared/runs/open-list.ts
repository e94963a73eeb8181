// The list that the sweep reads: runs that have not ended, or to which something is owed.

import type { Key } from '../store/index.ts';
import { listSk, openRunsPartition, runRecordKey, shardOf } from './keys.ts';
import { asRun, isFinal, type RunRecord } from './records.ts';
import type { Runs } from './runs.ts';

/** Puts a run back on the list that the sweep reads. @param late it stays there until the sweep has dealt with it, whatever ends meanwhile */
export async function reopenList(runs: Runs, run: RunRecord, late = false): Promise<void> {
  await runs.store.put(
    openKey(run),
    { id: run.id, workflow: run.workflow, ...(late ? { late } : {}) },
    undefined,
    runs.expiresAt(run.deadlineMs),
  );
}

/** Takes a run off that list. @param late also one that was put back */
export async function closeList(runs: Runs, run: RunRecord, late = false): Promise<void> {
  await runs.store.delete(openKey(run), late ? undefined : { equals: { late: null } });
}

/** Takes a run that has ended off that list, for good: unless another undo of it was begun meanwhile, for which it was put there. */
export async function leaveList(runs: Runs, run: RunRecord, late = false): Promise<void> {
  await closeList(runs, run, late);
  const [body] = await runs.store.read([runRecordKey(run.id)]);
  const now = body && asRun(body);
  if (now && !isFinal(now.status)) await reopenList(runs, now);
}

function openKey(run: RunRecord): Key {
  return { pk: openRunsPartition(shardOf(run.id)), sk: listSk(run.createdAtMs, run.id) };
}
