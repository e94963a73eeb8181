import type { ChoiceState } from '../definition/types.ts';
import { StateError } from '../errors.ts';
import type { Payload } from '../payload.ts';
import type { Flow, Thread } from '../thread.ts';
import { enter, evaluate, type Left, leave, unexpectedType } from './leave.ts';

/**
 * Choice: the first rule whose Condition is true decides, with its own `Assign` and `Output` in place of the state's; without one the
 * Default, with the state's.
 */
export function* choice(thread: Thread, state: ChoiceState, input: Payload): Flow<Left> {
  const visit = enter(thread, state, input);
  const common = { otherwise: input, known: [input] };
  if (thread.peek()?.type === 'ChoiceStateExited')
    return yield* leave(thread, visit, { ...common, output: undefined, assign: undefined, next: undefined });
  for (const rule of state.rules) {
    const value = rule.condition.constant ?? (yield* evaluate(thread, visit, rule.condition, thread.env(visit)));
    if (typeof value !== 'boolean') throw unexpectedType(thread, visit, rule.condition, 'boolean', value);
    if (value) return yield* leave(thread, visit, { ...common, output: rule.output, assign: rule.assign, next: rule.next });
  }
  if (state.default === undefined)
    throw new StateError('States.NoChoiceMatched', `No choice rule of the state '${state.name}' matched and it has no Default`);
  return yield* leave(thread, visit, { ...common, output: state.output, assign: state.assign, next: state.default });
}
