// A step's call: at least once, always with one key, recorded before and after.
//
//   C1. `started` is durable before the call, and the end is written before the function answers.
//   C2. A recorded end is answered from the record; no call is made again for it.
//   C3. An attempt that nobody knows the end of makes the step unknown until a later attempt succeeds.
//   C4. The record of an end is written only over one's own `started`; whoever finds it taken writes what is still true, or nothing.

import { breakerSettings, type Permit } from '../../shared/breaker/index.ts';
import type { CallOutcome } from '../../shared/calls/types.ts';
import { sleep } from '../../shared/clock.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { type ErrorName, NEVER_LET_GO, RETRYABLE } from '../../shared/protocol/errors.ts';
import type { CallMessage, EmitMessage } from '../../shared/protocol/step-message.ts';
import {
  asRun,
  asStep,
  BadReferenceError,
  type CallbackTerms,
  callbackToken,
  ensureRun,
  escapeReserved,
  noteLate,
  type RunKey,
  type RunRecord,
  runKeyOf,
  runRecordKey,
  type Shape,
  type StepRecord,
  stepKey,
  stopField,
  writeDone,
} from '../../shared/runs/index.ts';
import {
  DEFAULT_RETRY_MAX_MS,
  DEFAULT_TIMEOUT_MS,
  type Invocation,
  invocation,
  isLive,
  LEASE_MARGIN_MS,
  MIN_CALL_MS,
  POLL_MS,
  refusal,
  type StepContext,
  traceparent,
} from './context.ts';
import { buildRequest } from './request.ts';
import { type FailureFacts, failure, isRetryable, methodText, recordedFailure, type StepError } from './step-error.ts';

type Message = CallMessage | EmitMessage;

/** All that is known while one message is worked on. */
interface Work {
  context: StepContext;
  message: Message;
  /** 0 on the first try. */
  attempt: number;
  run: RunKey;
  me: Invocation;
  timeoutMs: number;
  /** The most of a `Retry-After` that is waited for. */
  retryMaxMs: number;
  deadlineMs: number;
  expiresAt: number;
}

interface Seen {
  run: RunRecord;
  step: StepRecord | undefined;
}

/** Performs a `call` or an `emit`. @throws StepError */
export async function callStep(context: StepContext, message: Message): Promise<Json> {
  const work = begin(context, message);
  let seen = await look(work, originOf(work));
  for (;;) {
    seen = await settleEarlier(work, seen);
    const answer = seen.step && (await fromRecord(work, seen.run, seen.step));
    if (answer) return answer.value;
    await refuseIfClosed(work, seen);
    if (await waitForRetryAfter(work, seen.step)) {
      seen = await look(work);
      continue;
    }
    const permit = await admit(work, seen);
    const started = await writeStarted(work, seen.step).catch((error: unknown) => giveBack(work, permit, error));
    if (started) return finish(work, seen.run, started, await perform(work, seen.run, started, permit));
    // Another invocation was quicker.
    await giveBack(work, permit);
    seen = await look(work);
  }
}

function begin(context: StepContext, message: Message): Work {
  const run = runKeyOf(message.run);
  const link = message.run[2];
  const deadlineMs = Math.min(run.startMs + message.limit, link?.deadline ?? Number.POSITIVE_INFINITY);
  const service = message.op === 'call' ? message.service.timeout : undefined;
  // A callback's own timeout is the wait for the answer; its request has the service's.
  const timeoutMs = (message.token === undefined ? message.timeout : undefined) ?? service ?? DEFAULT_TIMEOUT_MS;
  const retryMax = message.op === 'call' ? message.service.retryMax : undefined;
  const retryMaxMs = (message.attempts ?? 1) > 1 ? (retryMax ?? DEFAULT_RETRY_MAX_MS) : 0;
  const me = invocation(context, timeoutMs, retryMaxMs);
  return {
    context,
    message,
    attempt: message.attempt ?? 0,
    run,
    me,
    timeoutMs,
    retryMaxMs,
    deadlineMs,
    expiresAt: context.runs.expiresAt(deadlineMs),
  };
}

