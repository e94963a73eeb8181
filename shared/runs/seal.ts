// Sealing a step whose end nobody wrote: from then on it is unknown, and whoever still works on it is late.

import { stepKey } from './keys.ts';
import type { StepRecord } from './records.ts';
import type { Runs } from './runs.ts';

/** Seals a `started` or `waiting` step as unknown. False when it has ended in the meantime. */
export async function sealStep(runs: Runs, runId: string, step: StepRecord): Promise<boolean> {
  const set = { state: 'unknown', sealed: true, doubt: true, endedAtMs: runs.clock.now() };
  return (await runs.store.update(stepKey(runId, step.at), { set }, { equals: { state: step.state, owner: step.owner } })) !== undefined;
}
