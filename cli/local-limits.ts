// What a file asks for that this machine does only in part; said before a run begins.

import { allSteps, type Workflow } from '../shared/workflow/index.ts';

/** One sentence for each such thing in the workflows; empty where there is none. */
export function localLimits(workflows: readonly Workflow[]): string[] {
  const notes: string[] = [];
  for (const workflow of workflows) {
    const steps = allSteps(workflow);
    const checkpoints = steps.filter(({ kind }) => kind === 'checkpoint').map(({ id }) => id);
    const callbacks = steps.flatMap((step) => (step.kind === 'call' && step.await === 'callback' ? [step.id] : []));
    if (checkpoints.length > 0) {
      notes.push(
        `${workflow.name}: checkpoint ${checkpoints.join(', ')} waits until its task token is answered (SendTaskSuccess at the endpoint of \`maestro dev\`), or times out.`,
      );
    }
    if (callbacks.length > 0) {
      notes.push(
        `${workflow.name}: callback ${callbacks.join(', ')} is answered at a URL of this machine (127.0.0.1), while this data folder is held by a process.`,
      );
    }
    if (workflow.triggers.length > 0) notes.push(`${workflow.name}: its triggers start runs on AWS; here only this command starts one.`);
  }
  return notes;
}
