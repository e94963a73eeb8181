// A sequence of steps, from the last to the first; which `set` steps are folded into the state before them; and `when`.

import type { Json, JsonObject } from '../json.ts';
import type { SetStep, Step } from '../workflow/model.ts';
import { eachPath, namesMade } from './analyse.ts';
import type { NamedState } from './asl.ts';
import { type Exit, goOn, type Lowered } from './exit.ts';
import { canFail, conditionCode, templateCode, templateValue } from './expression/index.ts';
import { type Frame, type Place, placeInside, type Reading } from './frame.ts';
import { lowerForeach, lowerParallel } from './lower-block.ts';
import { lowerCall } from './lower-call.ts';
import { lowerFail, lowerSet, lowerSwitch, lowerWait } from './lower-flow.ts';
import { lowerCheckpoint, lowerEmit, lowerWorkflow } from './lower-task.ts';
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

/** Lowers steps that run one after the other. `firstNumber` is the place number of the first of them. */
export function lowerSequence(context: Context, frame: Frame, steps: readonly Step[], place: Place, exit: Exit, firstNumber = 1): Lowered {
  const groups: { step: Step; number: number; folded: SetStep[] }[] = [];
  for (const [i, step] of steps.entries()) {
    const last = groups.at(-1);
    if (last && step.kind === 'set' && canFold(last.step, last.folded, step)) last.folded.push(step);
    else groups.push({ step, number: firstNumber + i, folded: [] });
  }
  const parts: NamedState[][] = [];
  let next = exit;
  for (const { step, number, folded } of groups.reverse()) {
    const lowered = lowerStep({ context, frame, step, place: placeInside(place, number), exit: next, folded });
    parts.push(lowered.states);
    next = lowered.enter;
  }
  return { enter: next, states: parts.reverse().flat() };
}

/** A `set` may be folded into the Task or Pass before it when nothing in it can fail or needs what that state also sets. */
function canFold(base: Step, already: readonly SetStep[], set: SetStep): boolean {
  if (base.when || set.when || !isFoldable(set)) return false;
  if (base.kind === 'set' ? !isFoldable(base) : base.kind !== 'call' && base.kind !== 'checkpoint' && base.kind !== 'workflow')
    return false;
  const taken = new Set((base.kind === 'set' ? [base, ...already] : already).flatMap(namesMade));
  return !readsAny(set, taken);
}

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

function lowerStep(site: Site): Lowered {
  const { step } = site;
  // A switch takes its `when` in as a first rule, a set as the rule's Assign; a block's or task's is a Choice before it.
  if (step.when === null || step.kind === 'switch' || step.kind === 'set') return lowerKind(site);
  const inner = lowerKind(site);
  const scope = scopeOf(site.context, site.frame, site.place);
  const skipped = skip(site);
  const state = {
    Type: 'Choice' as const,
    Choices: [{ Condition: expression(conditionCode(step.when, scope)), ...goOn(inner.enter) }],
    ...skipped.fields,
    Default: skipped.next,
  };
  const name = `${step.id} (when)`;
  return { enter: { kind: 'goto', state: name, callsStep: false }, states: [[name, state], ...inner.states] };
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

function lowerKind(site: Site): Lowered {
  const { step } = site;
  switch (step.kind) {
    case 'call':
      return lowerCall({ ...site, step });
    case 'parallel':
      return lowerParallel({ ...site, step });
    case 'foreach':
      return lowerForeach({ ...site, step });
    case 'switch':
      return lowerSwitch({ ...site, step });
    case 'wait':
      return lowerWait({ ...site, step });
    case 'set':
      return lowerSet({ ...site, step });
    case 'checkpoint':
      return lowerCheckpoint({ ...site, step });
    case 'workflow':
      return lowerWorkflow({ ...site, step });
    case 'emit':
      return lowerEmit({ ...site, step });
    case 'fail':
      return lowerFail({ ...site, step });
  }
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
