// A step's call: at least once, always with one key, recorded before and after.
//
//   C1. `started` is durable before the call, and the end is written before the function answers.
//   C2. A recorded end is answered from the record; no call is made again for it.
//   C3. An attempt that nobody knows the end of makes the step unknown until a later attempt succeeds.
//   C4. The record of an end is written only over one's own `started`; whoever finds it taken writes what is still true, or nothing.

import { breakerSettings, type Permit, type Verdict } from '../../shared/breaker/index.ts';
import type { CallOutcome, CallRequest } from '../../shared/calls/types.ts';
import { sleep } from '../../shared/clock.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { CallMessage, EmitMessage } from '../../shared/protocol/step-message.ts';
import { callbackToken, type RunRecord, type StepRecord, stepKey } from '../../shared/runs/index.ts';
import { finish, fromRecord, writeRefused } from './call-end.ts';
import { beginWork, callTime, facts, kindOf, look, type Message, originOf, type Seen, termsOf, type Work } from './call-work.ts';
import {
  isLive,
  LEASE_MARGIN_MS,
  POLL_MS,
  refusal,
  type StepContext,
  tellBreaker,
  traceparent,
  verdictOf,
  withinLease,
} from './context.ts';
import { buildRequest, notLoaded } from './request.ts';
import { printOf, reuseStep } from './reuse.ts';
import { failure } from './step-error.ts';

/** Performs a `call` or an `emit`. @throws StepError */
export async function callStep(context: StepContext, message: Message): Promise<Json> {
  const work = beginWork(context, message);
  let seen = await look(work, originOf(work));
  // An invocation has the time for one such wait.
  let waited = false;
  for (;;) {
    seen = await settleEarlier(work, seen);
    const answer = seen.step && (await fromRecord(work, seen.run, seen.step));
    if (answer) return answer.value;
    if (!seen.step && seen.run.reuse !== undefined && !isClosedFor(work, seen.run) && (await reuseStep(work, seen.run))) {
      seen = await look(work);
      continue;
    }
    await refuseIfClosed(work, seen);
    if (!waited && (await waitForRetryAfter(work, seen.step))) {
      waited = true;
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

function isClosedFor(work: Work, run: RunRecord): boolean {
  return refusal(run, work.message.blocks, work.deadlineMs, work.context.runs.clock.now()) !== undefined;
}

async function refuseIfClosed(work: Work, { run, step }: Seen): Promise<void> {
  const refused = refusal(run, work.message.blocks, work.deadlineMs, work.context.runs.clock.now());
  if (refused) throw await writeRefused(work, step, refused.name, refused.message);
}

/** True when it waited: then everything has to be looked at again. Never for longer than may be asked, also when the clock was set back. */
async function waitForRetryAfter({ context, retryMaxMs, deadlineMs }: Work, step: StepRecord | undefined): Promise<boolean> {
  const { clock } = context.runs;
  if (step?.retryAtMs === undefined) return false;
  const left = Math.min(Math.min(step.retryAtMs, (step.endedAtMs ?? 0) + retryMaxMs, deadlineMs) - clock.now(), retryMaxMs);
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
  await tellBreaker(context, permit, 'none');
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
    kind: kindOf(message),
    state: 'started',
    attempt: work.attempt,
    owner: me.owner,
    leaseUntilMs: now + callTime(work, now) + LEASE_MARGIN_MS,
    startedAtMs: before?.startedAtMs ?? now,
    print: before?.print ?? printOf(message),
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

/** Makes the call. Everything that goes wrong is an outcome. */
async function perform(work: Work, run: RunRecord, started: StepRecord, permit: Permit | undefined): Promise<CallOutcome> {
  const { context, message } = work;
  let verdict: Verdict = 'none';
  try {
    const outcome = message.op === 'emit' ? await emit(work, message) : await call(work, message, run, started);
    verdict = verdictOf(outcome);
    return outcome;
  } finally {
    await tellBreaker(context, permit, verdict);
  }
}

async function call(work: Work, message: CallMessage, record: RunRecord, started: StepRecord): Promise<CallOutcome> {
  const { context, run } = work;
  const callbackUrl = started.callback === undefined ? undefined : context.callbackUrl?.(callbackToken(run.id, started));
  if (started.callback !== undefined && callbackUrl === undefined)
    return badConfiguration('no callback URL is configured, so an answer could not be received');
  let request: CallRequest;
  try {
    request = await buildRequest(context.runs, message, {
      run,
      workflow: record.workflow,
      step: message.step,
      at: message.at,
      attempt: work.attempt,
      timeoutMs: callTime(work, context.runs.clock.now()),
      idempotencyKey: `${run.id}/${message.at}`,
      ...(callbackUrl === undefined ? {} : { callbackUrl, callbackAt: message.callbackAt ?? [] }),
    });
  } catch (error) {
    return notLoaded(error);
  }
  await context.runs.store.durable();
  return context.caller.call({ ...request, timeoutMs: withinLease(context, request.timeoutMs, started.leaseUntilMs) });
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
