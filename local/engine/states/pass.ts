import type { PassState } from '../definition/types.ts';
import type { Payload } from '../payload.ts';
import type { Flow, Thread } from '../thread.ts';
import { enter, type Left, leave } from './leave.ts';

/** Pass and Succeed: the input, or `Output`, goes on. */
export function pass(thread: Thread, state: PassState, input: Payload): Flow<Left> {
  const visit = enter(thread, state, input);
  return leave(thread, visit, { output: state.output, assign: state.assign, otherwise: input, known: [input], next: state.next });
}
