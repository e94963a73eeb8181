// The answer to an `await: callback`: recorded, with the finished undo request, before the execution's token is answered.

import { hash, timingSafeEqual } from 'node:crypto';
import type { Json, JsonObject } from '../json.ts';
import { noteAnswer } from './answered.ts';
import { escapeReserved } from './escape.ts';
import { writeDone } from './finish-step.ts';
import { runRecordKey, stepKey } from './keys.ts';
import { noteLate } from './late-step.ts';
import { asRun, asStep, type RunRecord, type StepRecord, stopField } from './records.ts';
import type { Runs } from './runs.ts';
import type { Shape } from './values.ts';

/** What a message said about its result and its failure; kept on the record until the answer comes. */
export type CallbackTerms = Shape & { onError?: 'continue'; stops?: string[]; deadlineMs: number };

/** What the service says: its result, or that it failed. */
export type CallbackAnswer = { ok: true; value: Json } | { ok: false; error: string; message: string };

/** What the execution's task token has to be answered with. */
export type CallbackResult = TokenResult & { runId: string; at: string; repeated: boolean };

type TokenResult = { token: string } & ({ ok: true; output: Json } | { ok: false; error: string; cause: string });

/** `unknown`: there is no such callback. `over`: its step has ended otherwise (timed out, cancelled, undone). */
export class CallbackError extends Error {
  override readonly name = 'CallbackError';
  readonly reason: 'unknown' | 'over';

  constructor(reason: CallbackError['reason']) {
    super(reason === 'unknown' ? 'callback: there is no such callback' : 'callback: its step has ended without it');
    this.reason = reason;
  }
}

/** The one-time token in a callback's URL: names run and place, and holds the secret that the record has. */
export function callbackToken(runId: string, { at, callback }: StepRecord): string {
  return `${runId}.${at}.${callback ?? ''}`;
}

/**
 * Takes the answer to a callback. The first one counts: another gets the same result, marked as `repeated` (whoever took the first may have
 * died before it answered the token). Answer the token that comes back, then call `markAnswered`; if this process dies before that,
 * `unansweredTokens` has it.
 * @param before done once the token is found to be right, before the answer is recorded. Another answer may still be quicker.
 * @throws CallbackError
 */
export async function completeCallback(
  runs: Runs,
  urlToken: string,
  answer: CallbackAnswer,
  before: (run: RunRecord, at: string) => Promise<unknown> = async () => {},
): Promise<CallbackResult> {
  const { runId, at } = parseToken(urlToken);
  const [runBody, stepBody] = await runs.store.read([runRecordKey(runId), stepKey(runId, at)]);
  const step = stepBody && asStep(stepBody);
  if (!runBody || !step?.callback || !sameText(urlToken, callbackToken(runId, step))) throw new CallbackError('unknown');
  const ended = callbackResult(step);
  if (ended) return { ...ended, runId, at, repeated: true };
  if (step.state !== 'waiting' && step.state !== 'started' && !step.sealed) throw new CallbackError('over');
  const terms = (step.shape ?? {}) as unknown as CallbackTerms;
  await before(asRun(runBody), at);
  await noteAnswer(runs, runId);
  const written = answer.ok
    ? await writeAnswer(runs, runId, step, terms, answer.value)
    : await writeFailure(runs, runId, step, terms, answer);
  if (!written) {
    const [again] = await runs.store.read([stepKey(runId, at)]);
    const other = again && callbackResult(asStep(again));
    if (other) return { ...other, runId, at, repeated: true };
    throw new CallbackError('over');
  }
  const error = written.failure?.error;
  await runs.append(
    runId,
    error ? 'step.failed' : 'step.completed',
    { step: step.step, at, attempt: step.attempt, ...(error ? { error } : {}) },
    terms.deadlineMs,
  );
  const [control] = await runs.store.read([runRecordKey(runId)]);
  if (control) await noteLate(runs, asRun(control), written);
  await runs.store.durable();
  const result = callbackResult(written);
  if (!result) throw new CallbackError('over');
  return { ...result, runId, at, repeated: false };
}

async function writeAnswer(
  runs: Runs,
  runId: string,
  step: StepRecord,
  terms: CallbackTerms,
  value: Json,
): Promise<StepRecord | undefined> {
  // Over a sealed step it is late, like the end of a call.
  const { undoState: _state, undoRound: _round, ...asked } = step;
  const started = step.sealed ? ({ ...asked, state: 'waiting' } as const) : step;
  return writeDone(runs, runId, { ...started, answered: false }, escapeReserved(value), {
    shape: terms,
    tooLarge: (path, bytes, budget) => ({
      name: 'Maestro.ResultTooLarge',
      message: JSON.stringify({
        step: step.step,
        message: `${path === '' ? 'the answer' : `"${path}" of the answer`} has ${bytes} bytes; ${budget} fit`,
      }),
    }),
    mark: () => marks(terms),
    expiresAt: runs.expiresAt(terms.deadlineMs),
  });
}

/** A service that says it failed has not performed the step; a doubt about an earlier attempt stays. */
async function writeFailure(
  runs: Runs,
  runId: string,
  step: StepRecord,
  terms: CallbackTerms,
  { error, message }: { error: string; message: string },
): Promise<StepRecord | undefined> {
  const failure = { error, message: JSON.stringify({ step: step.step, message: message.slice(0, 2_000) }) };
  const set: JsonObject = {
    state: step.doubt ? 'unknown' : 'not_performed',
    endedAtMs: runs.clock.now(),
    failure,
    answered: false,
    ...marks(terms),
  };
  const body = await runs.store.update(stepKey(runId, step.at), { set }, { equals: { state: step.state, owner: step.owner } });
  if (!body) return undefined;
  if (terms.stops && terms.stops.length > 0) {
    await runs.store.update(
      runRecordKey(runId),
      { set: Object.fromEntries(terms.stops.map((block) => [stopField(block), true])) },
      { present: true },
    );
  }
  return asStep(body);
}

function marks({ onError }: CallbackTerms): { forGood: true; letGo?: true } {
  return onError === 'continue' ? { forGood: true, letGo: true } : { forGood: true };
}

/** What the token of a step with a recorded answer is answered with; undefined where there is none, or it came too late. */
export function callbackResult(step: StepRecord): TokenResult | undefined {
  const { token, failure } = step;
  if (token === undefined || step.sealed) return undefined;
  if (failure && (step.state === 'done' || step.state === 'not_performed' || step.state === 'unknown')) {
    return { token, ok: false, error: failure.error, cause: failure.message };
  }
  return step.state === 'done' ? { token, ok: true, output: step.output ?? null } : undefined;
}

function parseToken(urlToken: string): { runId: string; at: string } {
  const first = urlToken.indexOf('.');
  const last = urlToken.lastIndexOf('.');
  if (first < 1 || last <= first || last === urlToken.length - 1 || urlToken.length > 1_000) throw new CallbackError('unknown');
  return { runId: urlToken.slice(0, first), at: urlToken.slice(first + 1, last) };
}

/** Without telling by its time where they differ. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'));
}
