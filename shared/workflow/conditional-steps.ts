// Steps that a run may pass over because a condition says so.

import type { Step, Workflow } from './model.ts';
import { compensateOf, innerLists, walkSteps } from './walk.ts';

/** A step that leaves a record where it is performed, and its place in every run. */
export interface ConditionalStep {
  step: string;
  /** As in `shared/protocol/place.ts`. */
  at: string;
  kind: 'call' | 'callback' | 'emit' | 'workflow' | 'checkpoint';
}

/**
 * The steps of a workflow that a `when` or a case of a `switch` decides about, in file order. Of a run that is completed, those without a record
 * were skipped. Steps inside a foreach are not among them: how often they stand is known only from the list.
 */
export function conditionalSteps({ steps }: Pick<Workflow, 'steps'>): ConditionalStep[] {
  const found: ConditionalStep[] = [];
  walkSteps(steps, (step, parents, at) => {
    const kind = recordKind(step);
    if (!kind || parents.some((parent) => parent.kind === 'foreach')) return;
    if ([...parents, step].some((one, depth, path) => decides(one, path[depth + 1]))) found.push({ step: step.id, at, kind });
  });
  return found;
}

/** The step itself stands under a condition, or the list in it that the next one of the path stands in. */
function decides(step: Step, next: Step | undefined): boolean {
  if (step.when !== null) return true;
  if (!next) return false;
  return step.kind === 'switch' || innerLists(step).some(({ when, steps }) => when !== null && steps.includes(next));
}

function recordKind(step: Step): ConditionalStep['kind'] | undefined {
  switch (step.kind) {
    case 'call':
      return step.await === 'callback' ? 'callback' : 'call';
    case 'emit':
      return compensateOf(step) ? 'emit' : undefined;
    case 'workflow':
    case 'checkpoint':
      return step.kind;
    default:
      return undefined;
  }
}
