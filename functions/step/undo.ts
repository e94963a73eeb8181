// Undoing one step, if the record says that there is something to undo.
//
//   U1. The record decides, not the failure: only what was performed (or, where the file says so, may have been) is undone.
//   U2. An undo has one key, and a lease: of two chains that meet, one calls and the other waits.
//   U3. An undo that failed for good stays failed for this round, and the chain goes on.

import { breakerSettings, type Permit, type Verdict } from '../../shared/breaker/index.ts';
import type { CallOutcome, CallRequest } from '../../shared/calls/types.ts';
import { sleep } from '../../shared/clock.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { UndoMessage, UndoSpec } from '../../shared/protocol/step-message.ts';
import {
  asStep,
  claimForChain,
  ensureRun,
  errorInfo,
  isStored,
  loadStored,
  loadUndo,
  needsError,
  owed,
  type RunKey,
  type RunRecord,
  resolveLate,
  runKeyOf,
  runRecordKey,
  type StepRecord,
  sealStep,
  stepKey,
} from '../../shared/runs/index.ts';
import {
  DEFAULT_RETRY_MAX_MS,
  DEFAULT_TIMEOUT_MS,
  type Invocation,
  invocation,
  isLive,
  LEASE_MARGIN_MS,
  POLL_MS,
  type StepContext,
  tellBreaker,
  verdictOf,
  withinLease,
} from './context.ts';
import { buildRequest, notLoaded } from './request.ts';
import { failure, isRetryable, methodText, type StepError } from './step-error.ts';

/** Undos are tried harder than calls. */
export const UNDO_ATTEMPTS = 10;

/** What an undo state shows: what was done about the step. */
export type UndoResult = { step: string; did: 'undone' | 'nothing' | 'unresolved' };

/** What `performUndo` needs to know of a message. */
export interface UndoWork {
  context: StepContext;
  run: RunKey;
  record: RunRecord;
  step: string;
  at: string;
  /** Tries in all. */
  attempts: number;
}

/** Performs `op: undo`. @throws StepError when the undo failed: to be tried again, or (for good) to be passed over */
export async function undoStep(context: StepContext, message: UndoMessage): Promise<UndoResult> {
  const run = runKeyOf(message.run);
  const { store, clock } = context.runs;
  const nothing: UndoResult = { step: message.step, did: 'nothing' };
  for (;;) {
    const [runBody, stepBody] = await store.read([runRecordKey(run.id), stepKey(run.id, message.at)]);
    const record = await claimForChain(context.runs, await ensureRun(context.runs, message.run, runBody), message.error);
    if (!record || !stepBody) return nothing;
    const step = asStep(stepBody);
    const round = record.round ?? 1;
    const work = {
      context,
      run,
      record,
      step: message.step,
      at: message.at,
      attempts: message.attempts ?? UNDO_ATTEMPTS,
    };
    switch (owed(step, round)) {
      case 'nothing':
      case 'child':
        return step.undoState === 'undone' && step.undoRound === round ? { step: message.step, did: 'undone' } : nothing;
      case 'list':
        await store.update(
          stepKey(run.id, message.at),
          { set: { undoState: 'unresolved', undoRound: round } },
          { equals: { state: 'unknown' } },
        );
        return { step: message.step, did: 'unresolved' };
      case 'wait':
        if (isLive(context, step.owner, step.leaseUntilMs) && step.state === 'started')
          await sleep(clock, Math.min(POLL_MS, step.leaseUntilMs - clock.now()));
        else await sealStep(context.runs, run.id, step);
        break;
      case 'undo':
        if (step.undo && (await performUndo(work, step, step.undo))) return { step: message.step, did: 'undone' };
        break;
    }
  }
}

/** Calls the undo request of a step. False when another invocation is at it: look again. @throws StepError */
export async function performUndo(work: UndoWork, step: StepRecord, spec: UndoSpec): Promise<boolean> {
  const { context } = work;
  const { clock } = context.runs;
  if (step.undoState === 'started' && step.undoOwner && isLive(context, step.undoOwner, step.undoLeaseUntilMs ?? 0)) {
    await sleep(clock, Math.min(POLL_MS, (step.undoLeaseUntilMs ?? 0) - clock.now()));
    return false;
  }
  const timeoutMs = spec.timeout ?? spec.service.timeout ?? DEFAULT_TIMEOUT_MS;
  const retryMaxMs = spec.retryMax ?? spec.service.retryMax ?? DEFAULT_RETRY_MAX_MS;
  const me = invocation(context, timeoutMs, retryMaxMs);
  const waitMs = Math.min((step.undoRetryAtMs ?? 0) - clock.now(), retryMaxMs);
  if (waitMs > 0) await sleep(clock, waitMs);
  const permit = await admit(work, spec);
  const round = work.record.round ?? 1;
  const tries = (step.undoRound === round ? (step.undoTries ?? 0) : 0) + 1;
  const started = await begin(work, step, me, timeoutMs, tries);
  if (started === undefined) {
    await tellBreaker(context, permit, 'none');
    return false;
  }
  const outcome = await call(work, step, spec, { leaseUntilMs: started, timeoutMs, tries, permit });
  if (outcome.outcome === 'done' || outcome.outcome === 'unusable') {
    const ended = await end(work, me, { undoState: 'undone', undoneAtMs: clock.now() });
    if (ended)
      await context.runs.append(work.run.id, 'compensation.step_completed', { step: step.step, at: step.at }, work.record.deadlineMs);
    return ended;
  }
  const told = await endFailed(work, me, spec, tries, outcome);
  if (told) throw told;
  return false;
}