/** Control, step and (when nothing fresh is known) breaker in one read. */
async function look(work: Work, origin?: string): Promise<Seen> {
  const { context, message, run } = work;
  const keys = [runRecordKey(run.id), stepKey(run.id, message.at)];
  const breaker = origin === undefined ? undefined : context.breakers.keyToRead(origin);
  if (breaker) keys.push(breaker);
  const [runBody, stepBody, breakerBody] = await context.runs.store.read(keys);
  if (breaker && origin !== undefined) context.breakers.learn(origin, breakerBody);
  return { run: await ensureRun(context.runs, message.run, runBody, work.deadlineMs), step: stepBody && asStep(stepBody) };
}

/** Undefined where there is no breaker, or the configuration is bad: then the call says so. */
function originOf({ context, message }: Work): string | undefined {
  if (message.op !== 'call' || !breakerSettings(message.service.breaker)) return undefined;
  try {
    return context.caller.origin(message);
  } catch {
    return undefined;
  }
}

/** Waits for another invocation that may be at work on the same step, until it has ended or its lease has. */
async function settleEarlier(work: Work, seen: Seen): Promise<Seen> {
  const { context, me } = work;
  let now = seen;
  while (now.step?.state === 'started' && isLive(context, now.step.owner, now.step.leaseUntilMs)) {
    const left = Math.min(now.step.leaseUntilMs, me.endsAtMs) - context.runs.clock.now();
    if (left <= 0)
      throw failure('Maestro.ServiceTimeout', { ...facts(work), message: 'an earlier attempt has not ended', outcome: 'unknown' });
    await sleep(context.runs.clock, Math.min(left, POLL_MS));
    now = await look(work);
  }
  return now;
}

/** C2. Undefined: the record does not answer, a call has to be made. */
async function fromRecord(work: Work, run: RunRecord, step: StepRecord): Promise<{ value: Json } | undefined> {
  const { context, message } = work;
  if (step.state === 'done' || step.state === 'done_late') {
    if (step.failure) throw recordedFailure(step.failure);
    refuseCancelled(work, run);
    return { value: step.output ?? null };
  }
  if (step.state === 'waiting') {
    // The service has the request; what is new is only the token that its answer goes to.
    if (message.token !== undefined && message.token !== step.token) {
      await context.runs.store.update(
        stepKey(work.run.id, message.at),
        { set: { token: message.token } },
        { equals: { state: 'waiting' } },
      );
    }
    return { value: null };
  }
  if (step.sealed)
    throw failure('Maestro.Stopped', {
      ...facts(work),
      message: 'the run was recovered while this step had not ended',
      outcome: 'unknown',
    });
  if (step.failure && step.attempt >= work.attempt) {
    if (step.forGood) await markStopped(work, run, step.failure.error);
    throw recordedFailure(step.failure);
  }
  return undefined;
}

async function refuseIfClosed(work: Work, { run, step }: Seen): Promise<void> {
  const refused = refusal(run, work.message.blocks, work.deadlineMs, work.context.runs.clock.now());
  if (refused) throw await writeRefused(work, step, refused.name, refused.message);
}

function refuseCancelled(work: Work, run: RunRecord): void {
  if (run.cancel) throw failure('Maestro.Cancelled', { ...facts(work), message: 'the run was cancelled', outcome: 'done' });
}

/** True when it waited: then everything has to be looked at again. */
async function waitForRetryAfter({ context, retryMaxMs, deadlineMs }: Work, step: StepRecord | undefined): Promise<boolean> {
  const { clock } = context.runs;
  if (step?.retryAtMs === undefined) return false;
  const left = Math.min(step.retryAtMs, (step.endedAtMs ?? 0) + retryMaxMs, deadlineMs) - clock.now();
  if (left <= 0) return false;
  await sleep(clock, left);
  return true;
}

async function admit(work: Work, seen: Seen): Promise<Permit | undefined> {
  const { context, message } = work;
  const origin = originOf(work);
  if (origin === undefined || message.op !== 'call') return undefined;
  const settings = breakerSettings(message.service.breaker);
  if (!settings) return undefined;
  const admission = await context.breakers.admit(origin, settings);
  if (admission.admitted) return admission.permit;
  throw await writeRefused(
    work,
    seen.step,
    'Maestro.CircuitOpen',
    `the circuit breaker of ${origin} is open until ${new Date(admission.retryAtMs).toISOString()}`,
  );
}

