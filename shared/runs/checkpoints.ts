// Checkpoints of a run: their ids, how they stand, and what they mean for the run's status.
//
//   P1. What a record says is what was written; how a checkpoint stands also depends on the time and on its run. An open one past its expiry
//       is expired, one of a run that was cancelled or takes nothing new is cancelled, whether or not anybody has written so yet.
//   P2. The run waits while a checkpoint of it is open. Whoever opens or ends one settles the status afterwards, and looks again after every
//       write of it: so the last one to write has seen every checkpoint as it then was.
//   P3. The task token is in the record and in no view.

import { createHash } from 'node:crypto';
import type { JsonObject } from '../json.ts';
import { CHECKPOINT_PREFIX, checkpointKey, runPartition, runRecordKey } from './keys.ts';
import { asCheckpoint, type CheckpointRecord, isClosed, type RunRecord, type StepRecord } from './records.ts';
import { findRun } from './run-records.ts';
import type { Runs } from './runs.ts';

/** Crockford's base32, as ULIDs have it. */
const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ID_CHARS = 26;

/** A checkpoint as it stands now (P1), without its token. */
export type RunCheckpoint = Omit<CheckpointRecord, 'token'> & {
  /** `chk_…` */
  id: string;
};

/** The public id of the checkpoint at a place of a run: stable, and nothing can be read from it. */
export function checkpointId(runId: string, at: string): string {
  const hash = createHash('sha256').update(`${runId}/${at}`).digest();
  let id = '';
  for (let bit = 0; id.length < ID_CHARS; bit += 5) {
    // Five bits from two neighbouring bytes.
    const pair = ((hash[bit >> 3] ?? 0) << 8) | (hash[(bit >> 3) + 1] ?? 0);
    id += BASE32[(pair >> (11 - (bit & 7))) & 31];
  }
  return `chk_${id}`;
}

/**
 * All checkpoints of a run, the oldest first. Those with `state: 'open'` wait for an answer.
 * @param run its record, where it is at hand
 */
export async function listCheckpoints(runs: Runs, runId: string, run?: RunRecord): Promise<RunCheckpoint[]> {
  const [record, records] = await Promise.all([run ?? findRun(runs, runId), checkpointRecords(runs, runId)]);
  const now = runs.clock.now();
  return records
    .map((checkpoint) => {
      const { token: _token, ...shown } = checkpoint;
      return { ...shown, id: checkpointId(runId, checkpoint.at), state: stateNow(checkpoint, record, now) } as RunCheckpoint;
    })
    .sort((a, b) => a.openedAtMs - b.openedAtMs || (a.at < b.at ? -1 : 1));
}

/** A checkpoint in the form of a step's record, so that it is shown among the steps of its run. It owes nothing. */
export function checkpointStep(checkpoint: RunCheckpoint): StepRecord {
  const { step, at, state, openedAtMs, atMs, expiresAtMs, reusedFrom } = checkpoint;
  const record: StepRecord = {
    step,
    at,
    kind: 'checkpoint',
    state: 'waiting',
    attempt: 0,
    owner: '',
    leaseUntilMs: 0,
    startedAtMs: openedAtMs,
  };
  if (state === 'open') return record;
  const failure = failureOf(checkpoint);
  record.state = failure ? 'not_performed' : 'done';
  if (failure) record.failure = failure;
  const endedAtMs = atMs ?? (state === 'expired' ? expiresAtMs : undefined);
  if (endedAtMs !== undefined) record.endedAtMs = endedAtMs;
  if (state === 'expired' && checkpoint.onTimeout === 'continue') record.letGo = true;
  if (reusedFrom !== undefined) record['reused'] = true;
  return record;
}

/**
 * Writes down which checkpoints of a run have expired, and lets its status follow. Does nothing (and costs nothing) before the first expiry.
 * For those who go on with a run after a timeout, and for the sweep.
 */
export async function expireCheckpoints(runs: Runs, run: RunRecord): Promise<void> {
  const now = runs.clock.now();
  if (run.status !== 'waiting_checkpoint' || now < (run.checkpointUntilMs ?? 0)) return;
  for (const checkpoint of await checkpointRecords(runs, run.id)) {
    if (checkpoint.state === 'open' && now >= checkpoint.expiresAtMs) await closeCheckpoint(runs, run.id, checkpoint, 'expired');
  }
  await settleWaiting(runs, run.id);
}

/** Ends an open checkpoint without an answer. False when it was not open any more. */
export async function closeCheckpoint(
  runs: Runs,
  runId: string,
  { at, expiresAtMs }: Pick<CheckpointRecord, 'at' | 'expiresAtMs'>,
  state: 'expired' | 'cancelled',
): Promise<boolean> {
  const set: JsonObject = { state, atMs: state === 'expired' ? expiresAtMs : runs.clock.now() };
  return (await runs.store.update(checkpointKey(runId, at), { set }, { equals: { state: 'open' } })) !== undefined;
}

/** Lets the run's status say whether a checkpoint of it is open (P2). Never over another status than these two. */
export async function settleWaiting(runs: Runs, runId: string): Promise<void> {
  let written: number | undefined;
  for (;;) {
    const now = runs.clock.now();
    let until = Number.POSITIVE_INFINITY;
    for (const { state, expiresAtMs } of await checkpointRecords(runs, runId)) {
      if (state === 'open' && now < expiresAtMs) until = Math.min(until, expiresAtMs);
    }
    if (until === written) return;
    written = until;
    await runs.store.update(
      runRecordKey(runId),
      Number.isFinite(until)
        ? { set: { status: 'waiting_checkpoint', checkpointUntilMs: until } }
        : { set: { status: 'running' }, remove: ['checkpointUntilMs'] },
      { oneOf: { status: ['running', 'waiting_checkpoint'] } },
    );
  }
}

/** The records of a run's checkpoints, in place order. */
export async function checkpointRecords(runs: Runs, runId: string): Promise<CheckpointRecord[]> {
  const items = await runs.store.list(runPartition(runId), { prefix: CHECKPOINT_PREFIX });
  return items.map(({ body }) => asCheckpoint(body));
}

/** P1. */
export function stateNow(checkpoint: CheckpointRecord, run: RunRecord | undefined, nowMs: number): CheckpointRecord['state'] {
  if (checkpoint.state !== 'open') return checkpoint.state;
  if (!run || run.cancel) return 'cancelled';
  // Its state may time out a moment before the record says so: then this step is what ended the run.
  if (isClosed(run) && run.error?.step === checkpoint.step) return 'expired';
  if (isClosed(run)) return (run.endedAtMs ?? nowMs) >= checkpoint.expiresAtMs ? 'expired' : 'cancelled';
  return nowMs >= checkpoint.expiresAtMs ? 'expired' : 'open';
}

/** Why a checkpoint that is not open has no answer to go on with; undefined where it has. */
function failureOf({ state, decision, by, onTimeout }: RunCheckpoint): { error: string; message: string } | undefined {
  if (state === 'cancelled') return { error: 'Maestro.Cancelled', message: 'its run was cancelled or has ended' };
  if (state === 'expired')
    return { error: onTimeout === 'reject' ? 'Maestro.Rejected' : 'States.Timeout', message: 'nobody answered in time' };
  return decision === 'reject' ? { error: 'Maestro.Rejected', message: `rejected by ${by ?? ''}` } : undefined;
}
