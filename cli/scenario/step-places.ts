// Which step stands at a place, whatever the items on the way to it.

import { ITEM_DIGITS, stepPlace } from '../../shared/protocol/place.ts';
import type { Step, Workflow } from '../../shared/workflow/index.ts';

const known = new WeakMap<Workflow, Map<string, Step>>();

/** Every step of a workflow by its place without item numbers. */
export function stepsOf(workflow: Workflow): ReadonlyMap<string, Step> {
  let steps = known.get(workflow);
  if (!steps) {
    steps = new Map();
    collect(workflow.steps, '', steps);
    known.set(workflow, steps);
  }
  return steps;
}

/** The step at a place of a run. */
export function stepAt(steps: ReadonlyMap<string, Step>, place: string): Step | undefined {
  const parts = place.split('.').filter((part) => part.length !== ITEM_DIGITS);
  return steps.get(parts.join('.'));
}

/** Item numbers in a place, outermost foreach first. */
export function itemsOf(place: string): number[] {
  return place
    .split('.')
    .filter((part) => part.length === ITEM_DIGITS)
    .map(Number);
}

function collect(steps: readonly Step[], parent: string, into: Map<string, Step>): void {
  for (const [i, step] of steps.entries()) {
    const place = stepPlace(parent, i + 1);
    into.set(place, step);
    if (step.kind === 'foreach') collect(step.steps, place, into);
    if (step.kind === 'parallel') for (const [n, branch] of step.branches.entries()) collect(branch.steps, stepPlace(place, n + 1), into);
    if (step.kind === 'switch') for (const [n, one] of step.cases.entries()) collect(one.steps, stepPlace(place, n + 1), into);
  }
}
