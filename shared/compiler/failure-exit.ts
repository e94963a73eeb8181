// Where failures go, by frame: from the root into the undo chain, from a settling branch to the join, from any other branch straight out.

import type { JsonObject } from '../json.ts';
import type { Step } from '../workflow/index.ts';
import { lastNumber } from './analyse.ts';
import type { NamedState } from './asl.ts';
import { caughtCode } from './caught-error.ts';
import { failedReport } from './exit.ts';
import type { Frame } from './frame.ts';
import { expression } from './runtime-code.ts';
import type { Context } from './scope.ts';
import { undoEntry } from './undo-chain.ts';

/**
 * The catcher (without ErrorEquals) of a step's state; null where a failure ends the branch by itself.
 * @param code the `RawError` that it passes on, where that is not simply what was caught
 */
export function caughtFailure(context: Context, frame: Frame, step: Step, code = caughtCode(context, step)): JsonObject | null {
  if (frame.kind === 'root') return { Assign: { [context.failure]: expression(code) }, Next: undoEntry(context, lastNumber(step)) };
  if (!frame.settle || frame.failEnd === null) return null;
  return { Output: failedReport(frame, code), Next: frame.failEnd() };
}

/**
 * How a rule or Pass fails with the `RawError` that `code` gives. `fields` go on the rule or Pass; `states` must be added to the frame.
 * @param assigned the root's failure variable already holds the error
 */
export function madeFailure(
  context: Context,
  frame: Frame,
  step: Step,
  code: string,
  assigned = false,
): { fields: JsonObject; states: NamedState[] } {
  if (frame.kind === 'root') {
    const fields: JsonObject = assigned ? {} : { Assign: { [context.failure]: expression(code) } };
    return { fields: { ...fields, Next: undoEntry(context, lastNumber(step)) }, states: [] };
  }
  if (frame.settle && frame.failEnd !== null) return { fields: { Output: failedReport(frame, code), Next: frame.failEnd() }, states: [] };
  const name = `${step.id} (failed)`;
  const state: NamedState = [name, { Type: 'Fail', Error: '{% $states.input.error %}', Cause: '{% $states.input.cause %}' }];
  return { fields: { Output: expression(code), Next: name }, states: [state] };
}
