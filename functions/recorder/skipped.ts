// Steps that a completed run passed over: named by the definition, and told when the run ends.

import type { JsonObject } from '../../shared/json.ts';
import { checkpointKey, type RunRecord, type Runs, stepKey } from '../../shared/runs/index.ts';
import type { ConditionalStep } from '../../shared/workflow/index.ts';

/** Writes down as skipped every one of these steps of which the run has no record. To be called before the run's end is written. */
export async function recordSkipped(runs: Runs, run: RunRecord, conditional: readonly ConditionalStep[]): Promise<void> {
  for (const { step, at, kind } of conditional) {
    const [done] = await runs.store.read([kind === 'checkpoint' ? checkpointKey(run.id, at) : stepKey(run.id, at)]);
    if (done) continue;
    const now = runs.clock.now();
    const times = { startedAtMs: now, endedAtMs: now, leaseUntilMs: 0 };
    const record: JsonObject = { step, at, kind, state: 'skipped', attempt: 0, owner: '', ...times };
    if (await runs.store.put(stepKey(run.id, at), record, { absent: true }, runs.expiresAt(run.deadlineMs)))
      await runs.append(run.id, 'step.skipped', { step, at }, run.deadlineMs);
  }
}
