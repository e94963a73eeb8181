import type { EventView } from '../../shared/contract/index.ts';
import type { RunEvent } from '../../shared/runs/index.ts';

/** An event as clients see it. A step's place, `at` on record, is `place` here: `at` is the time. */
export function eventView({ n, type, atMs, at, ...fields }: RunEvent, { jobId, runId }: { jobId: string; runId: string }): EventView {
  return {
    ...fields,
    id: String(n),
    type,
    job_id: jobId,
    run_id: runId,
    at: new Date(atMs).toISOString(),
    ...(at === undefined ? {} : { place: at }),
  };
}
