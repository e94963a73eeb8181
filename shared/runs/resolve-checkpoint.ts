// The answer to a checkpoint: checked, recorded once, and then given to the execution by whoever asked.

import type { ErrorDetail } from '../contract/index.ts';
import type { Json, JsonObject } from '../json.ts';
import { noteAnswer } from './answered.ts';
import { readAnswer } from './checkpoint-answer.ts';
import { checkpointId, checkpointRecords, closeCheckpoint, settleWaiting, stateNow } from './checkpoints.ts';
import { escapeReserved } from './escape.ts';
import { checkpointKey } from './keys.ts';
import { asCheckpoint, type CheckpointRecord } from './records.ts';
import { findRun } from './run-records.ts';
import type { Runs } from './runs.ts';

/** Characters of a rejection's reason that the failure repeats. */
const MAX_REASON = 500;

/**
 * An answer that is taken has to reach the execution before its task has timed out: ms for that, or a tenth of the time of a checkpoint that is open
 * for less than ten seconds.
 */
const TELL_MS = 1_000;

/** What the execution's task token has to be answered with; the output of a checkpoint is `{decision, answer, by, at}`. */
export type TokenAnswer = { token: string; at: string } & ({ ok: true; output: Json } | { ok: false; error: string; cause: string });

const REASONS = {
  unknown: 'there is no such checkpoint',
  wrong: 'the answer is not one that it takes',
  resolved: 'it has been answered',
  cancelled: 'its run was cancelled or has ended',
  expired: 'its time is over',
} as const;

/** `wrong`: the answer was not taken and the checkpoint stays open; `details` say why. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly reason: keyof typeof REASONS;
  readonly details: ErrorDetail[];

  constructor(id: string, reason: CheckpointError['reason'], details: ErrorDetail[] = []) {
    super(`checkpoint ${id}: ${REASONS[reason]}`);
    this.reason = reason;
    this.details = details;
  }
}

/**
 * Takes the answer to an open checkpoint. When it is on record, it counts: answer the token that comes back, then call `markAnswered`. If this
 * process dies before that, `unansweredTokens` has it.
 *
 * @param id `chk_…`
 * @param body `{decision?, …answer}`
 * @param by who answers: shown in the output and the event
 * @param before done once the answer is found to be right, before it is recorded. Another answer may still be quicker.
 * @throws CheckpointError
 */
export async function resolveCheckpoint(
  runs: Runs,
  runId: string,
  id: string,
  body: JsonObject,
  by: string,
  before: () => Promise<unknown> = async () => {},
): Promise<TokenAnswer> {
  const [run, records] = await Promise.all([findRun(runs, runId), checkpointRecords(runs, runId)]);
  const checkpoint = records.find(({ at }) => checkpointId(runId, at) === id);
  if (!run || !checkpoint) throw new CheckpointError(id, 'unknown');
  const now = runs.clock.now();
  const state = stateNow(checkpoint, run, now);
  if (state !== 'open') {
    if (state === 'expired' && (await closeCheckpoint(runs, runId, checkpoint, 'expired'))) await settleWaiting(runs, runId);
    throw new CheckpointError(id, state);
  }
  if (now >= checkpoint.expiresAtMs - Math.min(TELL_MS, (checkpoint.expiresAtMs - checkpoint.openedAtMs) / 10))
    throw new CheckpointError(id, 'expired');
  const read = readAnswer(checkpoint, body);
  if (!read.ok) throw new CheckpointError(id, 'wrong', read.details);

  await before();
  await noteAnswer(runs, runId);
  const set: JsonObject = {
    state: 'resolved',
    decision: read.decision,
    answer: escapeReserved(read.answer),
    by,
    atMs: runs.clock.now(),
    answered: false,
  };
  const written = await runs.store.update(checkpointKey(runId, checkpoint.at), { set }, { equals: { state: 'open' } });
  if (!written) {
    const [other] = await runs.store.read([checkpointKey(runId, checkpoint.at)]);
    const ended = other && asCheckpoint(other).state;
    throw new CheckpointError(id, ended === undefined || ended === 'open' ? 'unknown' : ended);
  }
  await settleWaiting(runs, runId);
  const { step, at } = checkpoint;
  await runs.append(runId, 'checkpoint.resolved', { step, at, checkpoint: id, decision: read.decision, by }, run.deadlineMs);
  await runs.store.durable();
  return tokenAnswer(asCheckpoint(written));
}

/** What the token of a resolved checkpoint is answered with. */
export function tokenAnswer({ step, at, token, decision, answer = null, by = '', atMs = 0 }: CheckpointRecord): TokenAnswer {
  if (decision !== 'reject')
    return { token, at, ok: true, output: { decision: decision ?? null, answer, by, at: new Date(atMs).toISOString() } };
  const reason = typeof answer === 'object' && answer !== null && !Array.isArray(answer) ? answer['reason'] : undefined;
  const message = `rejected by ${by}${typeof reason === 'string' && reason !== '' ? `: ${reason.slice(0, MAX_REASON)}` : ''}`;
  return { token, at, ok: false, error: 'Maestro.Rejected', cause: JSON.stringify({ step, message }) };
}
