// A stream of the API as the terminal shows runs.

import type { RunEvent as ApiEvent, Envelope } from '../../sdk/index.ts';
import type { RunEvent } from '../../shared/runs/index.ts';

/** An event of the API as the records have it: a step's place is `at` there. */
export function recordedEvent({ id, at, place, ...fields }: ApiEvent): RunEvent {
  return { ...fields, n: Number(id), atMs: Date.parse(at), ...(place === undefined ? {} : { at: place }) };
}

/** Tells the events of a stream, and resolves with the run as it ended; undefined when it had ended before and nothing was told. */
export async function followRemote(events: AsyncIterable<ApiEvent>, onEvent: (event: RunEvent) => void): Promise<Envelope | undefined> {
  for await (const event of events) {
    onEvent(recordedEvent(event));
    if (event.envelope) return event.envelope;
  }
  return undefined;
}
