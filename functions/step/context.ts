// What the step function works with, made once per process, and what is known of one message.

import { hash } from 'node:crypto';
import type { Breakers, Permit, Verdict } from '../../shared/breaker/index.ts';
import type { Caller, CallOutcome } from '../../shared/calls/types.ts';
import type { Json } from '../../shared/json.ts';
import { RETRYABLE } from '../../shared/protocol/errors.ts';
import { type DeadLetter, isClosed, type RunKey, type RunRecord, type Runs, stopField } from '../../shared/runs/index.ts';

/** A record's lease outlasts its call by this: time to write the end. Below the 30 s that a task's timeout adds to the service's. */
export const LEASE_MARGIN_MS = 10_000;
/** An invocation has this long beyond its waiting and its call; the task's timeout is 5 s more. */
const INVOCATION_MARGIN_MS = 25_000;
/** The most of a `Retry-After` that is waited for in place, if the service does not say. */
export const DEFAULT_RETRY_MAX_MS = 30_000;
/** A service's time limit, if it does not say. */
export const DEFAULT_TIMEOUT_MS = 30_000;
/** How often the record of another invocation is looked at. */
export const POLL_MS = 250;
/** The least that a call is given. */
export const MIN_CALL_MS = 1;

export interface EventEntry {
  source: string;
  detailType: string;
  detail: Json;
  runId: string;
  stepId: string;
  traceparent: string;
}

/** Asks about and acts on executions. */
export interface ChildExecutions {
  /** Undefined: there is none of that ARN. */
  status(executionArn: string): Promise<'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | undefined>;
  /** JSON text of what an execution gave that has succeeded; undefined for any other. */
  output(executionArn: string): Promise<string | undefined>;
  stop(executionArn: string, error: string, cause: string): Promise<void>;
  /** Answers a task token. One that was answered, timed out or is gone is no error. */
  succeedTask(token: string, output: Json): Promise<void>;
}

export interface StepContext {
  runs: Runs;
  caller: Caller;
  breakers: Breakers;
  /** Names this process among all that ever wrote to the store. */
  instance: string;
  /** No other process runs steps on this store: what another instance began, ended with it. */
  sole: boolean;
  /** A new invocation's number. */
  nextInvocation(): number;
  secret(): string;
  callbackUrl: ((token: string) => string) | undefined;
  putEvents: ((entry: EventEntry) => Promise<CallOutcome>) | undefined;
  notify: ((letter: DeadLetter) => Promise<void>) | undefined;
  executions: ChildExecutions | undefined;
}

/** One invocation, as it signs the records that it writes. */
export interface Invocation {
  owner: string;
  /** Epoch ms: after this nothing new is begun. */
  endsAtMs: number;
}

/** @param waitMs the most that may be waited for a `Retry-After`: the task's timeout has room for it */
export function invocation(context: StepContext, timeoutMs: number, waitMs: number): Invocation {
  const endsAtMs = context.runs.clock.now() + waitMs + timeoutMs + INVOCATION_MARGIN_MS;
  return { owner: `${context.instance}:${context.nextInvocation()}`, endsAtMs };
}

/** True while whoever signed with this lease may still be at work. */
export function isLive(context: StepContext, owner: string, leaseUntilMs: number): boolean {
  if (context.sole && !owner.startsWith(`${context.instance}:`)) return false;
  return context.runs.clock.now() < leaseUntilMs;
}

/** Why no call may begin now; undefined: it may. */
export function refusal(
  run: RunRecord,
  blocks: string[] | undefined,
  deadlineMs: number,
  now: number,
): { name: 'Maestro.Cancelled' | 'Maestro.Stopped' | 'Maestro.DeadlineExceeded'; message: string } | undefined {
  if (run.cancel || run.status === 'cancelled') return { name: 'Maestro.Cancelled', message: 'the run was cancelled' };
  if (isClosed(run)) return { name: 'Maestro.Stopped', message: `the run takes no new calls: it is ${run.status}` };
  for (const block of blocks ?? []) {
    if (run[stopField(block)] === true)
      return { name: 'Maestro.Stopped', message: 'another call of its block failed, so this one was not begun' };
  }
  if (now >= deadlineMs)
    return { name: 'Maestro.DeadlineExceeded', message: `the run's deadline passed at ${new Date(deadlineMs).toISOString()}` };
  return undefined;
}

/** ms that a call may take so that its end can still be written before the lease passes and somebody else begins. */
export function withinLease({ runs }: StepContext, timeoutMs: number, leaseUntilMs: number): number {
  return Math.max(MIN_CALL_MS, Math.min(timeoutMs, leaseUntilMs - runs.clock.now() - LEASE_MARGIN_MS / 2));
}

/** Tells the breaker how a call ended. That it cannot be told changes nothing about the call: what was performed has to be recorded. */
export async function tellBreaker({ breakers }: StepContext, permit: Permit | undefined, verdict: Verdict): Promise<void> {
  if (!permit) return;
  try {
    await breakers.report(permit, verdict);
  } catch {
    // One count less: others count too, and a half-open generation that stays undecided is replaced.
  }
}

/** W3C trace context: one trace per run, one span per attempt, the same whenever it is made again. */
export function traceparent(run: RunKey, at: string, attempt: number): string {
  return `00-${run.traceId}-${hash('sha256', `${run.id}/${at}/${attempt}`).slice(0, 16)}-01`;
}

/** What a call's end says of the health of its service: one that answers, if only with a refusal, is well. */
export function verdictOf(outcome: CallOutcome): Verdict {
  if (outcome.outcome === 'done' || outcome.outcome === 'unusable') return 'good';
  if (RETRYABLE.includes(outcome.error)) return 'bad';
  return outcome.error === 'Maestro.BadConfiguration' ? 'none' : 'good';
}
