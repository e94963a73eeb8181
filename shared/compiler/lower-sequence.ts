// A sequence of steps, from the last to the first; which `set` steps are folded into the state before them; and `when`.

import type { SetStep, Step } from '../workflow/index.ts';
import { namesMade } from './analyse.ts';
import type { NamedState } from './asl.ts';
import { type Exit, goOn, type Lowered } from './exit.ts';
import { conditionCode } from './expression/index.ts';
import { type Frame, type Place, placeInside } from './frame.ts';
import { lowerForeach, lowerParallel } from './lower-block.ts';
import { lowerCall } from './lower-call.ts';
import { lowerFail, lowerSet, lowerSwitch, lowerWait } from './lower-flow.ts';
import { lowerCheckpoint, lowerEmit } from './lower-task.ts';
import { lowerWorkflow } from './lower-workflow.ts';
import { expression } from './runtime-code.ts';
import { type Context, scopeOf } from './scope.ts';
import { readsBeforeAssigned } from './shared-values.ts';
import { isFoldable, readsAny, type Site, skip } from './site.ts';

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
  const isStart = frame.kind === 'root' && place.length === 0;
  for (const { step, number, folded } of groups.reverse()) {
    if (isStart && number === 1) context.shared.early = readsBeforeAssigned(step);
    const lowered = lowerStep({ context, frame, step, place: placeInside(place, number), exit: next, folded });
    parts.push(lowered.states);
    next = lowered.enter;
  }
  if (isStart) context.shared.early = false;
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
