// Where the children of a Parallel or a Map come together: what the journal keeps of it.

import { StateError } from '../errors.ts';
import { type Payload, payload, textOf } from '../payload.ts';
import type { Flow, Thread } from '../thread.ts';
import { abortChildren } from './abort.ts';

/** A child that has failed: its error is the state's. */
export class ChildFailure {
  readonly child: Thread;
  readonly error: StateError;
  constructor(child: Thread, error: StateError) {
    this.child = child;
    this.error = error;
  }
}

/**
 * Runs children to their joint end. When one has failed, or the state itself has, stops the others and keeps the error.
 * @throws StateError never a ChildFailure
 */
export function* joining<T>(thread: Thread, run: () => Flow<T>): Flow<T> {
  try {
    return yield* run();
  } catch (thrown) {
    const child = thrown instanceof ChildFailure ? thrown.child : undefined;
    const error = thrown instanceof ChildFailure ? thrown.error : thrown;
    if (error instanceof StateError && !error.fatal) {
      if (child) thread.cursor = child.cursor;
      abortChildren(thread);
      // Recorded on AWS: a task that fails its branch or iteration is also aborted, after the others.
      if (child?.visit?.state.type === 'Task') child.write('TaskStateAborted', () => '', thread.cursor);
      thread.inbox.length = 0;
      noteFailure(thread, error);
    }
    throw error;
  }
}

/** Notes the error of a failed attempt, so that a replay does not need the children. */
function noteFailure(thread: Thread, error: StateError): void {
  const members = {
    error: error.error,
    ...(error.reason === undefined ? {} : { cause: error.reason }),
    ...(error.alias === undefined ? {} : { alias: error.alias }),
  };
  thread.note('~Failed', JSON.stringify(members).slice(1, -1));
}

/** @throws StateError the error that was noted, if that is what comes next */
export function recordedBranchFailure(thread: Thread): void {
  // An ItemSelector that failed is an event of its own before the note.
  if (thread.peek()?.type === 'EvaluationFailed') thread.take();
  const noted = thread.noted('~Failed');
  if (!noted) return;
  const { error, cause, alias } = noted;
  const reason = cause === undefined || cause === null ? cause : String(cause);
  throw new StateError(typeof error === 'string' ? error : null, reason, typeof alias === 'string' ? { alias } : {});
}

/**
 * Writes `<Type>StateSucceeded` with the joined result beside it. The exit that follows has the same previous event, so the cursor stays.
 * @param result undefined while replaying: it is in the journal
 */
export function recordResult(thread: Thread, type: 'ParallelStateSucceeded' | 'MapStateSucceeded', result: Payload | undefined): Payload {
  const { id, previous, recorded } = thread.record(type, () => (result ? `"~result":${textOf(result)}` : ''));
  thread.cursor = previous;
  const joined = recorded ? payload(recorded['~result'] ?? null) : (result ?? payload(null));
  joined.at = [id, '~result'];
  return joined;
}
