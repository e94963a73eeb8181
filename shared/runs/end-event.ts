// The event that tells a run's end, which is written after the end itself: who dies in between leaves it to the sweep.

import { endsRun } from './ends-run.ts';
import { EVENT_PREFIX, runPartition } from './keys.ts';
import { isFinal, type RunRecord, type RunStatus, runEventSchema } from './records.ts';
import type { EventType, Runs } from './runs.ts';

/** Whoever writes an end needs no longer than this for its event. */
const GRACE_MS = 30_000;
/** Appends the event of a run's end. @throws Error when the status is not one that ends a run */
export async function appendEnd(runs: Runs, { id, deadlineMs }: RunRecord, status: RunStatus, error?: string): Promise<void> {
  if (!isFinal(status)) throw new Error(`run ${id}: found the status ${status}, expected one that ends a run`);
  await runs.append(id, `run.${status}` as EventType, { status, ...(error === undefined ? {} : { error }) }, deadlineMs);
}

/**
 * Sees to it that the log of a run that has ended says so.
 * @returns false when it does not yet, because whoever wrote the end may be about to
 */
export async function ensureEndEvent(runs: Runs, run: RunRecord): Promise<boolean> {
  const [last] = await runs.store.list(runPartition(run.id), { prefix: EVENT_PREFIX, reverse: true, limit: 1 });
  if (last && endsRun(runEventSchema.parse(last.body).type)) return true;
  if (runs.clock.now() < (run.endedAtMs ?? 0) + GRACE_MS) return false;
  await appendEnd(runs, run, run.status, run.error?.error);
  return true;
}
