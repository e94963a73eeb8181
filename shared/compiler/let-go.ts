// Letting a failure go where its name is known only once it is looked at: a child's, and that of an answer that did not come in time.

import type { JsonObject } from '../json.ts';
import { NEVER_LET_GO } from '../protocol/errors.ts';
import type { AslState, NamedState } from './asl.ts';
import { caughtCode, waitsForAnswer } from './caught-error.ts';
import { madeFailure } from './failure-exit.ts';
import { expression } from './runtime-code.ts';
import type { Site } from './site.ts';

/**
 * The catcher that lets a failure go, by way of a Choice where the error's name is known only when it is looked at.
 * @param letGo `Assign`, `Output` and `Next` of going on
 */
export function lookedAtLetGo(
  { context, frame, step }: Pick<Site, 'context' | 'frame' | 'step'>,
  letGo: JsonObject,
  label = 'let go',
): { catcher: JsonObject; states: NamedState[] } {
  if (step.kind !== 'workflow' && !waitsForAnswer(step)) return { catcher: letGo, states: [] };
  const { Next, ...fields } = letGo;
  const name = `${step.id} (${label})`;
  const failed = madeFailure(context, frame, step, '$states.input');
  const names = NEVER_LET_GO.map((one) => `"${one}"`).join(', ');
  const choice: AslState = {
    Type: 'Choice',
    Choices: [{ Condition: expression(`$states.input.error in [${names}]`), ...failed.fields }],
    ...fields,
    Default: Next,
  };
  return { catcher: { Output: expression(caughtCode(context, step)), Next: name }, states: [[name, choice], ...failed.states] };
}