async function giveBack({ context }: Work, permit: Permit | undefined, error?: unknown): Promise<undefined> {
  if (permit) await context.breakers.report(permit, 'none');
  if (error !== undefined) throw error;
  return undefined;
}

/** Writes `started` over what was seen. Undefined when the record has changed since. */
async function writeStarted(work: Work, before: StepRecord | undefined): Promise<StepRecord | undefined> {
  const { context, message, me, run } = work;
  const now = context.runs.clock.now();
  const record: StepRecord = {
    step: message.step,
    at: message.at,
    kind: message.op === 'emit' ? 'emit' : message.token === undefined ? 'call' : 'callback',
    state: 'started',
    attempt: work.attempt,
    owner: me.owner,
    leaseUntilMs: now + callTime(work, now) + LEASE_MARGIN_MS,
    startedAtMs: before?.startedAtMs ?? now,
  };
  if (message.op === 'call') record.service = message.service.name;
  if (message.undo) record.undo = message.undo;
  if (message.irreversible) record.irreversible = true;
  // C3: an earlier `started` that nobody ended is an attempt of unknown outcome.
  if (before?.doubt || before?.state === 'started' || before?.state === 'unknown') record.doubt = true;
  if (message.token !== undefined) {
    record.token = message.token;
    record.callback = before?.callback ?? context.secret();
    record.shape = { ...termsOf(work) };
  }
  const condition = before
    ? { equals: { state: before.state, owner: before.owner, attempt: before.attempt } }
    : ({ absent: true } as const);
  if (!(await context.runs.store.put(stepKey(run.id, message.at), record as unknown as JsonObject, condition, work.expiresAt)))
    return undefined;
  await context.runs.append(run.id, 'step.started', { step: message.step, at: message.at, attempt: work.attempt }, work.deadlineMs);
  return record;
}

function callTime({ timeoutMs, deadlineMs, me }: Work, now: number): number {
  return Math.max(MIN_CALL_MS, Math.min(timeoutMs, deadlineMs - now, me.endsAtMs - now - LEASE_MARGIN_MS / 2));
}

/** Makes the call. Everything that goes wrong is an outcome. */
async function perform(work: Work, run: RunRecord, started: StepRecord, permit: Permit | undefined): Promise<CallOutcome> {
  const { context, message } = work;
  let verdict: 'good' | 'bad' | 'none' = 'none';
  try {
    const outcome = message.op === 'emit' ? await emit(work, message) : await call(work, message, run, started);
    verdict = outcome.outcome === 'done' || outcome.outcome === 'unusable' ? 'good' : verdictOf(outcome.error);
    return outcome;
  } finally {
    if (permit) await context.breakers.report(permit, verdict);
  }
}

function verdictOf(error: ErrorName): 'good' | 'bad' | 'none' {
  if (RETRYABLE.includes(error)) return 'bad';
  return error === 'Maestro.BadConfiguration' ? 'none' : 'good';
}

async function call(work: Work, message: CallMessage, record: RunRecord, started: StepRecord): Promise<CallOutcome> {
  const { context, run } = work;
  const callbackUrl = started.callback === undefined ? undefined : context.callbackUrl?.(callbackToken(run.id, started));
  if (started.callback !== undefined && callbackUrl === undefined)
    return badConfiguration('no callback URL is configured, so an answer could not be received');
  try {
    const request = await buildRequest(context.runs, message, {
      run,
      workflow: record.workflow,
      step: message.step,
      at: message.at,
      attempt: work.attempt,
      timeoutMs: callTime(work, context.runs.clock.now()),
      idempotencyKey: `${run.id}/${message.at}`,
      ...(callbackUrl === undefined ? {} : { callbackUrl, callbackAt: message.callbackAt ?? [] }),
    });
    await context.runs.store.durable();
    return await context.caller.call(request);
  } catch (error) {
    if (error instanceof BadReferenceError) return badConfiguration(error.message);
    throw error;
  }
}

async function emit(work: Work, message: EmitMessage): Promise<CallOutcome> {
  const { context, run } = work;
  if (!context.putEvents) return badConfiguration('no event bus is configured');
  await context.runs.store.durable();
  return context.putEvents({
    source: message.source,
    detailType: message.detailType,
    detail: message.detail,
    runId: run.id,
    stepId: message.step,
    traceparent: traceparent(run, message.at, work.attempt),
  });
}

