// Task tokens whose answer is on record and may not have reached the execution: whoever took it died before it told it.
//
//   U2. An answer younger than `GRACE_MS` is still with whoever took it. A token takes its first answer and no other: to be early is no harm.

import { callbackResult } from './callback.ts';
import { cancelAnswer } from './cancel.ts';
import { checkpointRecords } from './checkpoints.ts';
import { runRecordKey } from './keys.ts';
import { isClosed, type RunRecord } from './records.ts';
import { type TokenAnswer, tokenAnswer } from './resolve-checkpoint.ts';
import { findRun, listSteps } from './run-records.ts';
import type { Runs } from './runs.ts';

/** ms; U2. */
const GRACE_MS = 10_000;

/**
 * What is still to be told to tokens of a run: answers to checkpoints and callbacks that are on record, and the cancel of one that waits.
 * Answer each, then call `markAnswered`. Costs nothing for a run to which no answer came lately.
 *
 * @param run its record, or its id
 * @param graceMs answers younger than this are left to those who took them; 0 after a restart of the only process
 */
export async function unansweredTokens(runs: Runs, run: RunRecord | string, graceMs = GRACE_MS): Promise<TokenAnswer[]> {
  const record = typeof run === 'string' ? await findRun(runs, run) : run;
  // A closed run's executions take no answer: what waited has failed, or fails with the next step.
  if (!record || isClosed(record)) return [];
  const { answerAtMs, cancelledAtMs } = record;
  const before = runs.clock.now() - graceMs;
  const cancelled = record.cancel === true && (cancelledAtMs ?? 0) <= before;
  if (answerAtMs === undefined && !cancelled) return [];
  const tokens: TokenAnswer[] = [];
  let young = answerAtMs !== undefined && answerAtMs > before;
  const add = (answer: TokenAnswer, atMs = 0): void => {
    if (atMs <= before) tokens.push(answer);
    else young = true;
  };
  for (const checkpoint of await checkpointRecords(runs, record.id)) {
    const { state, token, at } = checkpoint;
    if (state === 'resolved' && checkpoint.answered === false) add(tokenAnswer(checkpoint), checkpoint.atMs);
    else if (cancelled && (state === 'open' || state === 'cancelled')) tokens.push(cancelAnswer(token, at));
  }
  for (const step of await listSteps(runs, record.id)) {
    const { at, token } = step;
    const result = step.answered === false ? callbackResult(step) : undefined;
    if (result) add({ ...result, at }, step.endedAtMs);
    else if (cancelled && step.state === 'waiting' && token !== undefined) tokens.push(cancelAnswer(token, at));
  }
  if (tokens.length === 0 && !young && answerAtMs !== undefined)
    await runs.store.update(runRecordKey(record.id), { remove: ['answerAtMs'] }, { equals: { answerAtMs } });
  return tokens;
}
