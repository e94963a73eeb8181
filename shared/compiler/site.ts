// What is common to the lowering of all kinds of step: where the step stands, what its state assigns, what skipping it means.

import type { Json, JsonObject } from '../json.ts';
import type { SetStep, Step } from '../workflow/index.ts';
import { eachPath, namesMade } from './analyse.ts';
import { type Exit, goOn } from './exit.ts';
import { canFail, templateCode, templateValue } from './expression/index.ts';
import type { Frame, Place, Reading } from './frame.ts';
import { expression } from './runtime-code.ts';
import { type Context, scopeOf } from './scope.ts';

/** A step with what its lowering needs to know. */
export interface Site<S extends Step = Step> {
  context: Context;
  frame: Frame;
  step: S;
  place: Place;
  exit: Exit;
  /** `set` steps after this one that its own state assigns. */
  folded: readonly SetStep[];
}

/** Key in `Overrides` of the result of the last step, for what a foreach collects. */
export const RESULT = '(result)';

const NULL: Reading = { code: 'null', total: true };

/** True when a `set` needs no Catch. */
export function isFoldable(set: SetStep): boolean {
  return !set.values.some(([, value]) => canFail(value));
}

/** True when a `set` reads one of these names. */
export function readsAny(set: SetStep, names: ReadonlySet<string>): boolean {
  let found = false;
  const look = (value: SetStep['values'][number][1]): void => {
    if (value.kind === 'expr') eachPath(value.expr, (root) => (found ||= names.has(root)));
    else if (value.kind === 'text') {
      for (const part of value.parts) if (typeof part !== 'string') eachPath(part, (root) => (found ||= names.has(root)));
    } else if (value.kind === 'list') value.items.forEach(look);
    else if (value.kind === 'object') for (const [, inner] of value.entries) look(inner);
  };
  for (const [, value] of set.values) look(value);
  return found;
}

/** What happens when a step is skipped: its names are null, and the run goes on. */
export function skip(site: Site): { fields: JsonObject; next: string } {
  const { frame, step, exit } = site;
  const made = namesMade(step);
  const overrides = new Map<string, Reading>(made.map((name) => [name, NULL]));
  const { Next, Output } = goOn(exit, overrides);
  const assign: JsonObject = {};
  if (exit.kind === 'goto') for (const name of made) assign[frame.variables.get(name) ?? name] = null;
  return {
    fields: { ...(Object.keys(assign).length > 0 ? { Assign: assign } : {}), ...(Output !== undefined ? { Output } : {}) },
    next: Next,
  };
}

/**
 * What a state assigns and what the names are for its own Output: the result under the step's name, and the folded sets.
 * @param result how the step's result is read in this state, or null where it has none
 */
export function assignments(site: Site, result: Reading | null): { assign: JsonObject; overrides: Map<string, Reading> } {
  const { context, frame, step, place, folded } = site;
  const overrides = new Map<string, Reading>();
  const assign: JsonObject = {};
  if (result) overrides.set(RESULT, result);
  const output = 'output' in step ? step.output : null;
  if (output !== null && result) {
    overrides.set(output, result);
    assign[frame.variables.get(output) ?? output] = expression(result.code);
  }
  const own = new Map(overrides);
  for (const set of folded) {
    const scope = scopeOf(context, frame, place, own);
    overrides.delete(RESULT);
    for (const [name, value] of set.values) {
      assign[frame.variables.get(name) ?? name] = templateValue(value, scope);
      overrides.set(name, { code: `(${templateCode(value, scope)})`, total: true });
    }
  }
  return { assign, overrides };
}

/** `Assign`, where there is anything to assign and somebody left to read it. */
export function assignField(exit: Exit, assign: JsonObject): { Assign?: Json } {
  return exit.kind === 'goto' && Object.keys(assign).length > 0 ? { Assign: assign } : {};
}
