// Steps that can never run have no states: Step Functions refuses a state that nothing leads to.

import type { Step, Workflow } from '../workflow/model.ts';

/** The workflow without the steps behind one that always ends the run. Numbers and places of the others stay as they are. */
export function reachableOnly(workflow: Workflow): Workflow {
  const steps = reachable(workflow.steps);
  return steps === workflow.steps ? workflow : { ...workflow, steps };
}

/** The same list where nothing is cut off. */
function reachable(steps: Step[]): Step[] {
  const kept: Step[] = [];
  for (const step of steps) {
    kept.push(inside(step));
    if (endsRun(step)) break;
  }
  return kept.length === steps.length && kept.every((step, i) => step === steps[i]) ? steps : kept;
}

function inside(step: Step): Step {
  switch (step.kind) {
    case 'parallel': {
      const branches = step.branches.map((branch) => withSteps(branch));
      return branches.every((branch, i) => branch === step.branches[i]) ? step : { ...step, branches };
    }
    case 'switch': {
      const cases = step.cases.map((one) => withSteps(one));
      return cases.every((one, i) => one === step.cases[i]) ? step : { ...step, cases };
    }
    case 'foreach':
      return withSteps(step);
    default:
      return step;
  }
}

function withSteps<T extends { steps: Step[] }>(holder: T): T {
  const steps = reachable(holder.steps);
  return steps === holder.steps ? holder : { ...holder, steps };
}

/** True when no state can follow: a `fail`, or a switch all of whose ways end in one. A block always leads on to its join. */
function endsRun(step: Step): boolean {
  if (step.when !== null) return false;
  if (step.kind === 'fail') return true;
  return step.kind === 'switch' && step.cases.at(-1)?.when === null && step.cases.every((one) => one.steps.some(endsRun));
}
