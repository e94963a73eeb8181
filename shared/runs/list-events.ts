// The log of a run's events, read.

import { EVENT_PREFIX, eventKey, runPartition } from './keys.ts';
import { type RunEvent, runEventSchema } from './records.ts';
import type { Runs } from './runs.ts';

/**
 * Events of a run after number `after`, in order, none missing between them; durable when they are answered.
 * @param limit the most that are read; left out: all of them
 */
export async function listEvents(runs: Runs, runId: string, after = 0, limit?: number): Promise<RunEvent[]> {
  const items = await runs.store.list(runPartition(runId), {
    prefix: EVENT_PREFIX,
    ...(after > 0 ? { after: eventKey(runId, after).sk } : {}),
    ...(limit === undefined ? {} : { limit }),
  });
  if (items.length > 0) await runs.store.durable();
  return items.map(({ body }) => runEventSchema.parse(body));
}
