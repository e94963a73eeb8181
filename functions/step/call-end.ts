// How a call ends: what its record says, what the run is told, and what is answered or thrown.

import type { CallOutcome } from '../../shared/calls/types.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { type ErrorName, NEVER_LET_GO } from '../../shared/protocol/errors.ts';
import {
  asRun,
  escapeReserved,
  noteLate,
  type RunRecord,
  runRecordKey,
  type StepRecord,
  stepKey,
  stopField,
  writeDone,
} from '../../shared/runs/index.ts';
import { facts, kindOf, look, type Seen, shapeOf, type Work } from './call-work.ts';
import { failure, isRetryable, recordedFailure, type StepError } from './step-error.ts';

/** C2. Undefined: the record does not answer, a call has to be made. */
export async function fromRecord(work: Work, run: RunRecord, step: StepRecord): Promise<{ value: Json } | undefined> {
  const { context, message } = work;
  if (step.state === 'done' || step.state === 'done_late') {
    if (step.failure) {
      await markStopped(work, run, step.failure.error);
      throw recordedFailure(step.failure);
    }
    refuseCancelled(work, run);
    // A callback that was answered: this state's token has not been told, for the answer went to another.
    if (message.token !== undefined) await context.executions?.succeedTask(message.token, step.output ?? null);
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

/** Writes the end, looks at the control record once more, and answers or throws. */
export async function finish(work: Work, run: RunRecord, started: StepRecord, outcome: CallOutcome): Promise<Json> {
  // What the service says to the request of a callback is not its answer, so it need not be usable.
  if (started.kind === 'callback' && (outcome.outcome === 'done' || outcome.outcome === 'unusable')) return finishAccepted(work, started);
  if (outcome.outcome === 'done') return finishDone(work, started, escapeReserved(outcome.value));
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
  const told = { step: message.step, at: message.at, attempt: work.attempt, ...(written.failure ? { error: written.failure.error } : {}) };
  const [control] = await Promise.all([readControl(work), context.runs.append(run.id, type, told, work.deadlineMs)]);
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
  refuseCancelled(work, await readControl(work));
  return null;
}

async function finishFailed(
  work: Work,
  run: RunRecord,
  started: StepRecord,
  outcome: Exclude<CallOutcome, { outcome: 'done' }>,
  told: StepError,
): Promise<Json> {
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
    return lateAnswer(work, await look(work));
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
export async function writeRefused(work: Work, before: StepRecord | undefined, name: ErrorName, message: string): Promise<StepError> {
  const { context, run } = work;
  const now = context.runs.clock.now();
  const doubt = before?.doubt === true || before?.state === 'started' || before?.state === 'unknown';
  const told = failure(name, { ...facts(work), message, outcome: doubt ? 'unknown' : 'not_performed' });
  const record: StepRecord = {
    step: work.message.step,
    at: work.message.at,
    kind: kindOf(work.message),
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
    await markStopped(work, await readControl(work), name);
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

function refuseCancelled(work: Work, run: RunRecord): void {
  if (run.cancel) throw failure('Maestro.Cancelled', { ...facts(work), message: 'the run was cancelled', outcome: 'done' });
}

function mine({ owner }: StepRecord): { equals: { state: string; owner: string } } {
  return { equals: { state: 'started', owner } };
}

/** The control record as it is now. */
async function readControl({ context, run }: Work): Promise<RunRecord> {
  const [body] = await context.runs.store.read([runRecordKey(run.id)]);
  if (!body) throw new Error(`run ${run.id}: its record is gone`);
  return asRun(body);
}
