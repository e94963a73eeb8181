// What a catcher makes of a failure that is not a call's own: a child's carries its name inside the cause, and an answer that did not come
// in time may be the run's deadline.

import type { Step } from '../workflow/index.ts';
import { caughtErrorCode, pastDeadlineCode } from './runtime-code.ts';
import type { Context } from './scope.ts';

/**
 * The child's own error in the cause of `States.TaskFailed`, which is the JSON of DescribeExecution, cut off at 32,768 characters: so it is
 * looked for and not parsed. Inside the child's input and cause every quote stands behind a backslash.
 */
const CHILD_ERROR = '/(\\{|,)"Error":"([^"]+)"/';

/** `RawError` of a step's catcher, with the name that the failure has in the language. */
export function caughtCode(context: Context, step: Step): string {
  if (step.kind === 'workflow') {
    const name = `($type(Cause) = "string" and $contains(Cause, ${CHILD_ERROR}) ? $match(Cause, ${CHILD_ERROR}, 1).groups[1] : Error)`;
    return `$states.errorOutput.{'step': '${step.id}', 'error': ${name}, 'cause': Cause}`;
  }
  if (!waitsForAnswer(step)) return caughtErrorCode(step.id);
  const late = `Error = "States.Timeout" and ${pastDeadlineCode(context.workflow.timeoutMs)}`;
  return `$states.errorOutput.{'step': '${step.id}', 'error': ${late} ? "Maestro.DeadlineExceeded" : Error, 'cause': Cause}`;
}

/** True for a step whose state ends when its token is answered: its time limit is the deadline's where that is earlier. */
export function waitsForAnswer(step: Step): boolean {
  return step.kind === 'checkpoint' || (step.kind === 'call' && step.await === 'callback');
}
