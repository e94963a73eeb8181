import type { FailState } from '../definition/types.ts';
import { StateError } from '../errors.ts';
import type { Template } from '../expressions/index.ts';
import type { Payload } from '../payload.ts';
import type { Flow, Thread, Visit } from '../thread.ts';
import { enter, evaluate, type Left, unexpectedType } from './leave.ts';

/** Fail: ends its region with `Error` and `Cause`, each only where it is given. */
export function* fail(thread: Thread, state: FailState, input: Payload): Flow<Left> {
  const visit = enter(thread, state, input);
  const error = yield* text(thread, visit, state.error);
  const cause = yield* text(thread, visit, state.cause);
  throw new StateError(error, cause);
}

function* text(thread: Thread, visit: Visit, template: Template | undefined): Flow<string | null> {
  if (!template) return null;
  const value = template.constant ?? (yield* evaluate(thread, visit, template, thread.env(visit)));
  if (typeof value !== 'string') throw unexpectedType(thread, visit, template, 'string', value);
  return value;
}