function badConfiguration(message: string): CallOutcome {
  return { outcome: 'not_performed', error: 'Maestro.BadConfiguration', message, detail: {} };
}

/** Writes the end, looks at the control record once more, and answers or throws. */
async function finish(work: Work, run: RunRecord, started: StepRecord, outcome: CallOutcome): Promise<Json> {
  if (outcome.outcome === 'done') {
    if (started.kind === 'callback') return finishAccepted(work, started);
    return finishDone(work, started, escapeReserved(outcome.value));
  }
  const error =
    outcome.error === 'Maestro.ServiceTimeout' && work.context.runs.clock.now() >= work.deadlineMs
      ? 'Maestro.DeadlineExceeded'
      : outcome.error;
  const state = outcome.outcome === 'unusable' ? 'done' : outcome.outcome;
  const told = failure(error, { ...facts(work), message: outcome.message, outcome: state, detail: outcome.detail });
  if (outcome.outcome === 'unusable') return finishDone(work, started, null, told);
  return finishFailed(work, run, started, { ...outcome, error }, told);
}

async function finishDone(work: Work, started: StepRecord, answer: Json, unusable?: StepError): Promise<Json> {
  const { context, message, run } = work;
  const written = await writeDone(context.runs, run.id, started, answer, {
    shape: shapeOf(message),
    ...(unusable ? { failure: unusable } : {}),
    tooLarge: (path, bytes, budget) =>
      failure('Maestro.ResultTooLarge', {
        ...facts(work),
        outcome: 'done',
        message: `${path === '' ? 'the result' : `"${path}" of the result`}, which later steps read, has ${bytes} bytes; ${budget} fit: select less of it`,
      }),
    mark: (failed) => forGoodMarks(work, failed.name),
    expiresAt: work.expiresAt,
  });
  // C4: the record went on without us. What it says now is the answer.
  if (!written) return lateAnswer(work, await look(work));
  const type = written.failure ? 'step.failed' : 'step.completed';
  await context.runs.append(
    run.id,
    type,
    { step: message.step, at: message.at, attempt: work.attempt, ...(written.failure ? { error: written.failure.error } : {}) },
    work.deadlineMs,
  );
  const { run: control } = await look(work);
  await noteLate(context.runs, control, written);
  if (written.failure) {
    await markStopped(work, control, written.failure.error);
    throw recordedFailure(written.failure);
  }
  refuseCancelled(work, control);
  return written.output ?? null;
}

/** The service accepted the request of a callback: the step is done when it answers. */
async function finishAccepted(work: Work, started: StepRecord): Promise<Json> {
  const { context, message, run } = work;
  const record: StepRecord = { ...started, state: 'waiting', leaseUntilMs: 0 };
  if (!(await context.runs.store.put(stepKey(run.id, message.at), record as unknown as JsonObject, mine(started), work.expiresAt))) {
    return lateAnswer(work, await look(work));
  }
  refuseCancelled(work, (await look(work)).run);
  return null;
}

async function finishFailed(
  work: Work,
  run: RunRecord,
  started: StepRecord,
  outcome: Exclude<CallOutcome, { outcome: 'done' }>,
  told: StepError,
): Promise<never> {
  const { context, message } = work;
  const now = context.runs.clock.now();
  const doubt = started.doubt === true || outcome.outcome === 'unknown';
  const record: StepRecord = {
    ...started,
    state: doubt ? 'unknown' : 'not_performed',
    endedAtMs: now,
    leaseUntilMs: 0,
    failure: { error: told.name, message: told.message },
  };
  if (doubt) record.doubt = true;
  if (outcome.retryAfterMs !== undefined) record.retryAtMs = now + outcome.retryAfterMs;
  Object.assign(record, forGoodMarks(work, told.name));
  if (!(await context.runs.store.put(stepKey(work.run.id, message.at), record as unknown as JsonObject, mine(started), work.expiresAt)))
    throw told;
  const type = record.forGood ? 'step.failed' : 'step.retrying';
  await context.runs.append(
    work.run.id,
    type,
    { step: message.step, at: message.at, attempt: work.attempt, error: told.name, outcome: record.state },
    work.deadlineMs,
  );
  if (record.forGood) await markStopped(work, run, told.name);
  throw told;
}

