// One call message while it is worked on: what is known of it, and how its records are read.

import { breakerSettings } from '../../shared/breaker/index.ts';
import type { CallMessage, EmitMessage } from '../../shared/protocol/step-message.ts';
import {
  asStep,
  type CallbackTerms,
  ensureRun,
  expireCheckpoints,
  type RunKey,
  type RunRecord,
  runKeyOf,
  runRecordKey,
  type Shape,
  type StepRecord,
  stepKey,
} from '../../shared/runs/index.ts';
import {
  DEFAULT_RETRY_MAX_MS,
  DEFAULT_TIMEOUT_MS,
  type Invocation,
  invocation,
  LEASE_MARGIN_MS,
  MIN_CALL_MS,
  type StepContext,
} from './context.ts';
import { type FailureFacts, methodText } from './step-error.ts';

export type Message = CallMessage | EmitMessage;

/** All that is known while one message is worked on. */
export interface Work {
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

export interface Seen {
  run: RunRecord;
  step: StepRecord | undefined;
}

export function beginWork(context: StepContext, message: Message): Work {
  const run = runKeyOf(message.run);
  const link = message.run[2];
  const deadlineMs = Math.min(run.startMs + message.limit, link?.deadline ?? Number.POSITIVE_INFINITY);
  const service = message.op === 'call' ? message.service.timeout : undefined;
  // A callback's own timeout is the wait for the answer; its request has the service's.
  const timeoutMs = (message.token === undefined ? message.timeout : undefined) ?? service ?? DEFAULT_TIMEOUT_MS;
  const retryMax = message.op === 'call' ? (message.retryMax ?? message.service.retryMax) : undefined;
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
export async function look(work: Work, origin?: string): Promise<Seen> {
  const { context, message, run } = work;
  const keys = [runRecordKey(run.id), stepKey(run.id, message.at)];
  const breaker = origin === undefined ? undefined : context.breakers.keyToRead(origin);
  if (breaker) keys.push(breaker);
  const [runBody, stepBody, breakerBody] = await context.runs.store.read(keys);
  if (breaker && origin !== undefined) context.breakers.learn(origin, breakerBody);
  const record = await ensureRun(context.runs, message.run, runBody, work.deadlineMs);
  // A run that goes on after a checkpoint's timeout does not wait any more, and nobody else has been told.
  await expireCheckpoints(context.runs, record);
  return { run: record, step: stepBody && asStep(stepBody) };
}

/** What a step's record says that it is. */
export function kindOf({ op, token }: Message): StepRecord['kind'] {
  if (op === 'emit') return 'emit';
  return token === undefined ? 'call' : 'callback';
}

/** Undefined where there is no breaker, or the configuration is bad: then the call says so. */
export function originOf({ context, message }: Work): string | undefined {
  if (message.op !== 'call' || !breakerSettings(message.service.breaker)) return undefined;
  try {
    return context.caller.origin(message);
  } catch {
    return undefined;
  }
}

/** ms that the call may take if it begins at `now`. */
export function callTime({ timeoutMs, deadlineMs, me }: Work, now: number): number {
  return Math.max(MIN_CALL_MS, Math.min(timeoutMs, deadlineMs - now, me.endsAtMs - now - LEASE_MARGIN_MS / 2));
}

/** What whoever takes a callback's answer has to know. */
export function termsOf({ message, deadlineMs }: Work): CallbackTerms {
  const terms: CallbackTerms = { ...shapeOf(message), deadlineMs };
  if (message.onError) terms.onError = message.onError;
  if (message.stops) terms.stops = message.stops;
  return terms;
}

export function shapeOf(message: Shape): Shape {
  const shape: Shape = {};
  if (message.select) shape.select = message.select;
  if (message.keep) shape.keep = message.keep;
  if (message.budget !== undefined) shape.budget = message.budget;
  return shape;
}

/** What every failure of this call tells. */
export function facts({ message, attempt }: Work): Omit<FailureFacts, 'message'> {
  const { step } = message;
  if (message.op === 'emit') return { step, attempt };
  const method = methodText(message.verb, message.method);
  return { step, attempt, service: message.service.name, ...(method === undefined ? {} : { method }) };
}
