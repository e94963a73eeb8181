// Large values of runs that are no longer on record. On AWS a lifecycle rule of the bucket does this.

import { findRun, type Runs } from '../../shared/runs/index.ts';
import type { FolderBlobs } from '../../shared/store/sqlite/index.ts';

/** A run's first value is stored before its record is written. */
const GRACE_MS = 24 * 3_600_000;

/** Deletes the values of every run whose record has expired. Answers whose they were. */
export async function dropExpiredBlobs(blobs: FolderBlobs, runs: Runs): Promise<string[]> {
  const dropped: string[] = [];
  for (const { name, changedMs } of await blobs.owners()) {
    if (runs.clock.now() < changedMs + GRACE_MS || (await findRun(runs, name))) continue;
    await blobs.drop(name);
    dropped.push(name);
  }
  return dropped;
}