/** A call that was not begun. A doubt about an earlier attempt stays. */
async function writeRefused(work: Work, before: StepRecord | undefined, name: ErrorName, message: string): Promise<StepError> {
  const { context, run } = work;
  const now = context.runs.clock.now();
  const doubt = before?.doubt === true || before?.state === 'started' || before?.state === 'unknown';
  const told = failure(name, { ...facts(work), message, outcome: doubt ? 'unknown' : 'not_performed' });
  const record: StepRecord = {
    step: work.message.step,
    at: work.message.at,
    kind: work.message.op === 'emit' ? 'emit' : 'call',
    startedAtMs: now,
    ...before,
    state: doubt ? 'unknown' : 'not_performed',
    attempt: work.attempt,
    owner: work.me.owner,
    leaseUntilMs: 0,
    endedAtMs: now,
    failure: { error: told.name, message: told.message },
    ...forGoodMarks(work, name),
  };
  if (doubt) record.doubt = true;
  const condition = before
    ? { equals: { state: before.state, owner: before.owner, attempt: before.attempt } }
    : ({ absent: true } as const);
  if (await context.runs.store.put(stepKey(run.id, work.message.at), record as unknown as JsonObject, condition, work.expiresAt)) {
    await context.runs.append(
      run.id,
      'step.failed',
      { step: work.message.step, at: work.message.at, attempt: work.attempt, error: name, outcome: record.state },
      work.deadlineMs,
    );
    const [control] = await context.runs.store.read([runRecordKey(run.id)]);
    if (control) await markStopped(work, asRun(control), name);
  }
  return told;
}

/** What a failure means for the step: for good when nobody tries again, let go when the file says so. */
function forGoodMarks({ message, attempt }: Work, name: string): { forGood?: true; letGo?: true } {
  const forGood = !isRetryable(name) || attempt + 1 >= (message.attempts ?? 1);
  if (!forGood) return {};
  const letGo = message.onError === 'continue' && !(NEVER_LET_GO as readonly string[]).includes(name);
  return letGo ? { forGood, letGo } : { forGood };
}

/** Stops the blocks that this failure ends, also where a block around them lets it go: `stops` has only those that end. A stop needs no mark. */
async function markStopped(work: Work, run: RunRecord, name: string): Promise<void> {
  const { context, message } = work;
  const fields = (message.stops ?? []).map(stopField).filter((field) => run[field] !== true);
  if (fields.length === 0 || name === 'Maestro.Stopped') return;
  await context.runs.store.update(
    runRecordKey(work.run.id),
    { set: Object.fromEntries(fields.map((field) => [field, true])) },
    { present: true },
  );
}

/** C4, from the other side: the end that someone else has written, or that it was too late. */
async function lateAnswer(work: Work, { run, step }: Seen): Promise<Json> {
  const answer = step && (await fromRecord(work, run, step));
  if (answer) return answer.value;
  throw failure('Maestro.ServiceTimeout', { ...facts(work), message: 'a later attempt took over', outcome: 'unknown' });
}

/** What whoever takes a callback's answer has to know. */
function termsOf({ message, deadlineMs }: Work): CallbackTerms {
  const terms: CallbackTerms = { ...shapeOf(message), deadlineMs };
  if (message.onError) terms.onError = message.onError;
  if (message.stops) terms.stops = message.stops;
  return terms;
}

function shapeOf(message: Message): Shape {
  const shape: Shape = {};
  if (message.select) shape.select = message.select;
  if (message.keep) shape.keep = message.keep;
  if (message.budget !== undefined) shape.budget = message.budget;
  return shape;
}

function mine({ owner }: StepRecord): { equals: { state: string; owner: string } } {
  return { equals: { state: 'started', owner } };
}

function facts({ message, attempt }: Work): Omit<FailureFacts, 'message'> {
  const { step } = message;
  if (message.op === 'emit') return { step, attempt };
  const method = methodText(message.verb, message.method);
  return { step, attempt, service: message.service.name, ...(method === undefined ? {} : { method }) };
}
