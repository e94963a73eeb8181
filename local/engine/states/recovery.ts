// Retry and Catch: what Task, Parallel and Map do with an error.

import type { Json } from '../../../shared/json.ts';
import type { Catcher, MapState, ParallelState, Retrier, TaskState } from '../definition/types.ts';
import { StateError } from '../errors.ts';
import { payload } from '../payload.ts';
import type { Flow, Thread, Visit } from '../thread.ts';
import { type Left, leave } from './leave.ts';
import { pause } from './wait.ts';

/**
 * Tries until an attempt leaves the state, Retry is used up, and Catch takes the error or does not.
 * @param beforeCatch writes what stands in the history between the last failure and the exit
 * @throws StateError where no catcher takes it
 */
export function* recovering(
  thread: Thread,
  visit: Visit,
  state: TaskState | ParallelState | MapState,
  attempt: () => Flow<Left>,
  beforeCatch: () => void = () => {},
): Flow<Left> {
  for (;;) {
    try {
      return yield* attempt();
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      // States.Runtime is neither retried nor caught, and ends the execution without another event (measured on AWS).
      if (error.fatal) throw error;
      if (yield* retried(thread, visit, state.retry, error)) continue;
      beforeCatch();
      const catcher = state.catch.find(({ errors }) => matches(errors, error));
      if (!catcher) throw error;
      return yield* caught(thread, visit, catcher, error);
    }
  }
}

/** Waits for the next try and says true, or false when no retrier has one left. */
function* retried(thread: Thread, visit: Visit, retriers: Retrier[], error: StateError): Flow<boolean> {
  const position = retriers.findIndex(({ errors }) => matches(errors, error));
  const retrier = retriers[position];
  if (!retrier) return false;
  const taken = visit.retries[position] ?? 0;
  if (taken >= retrier.maxAttempts) return false;
  visit.retries[position] = taken + 1;
  visit.retryCount++;
  visit.context = undefined;
  const { clock, ids } = thread.execution.runtime;
  const noted = thread.noted('~Retry');
  const until = noted ? Number(noted['until']) : clock.now() + delayMs(retrier, taken, ids);
  if (!noted) thread.note('~Retry', `"until":${until}`);
  if (thread.peek() === undefined && until > clock.now()) yield* pause(thread, until);
  return true;
}

/** Interval × rate^n, at most MaxDelay; FULL jitter draws from zero to that (after the cap, as measured on AWS). */
export function delayMs(retrier: Retrier, taken: number, ids: { random(): number }): number {
  const seconds = Math.min(retrier.intervalSeconds * retrier.backoffRate ** taken, retrier.maxDelaySeconds ?? Number.POSITIVE_INFINITY);
  return Math.round(seconds * 1000 * (retrier.fullJitter ? ids.random() : 1));
}

/** States.ALL takes everything but what is fatal; States.TaskFailed everything but a timeout. */
export function matches(names: string[], error: StateError): boolean {
  return names.some(
    (name) =>
      name === 'States.ALL' ||
      (error.error !== null && name === error.error) ||
      (error.alias !== undefined && name === error.alias) ||
      (name === 'States.TaskFailed' && error.error !== null && error.error !== 'States.Timeout'),
  );
}

function caught(thread: Thread, visit: Visit, catcher: Catcher, error: StateError): Flow<Left> {
  // A timeout has no cause; a catcher sees an empty text. A failure reported without name and cause has null for both.
  const errorOutput: Json = { Error: error.error, Cause: error.reason === undefined ? '' : error.reason };
  const otherwise = payload(errorOutput);
  return leave(thread, visit, {
    output: catcher.output,
    assign: catcher.assign,
    otherwise,
    states: { errorOutput },
    known: [visit.input, otherwise],
    next: catcher.next,
  });
}