/** An open breaker is waited for by the definition: nothing is recorded, and no try is used up. */
async function admit(work: UndoWork, spec: UndoSpec): Promise<Permit | undefined> {
  const settings = breakerSettings(spec.service.breaker);
  if (!settings) return undefined;
  let origin: string;
  try {
    origin = work.context.caller.origin(spec);
  } catch {
    return undefined;
  }
  const admission = await work.context.breakers.admit(origin, settings);
  if (admission.admitted) return admission.permit;
  throw fail(
    work,
    spec,
    'Maestro.CircuitOpen',
    `the circuit breaker of ${origin} is open until ${new Date(admission.retryAtMs).toISOString()}`,
  );
}

/** Answers until when the lease lasts; undefined when the record has changed since. */
async function begin(work: UndoWork, step: StepRecord, me: Invocation, timeoutMs: number, undoTries: number): Promise<number | undefined> {
  const { store, clock } = work.context.runs;
  const undoLeaseUntilMs = clock.now() + timeoutMs + LEASE_MARGIN_MS;
  const set = {
    undoState: 'started',
    undoOwner: me.owner,
    undoLeaseUntilMs,
    undoRound: work.record.round ?? 1,
    undoTries,
  };
  const unchanged = { state: step.state, undoState: step.undoState ?? null, undoOwner: step.undoOwner ?? null };
  return (await store.update(stepKey(work.run.id, work.at), { set }, { equals: unchanged })) && undoLeaseUntilMs;
}

interface Try {
  leaseUntilMs: number;
  timeoutMs: number;
  /** 1 on the first. */
  tries: number;
  permit: Permit | undefined;
}

/** Makes the call. Everything that goes wrong is an outcome. */
async function call(
  work: UndoWork,
  step: StepRecord,
  spec: UndoSpec,
  { leaseUntilMs, timeoutMs, tries, permit }: Try,
): Promise<CallOutcome> {
  const { context } = work;
  let verdict: Verdict = 'none';
  try {
    const request = await prepare(work, step, spec, timeoutMs, tries);
    if ('outcome' in request) return request;
    await context.runs.store.durable();
    const outcome = await context.caller.call({ ...request, timeoutMs: withinLease(context, timeoutMs, leaseUntilMs) });
    verdict = verdictOf(outcome);
    return outcome;
  } finally {
    await tellBreaker(context, permit, verdict);
  }
}

/** The finished request; or, where a stored value cannot be loaded, what that means. */
async function prepare(
  work: UndoWork,
  step: StepRecord,
  spec: UndoSpec,
  timeoutMs: number,
  tries: number,
): Promise<CallRequest | CallOutcome> {
  const { run, record } = work;
  const { runs } = work.context;
  try {
    // All leaves but those that need the failure were finished with the step's end.
    const loaded = await loadUndo(runs, run.id, work.at, spec);
    const output = needsError(loaded) ? await wholeAnswer(work, step) : null;
    const finished = await resolveLate(loaded, { output, error: record.error ?? errorInfo(null) });
    return await buildRequest(runs, finished, {
      run,
      workflow: record.workflow,
      step: work.step,
      at: work.at,
      attempt: tries - 1,
      timeoutMs,
      idempotencyKey: `${run.id}/${work.at}/undo`,
    });
  } catch (error) {
    return notLoaded(error);
  }
}

/** `$o`: what the step answered, for leaves that also need the failure. */
async function wholeAnswer({ context, run }: UndoWork, step: StepRecord): Promise<Json> {
  const answer = step.whole ?? step.output ?? null;
  return isStored(answer) ? loadStored(context.runs.blobs, run.id, answer) : answer;
}

/** False when another invocation has taken over: then what it comes to is what counts. */
async function end(work: UndoWork, me: Invocation, set: JsonObject): Promise<boolean> {
  const change = { set: { ...set, undoLeaseUntilMs: 0 }, remove: ['undoRetryAtMs'] };
  return (await work.context.runs.store.update(stepKey(work.run.id, work.at), change, mine(me))) !== undefined;
}

function mine({ owner }: Invocation): { equals: { undoState: string; undoOwner: string } } {
  return { equals: { undoState: 'started', undoOwner: owner } };
}

/** Undefined as `end` is false. */
async function endFailed(
  work: UndoWork,
  me: Invocation,
  spec: UndoSpec,
  tries: number,
  outcome: Exclude<CallOutcome, { outcome: 'done' }>,
): Promise<StepError | undefined> {
  const { runs } = work.context;
  const told = fail(work, spec, outcome.error, outcome.message, { tries, outcome });
  const set: JsonObject = { undoFailure: { error: told.name, message: told.message }, undoLeaseUntilMs: 0 };
  const forGood = !isRetryable(outcome.error) || tries >= work.attempts;
  // Not for good: the next try finds no one at work, and begins at once.
  if (forGood) set['undoState'] = 'undo_failed';
  if (outcome.retryAfterMs !== undefined) set['undoRetryAtMs'] = runs.clock.now() + outcome.retryAfterMs;
  if (!(await runs.store.update(stepKey(work.run.id, work.at), { set }, mine(me)))) return undefined;
  if (forGood)
    await runs.append(work.run.id, 'compensation.step_failed', { step: work.step, at: work.at, error: told.name }, work.record.deadlineMs);
  return told;
}

function fail(
  { step }: UndoWork,
  { service, verb, method }: UndoSpec,
  name: Parameters<typeof failure>[0],
  message: string,
  ended?: { tries: number; outcome: Exclude<CallOutcome, { outcome: 'done' }> },
): StepError {
  const text = methodText(verb, method);
  return failure(name, {
    step,
    service: service.name,
    ...(text === undefined ? {} : { method: text }),
    message: `undo: ${message}`,
    ...(ended ? { attempt: ended.tries - 1, outcome: ended.outcome.outcome, detail: ended.outcome.detail } : {}),
  });
}
