// The undo claim on the RUN record: from the first undo call on, the run takes no new calls, and one undo is at work.

import type { JsonObject } from '../json.ts';
import type { RawError } from '../protocol/step-message.ts';
import { failureFields } from './error-info.ts';
import { runRecordKey } from './keys.ts';
import { reopenList } from './open-list.ts';
import { asRun, isFinal, type RunRecord } from './records.ts';
import type { Runs } from './runs.ts';

/** The chain of the execution itself, or of the undo machine: they carry the same claim. */
const CHAIN = 'chain';
/** Without a sign of life for this long, recovery looks whether the holder is still there. An undo call lasts at most 14 minutes. */
export const CLAIM_MS = 20 * 60_000;

/**
 * Takes the claim for a chain of undo states, or keeps it; the first to take it writes the failure and the status `compensating`.
 * Undefined when the run has ended, so that there is nothing left to do.
 */
export async function claimForChain(runs: Runs, run: RunRecord, error: RawError | null): Promise<RunRecord | undefined> {
  let seen = run;
  for (;;) {
    // A completed run is undone when its parent's is; any other end is one.
    if (isFinal(seen.status) && (seen.status !== 'completed' || seen.reported === true)) return undefined;
    const now = runs.clock.now();
    const held = seen.status === 'compensating' && (seen.claimBy ?? null) !== null;
    if (held && (seen.claimUntilMs ?? 0) - now > CLAIM_MS / 2) return seen;
    const set: JsonObject = {
      claimBy: seen.claimBy ?? CHAIN,
      claimUntilMs: now + CLAIM_MS,
      status: 'compensating',
      round: seen.round ?? 1,
    };
    if (!seen.error) Object.assign(set, failureFields(error));
    const body = await runs.store.update(
      runRecordKey(seen.id),
      { set },
      { equals: { status: seen.status, claimBy: seen.claimBy ?? null } },
    );
    if (body) {
      if (seen.status !== 'compensating')
        await runs.append(seen.id, 'compensation.started', { error: asRun(body).error?.error ?? null }, seen.deadlineMs);
      return asRun(body);
    }
    const [again] = await runs.store.read([runRecordKey(seen.id)]);
    if (!again) return undefined;
    seen = asRun(again);
  }
}

/**
 * Begins another round of the undo of a run that ended with something left, for the chain of the run that started it. False when it is not so
 * (any more).
 * @param pass of that chain (`undoPass`): written down, so that who asks again sees that it was begun
 */
export async function reopenForParent(runs: Runs, run: RunRecord, pass: string): Promise<boolean> {
  // On the list first: if the chain dies, the sweep goes on with it.
  await reopenList(runs, run);
  const round = (run.round ?? 1) + 1;
  const claimUntilMs = runs.clock.now() + CLAIM_MS;
  const set: JsonObject = { status: 'compensating', claimBy: CHAIN, claimUntilMs, round, reported: false, late: false, undoStarts: 0 };
  const body = await runs.store.update(
    runRecordKey(run.id),
    { set: { ...set, undoBegun: true, undoExecution: null, reopenedIn: pass } },
    { equals: { status: 'compensation_failed', round: run.round ?? null } },
  );
  if (!body) return false;
  await runs.append(run.id, 'compensation.started', { error: run.error?.error ?? null }, run.deadlineMs);
  return true;
}

/** Names one pass of undo states over a run: of a round, and of the undo machine that was started in it. */
export function undoPass(run: RunRecord): string {
  return `${run.round ?? 1}/${typeof run['undoStarts'] === 'number' ? run['undoStarts'] : 0}`;
}
