// JSONata that every definition needs: the run's identity, its deadline, what a failure looks like.
// Each is total: it gives a value whatever the execution's input is, for a failing expression in a Wait or Choice cannot be caught.

import type { Json } from '../json.ts';

const CONTEXT = '$states.context';
export const INPUT_CODE = `${CONTEXT}.Execution.Input`;
export const START_TIME_CODE = `${CONTEXT}.Execution.StartTime`;

/** `RunRef`: the third element (the link) drops out of the list where there is none. */
export const RUN_REF = `{% [${CONTEXT}.Execution.Id, ${START_TIME_CODE}, ${INPUT_CODE}.\`$maestro\`] %}`;

/** The rule of `protocol/run-id.ts`. */
export const RUN_ID_CODE =
  `($contains(${CONTEXT}.Execution.Name, /^run_[0-9A-HJKMNP-TV-Z]{26}$/) ? ${CONTEXT}.Execution.Name : ` +
  `"run_" & $substring($hash(${CONTEXT}.Execution.Id & "|" & ${START_TIME_CODE}, "SHA-256"), 0, 26))`;

/**
 * The whole execution input without the reserved key. `$merge` would take `__proto__` as an instruction in an interpreter written in JavaScript: it
 * is left out where the input has to be rebuilt, which is only where Maestro put the reserved key in.
 */
export const WHOLE_INPUT_CODE =
  `($type(${INPUT_CODE}) = "object" and "$maestro" in $keys(${INPUT_CODE}) ? ` +
  `$merge([$sift(${INPUT_CODE}, function($v, $k) { $k != "$maestro" and $k != "__proto__" })]) : ${INPUT_CODE})`;

/** Epoch ms: the run's own limit, or the parent's deadline where that is earlier. */
export function deadlineCode(limitMs: number): string {
  return `$min([$toMillis(${START_TIME_CODE}) + ${limitMs}, ${INPUT_CODE}.\`$maestro\`[$type(deadline) = "number"].deadline])`;
}

/** Whole seconds until the deadline, rounded up; may be negative. */
export function secondsLeftCode(limitMs: number): string {
  return `$ceil((${deadlineCode(limitMs)} - $millis()) / 1000)`;
}

/** True when the deadline has passed. */
export function pastDeadlineCode(limitMs: number): string {
  return `$boolean($millis() >= ${deadlineCode(limitMs)})`;
}

/** `RawError` of a catcher. Error and Cause may be null or missing. */
export function caughtErrorCode(stepId: string): string {
  return `$states.errorOutput.{'step': '${stepId}', 'error': Error, 'cause': Cause}`;
}

/** `RawError` of a failure that the definition itself makes; `causeCode` is JSONata of a text. */
export function madeErrorCode(stepId: string, error: string, causeCode: string): string {
  return `{'step': '${stepId}', 'error': ${error}, 'cause': ${causeCode}}`;
}

/**
 * The error of a join: the first failed branch in file order with the others in `also`, or null. A branch that was only refused because another
 * one failed (`Maestro.Stopped`) is no failure of its own and counts where there is no other. `only`: names that count (a block that lets
 * failures go still stops for these).
 */
export function joinErrorCode(only: readonly string[] | null): string {
  const counted =
    only === null
      ? `($e := [$states.result.e]; $r := [$e[error != "Maestro.Stopped"]]; $count($r) > 0 ? $r : $e)`
      : `[$states.result.e[error in [${only.map((name) => `"${name}"`).join(', ')}]]]`;
  return `($f := ${counted}; $count($f) = 0 ? null : $merge([$f[0], {"also": [$f[[1..$count($f)]], $f[0].also]}]))`;
}

/** Name of a child's execution: at most 40 characters of the parent's run id, a dot, and a hash of the place. */
export function childNameCode(placeCode: string): string {
  return `$substring(${RUN_ID_CODE}, 0, 40) & "." & $substring($hash(${placeCode}, "SHA-256"), 0, 24)`;
}

/** A UUID that is the same on every retry: derived from the run, the place and which `uuid()` of the step it is. */
export function uuidCode(placeCode: string, ordinal: number): string {
  const seed = `${CONTEXT}.Execution.Id & "|" & ${START_TIME_CODE} & "|" & ${placeCode} & "|${ordinal}"`;
  return (
    `($u := $hash(${seed}, "SHA-256"); $substring($u, 0, 8) & "-" & $substring($u, 8, 4) & "-5" & $substring($u, 13, 3) & "-a" & ` +
    `$substring($u, 17, 3) & "-" & $substring($u, 20, 12))`
  );
}

/** `{% code %}` */
export function expression(code: string): Json {
  return `{% ${code} %}`;
}
