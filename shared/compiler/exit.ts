// Where a step goes when it is done, and where its failure goes. Sequences are lowered from the last step to the first, so the
// step after is always known.

import type { Json, JsonObject } from '../json.ts';
import { NEVER_LET_GO } from '../protocol/errors.ts';
import type { AslState, NamedState } from './asl.ts';
import type { Frame } from './frame.ts';
import { expression } from './runtime-code.ts';
import type { Overrides } from './scope.ts';

/**
 * `goto`: a state follows. `end`: the machine, branch or iteration ends here with `output`; `through` is the state for those that cannot end
 * (a rule, a catcher) or a fixed last state that everything goes through.
 */
export type Exit =
  | { kind: 'goto'; state: string; callsStep: boolean }
  | { kind: 'end'; output: (overrides: Overrides) => Json | undefined; through: () => string; terminal: boolean };

export interface Lowered {
  enter: Exit;
  states: NamedState[];
}

const NOTHING: Overrides = new Map();

/** Makes a Task, Pass, Wait, Parallel or Map leave by an exit. `output` is what it shows where the exit does not say. */
export function leave(state: AslState, exit: Exit, overrides: Overrides = NOTHING, output?: Json): void {
  if (exit.kind === 'goto') {
    state.Next = exit.state;
    state.Output = output;
    return;
  }
  const last = exit.output(overrides);
  state.Output = last === undefined ? output : last;
  if (exit.terminal) state.End = true;
  else state.Next = exit.through();
}

/** `Next` (and `Output`) of a Choice rule, a Choice's Default or a catcher that leaves by an exit. */
export function goOn(exit: Exit, overrides: Overrides = NOTHING): { Next: string; Output?: Json } {
  if (exit.kind === 'goto') return { Next: exit.state };
  const output = exit.output(overrides);
  return output === undefined ? { Next: exit.through() } : { Next: exit.through(), Output: output };
}

/** Catchers in order: errors that are never let go first, where a failure is let go. `goesOn` is the letting-go catcher. */
export function catchers(failed: JsonObject | null, goesOn: JsonObject | null): Json[] | undefined {
  const list: Json[] = [];
  if (goesOn && failed) list.push({ ErrorEquals: [...NEVER_LET_GO], ...failed });
  const last = goesOn ?? failed;
  if (last) list.push({ ErrorEquals: ['States.ALL'], ...last });
  return list.length > 0 ? list : undefined;
}

/** `{o: what was made, e: the error}`: how a failed branch of a settling block reports. */
export function failedReport(frame: Frame, errorCode: string): Json {
  // An item that failed has no result.
  if (frame.kind === 'iteration') return { e: expression(errorCode) };
  const made: JsonObject = {};
  for (const [name, variable] of frame.variables) made[name] = expression(`$exists($${variable}) ? $${variable} : null`);
  return { o: made, e: expression(errorCode) };
}
