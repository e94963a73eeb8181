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
  if (state.default === undefined) {
    // Measured on AWS, against the specification's States.NoChoiceMatched.
    const said = `An error occurred while executing the state '${state.name}' (entered at the event id #${visit.enteredId}).`;
    throw new StateError('States.Runtime', `${said} Failed to transition out of the state. The state does not point to a next state.`, {
      fatal: true,
    });
  }
  return yield* leave(thread, visit, { ...common, output: state.output, assign: state.assign, next: state.default });
}
