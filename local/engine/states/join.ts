// Where the children of a Parallel or a Map come together: what the journal keeps of it.

import { StateError } from '../errors.ts';
import { type Payload, payload, textOf } from '../payload.ts';
import type { Thread } from '../thread.ts';

/** Notes the error of a failed attempt, so that a replay does not need the children. */
export function recordBranchFailure(thread: Thread, error: StateError): void {
  const members = {
    error: error.error,
    fatal: error.fatal,
    ...(error.reason === undefined ? {} : { cause: error.reason }),
    ...(error.alias ? { alias: error.alias } : {}),
  };
  thread.note('~Failed', JSON.stringify(members).slice(1, -1));
}

/** @throws StateError the error that was noted, if that is what comes next */
export function recordedBranchFailure(thread: Thread): void {
  const noted = thread.noted('~Failed');
  if (!noted) return;
  const { error, cause, fatal, alias } = noted;
  throw new StateError(typeof error === 'string' ? error : null, cause === undefined || cause === null ? cause : String(cause), {
    fatal: fatal === true,
    ...(typeof alias === 'string' ? { alias } : {}),
  });
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
