// Which steps a run passed over, read off its history: the `when` of a step is a state of its own before it.

import { isJsonObject } from '../../shared/json.ts';
import type { Step, Workflow } from '../../shared/workflow/index.ts';
import type { HistoryEvent } from '../engine/index.ts';

/** Ids of steps that `when` passed over, in file order, once for each time. */
export function skippedSteps(workflow: Workflow, history: readonly HistoryEvent[]): string[] {
  const entered = new Map<string, number>();
  for (const event of history) {
    const details = event['stateEnteredEventDetails'];
    const name = isJsonObject(details) ? details['name'] : undefined;
    if (typeof name === 'string') entered.set(name, (entered.get(name) ?? 0) + 1);
  }
  const skipped: string[] = [];
  const look = (steps: readonly Step[]): void => {
    for (const step of steps) {
      if (step.when) {
        const asked = entered.get(`${step.id} (when)`) ?? 0;
        const taken = entered.get(step.id) ?? 0;
        for (let n = taken; n < asked; n++) skipped.push(step.id);
      }
      if (step.kind === 'foreach') look(step.steps);
      if (step.kind === 'parallel') for (const branch of step.branches) look(branch.steps);
      if (step.kind === 'switch') for (const one of step.cases) look(one.steps);
    }
  };
  look(workflow.steps);
  return skipped;
}
