// Telling others how a run ended: one event on Maestro's bus.
//
//   N1. At least once for every end: a run stays on the list of open runs until its end was told, so the sweep tells what nobody did.
//   N2. An end that was told is marked, so that it is told again only by who died in between. A run that is undone later ends anew.

import type { JsonObject } from '../../shared/json.ts';
import type { Bus } from '../../shared/orchestrate/index.ts';
import { jobIdOfRun } from '../../shared/orchestrate/index.ts';
import { ensureEndEvent, findRun, isFinal, leaveList, type RunRecord, type Runs, runRecordKey, tenantOf } from '../../shared/runs/index.ts';

/** `source` of Maestro's own events. */
const SOURCE = 'maestro';

/** Tells how a run ended, if it has and nobody has told it. */
export async function announceEnd(runs: Runs, bus: Pick<Bus, 'put'>, runId: string): Promise<void> {
  const run = await findRun(runs, runId);
  if (!run || !isFinal(run.status) || run.endedAtMs === undefined) return;
  // Who follows its events waits for that one: until it is told the run stays on the list.
  if (!(await ensureEndEvent(runs, run))) return;
  const { endedAtMs } = run;
  if (run.announcedMs !== endedAtMs) {
    await runs.store.durable();
    await bus.put([{ source: SOURCE, 'detail-type': `maestro.run.${run.status}`, detail: detailOf(run, endedAtMs) }]);
    await runs.store.update(runRecordKey(run.id), { set: { announcedMs: endedAtMs } }, { equals: { endedAtMs } });
  }
  await leaveList(runs, run);
}

function detailOf(run: RunRecord, endedAtMs: number): JsonObject {
  const { id, workflow, version, status, startedAtMs, error } = run;
  return {
    job_id: jobIdOfRun(run),
    run_id: id,
    workflow,
    version,
    status,
    tenant: tenantOf(run),
    started_at: startedAtMs === undefined ? null : new Date(startedAtMs).toISOString(),
    completed_at: new Date(endedAtMs).toISOString(),
    ...(error ? { error: { step: error.step, error: error.error, message: error.message } } : {}),
  };
}
