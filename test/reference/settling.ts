// Which blocks wait for all their branches before a failure goes on. Unless nothing before or within a block can be undone or let go, every
// branch ends first; only a block with nothing to undo may end at its first failure.

import type { Step, Workflow } from '../../shared/workflow/model.ts';

/** True when the block is settled before its failure goes on. */
export function blockSettles(workflow: Workflow, block: Step): boolean {
  const within = everyStep([block]);
  const last = Math.max(...within.map((step) => step.number));
  return everyStep(workflow.steps).some((step) => step.number <= last && (step.onError === 'continue' || canBeUndone(step)));
}

function canBeUndone(step: Step): boolean {
  if (step.kind === 'workflow') return !step.irreversible;
  return (step.kind === 'call' || step.kind === 'emit') && step.compensate !== null;
}

/** All steps, outside in; those behind one that always ends the run are as good as not there. */
function everyStep(steps: readonly Step[]): Step[] {
  const end = steps.findIndex(endsRun);
  return (end < 0 ? steps : steps.slice(0, end + 1)).flatMap((step) => {
    if (step.kind === 'parallel') return [step, ...step.branches.flatMap((branch) => everyStep(branch.steps))];
    if (step.kind === 'switch') return [step, ...step.cases.flatMap((one) => everyStep(one.steps))];
    if (step.kind === 'foreach') return [step, ...everyStep(step.steps)];
    return [step];
  });
}

function endsRun(step: Step): boolean {
  if (step.when !== null) return false;
  if (step.kind === 'fail') return true;
  return step.kind === 'switch' && step.cases.at(-1)?.when === null && step.cases.every((one) => one.steps.some(endsRun));
}
