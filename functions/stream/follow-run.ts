// A stream of a run's events, opened for a caller.

import type { Clock } from '../../shared/clock.ts';
import { ApiError } from '../../shared/contract/index.ts';
import type { Caller, Service } from '../../shared/orchestrate/index.ts';
import { isFinal } from '../../shared/runs/index.ts';
import { type ApiResponse, emptyResponse } from '../http/index.ts';
import { eventStream } from './event-stream.ts';

/** A stream ends itself after this long, and is taken up again by its client: no function runs for longer than 15 minutes. */
export const MAX_STREAM_MS = 600_000;

export interface FollowOptions {
  service: Pick<Service, 'events' | 'get'>;
  clock: Clock;
  caller: Caller;
  /** A run's or a job's. */
  id: string;
  /** Number of the last event that the client has had. */
  after: number;
  /** How long the stream lasts at most, ms. */
  maxMs: number;
  /** Aborted when the client has gone. */
  signal: AbortSignal | undefined;
}

/**
 * Answers with the events after a number; with 204 when there will be none, which is what tells a browser's EventSource not to come back
 * (WHATWG HTML, "Server-sent events", on reconnecting).
 * @param headers further ones
 * @throws ApiError not_found
 */
export async function followRun(options: FollowOptions, headers: { [name: string]: string } = {}): Promise<ApiResponse> {
  const { service, clock, caller, id, after, maxMs, signal } = options;
  const ended = new AbortController();
  const stop = (): void => {
    signal?.removeEventListener('abort', stop);
    ended.abort();
  };
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  if (after > 0 && (await isTold(options))) {
    stop();
    return emptyResponse(headers);
  }
  const { jobId, runId, events } = await service.events(caller, id, after, { signal: ended.signal, untilMs: clock.now() + maxMs });
  const envelope = () => service.get(caller, runId);
  return {
    statusCode: 200,
    headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no', ...headers },
    body: eventStream({ jobId, runId, events, envelope, clock, stop }),
  };
}

/** Whether a client that comes back has had everything: the run has ended, and there is no event after its last one. */
async function isTold({ service, clock, caller, id, after }: FollowOptions): Promise<boolean> {
  const { data } = await service.get(caller, id);
  if (!isFinal(data.status)) return false;
  const { events } = await service.events(caller, id, after, { untilMs: clock.now() });
  for await (const _event of events) return false;
  return true;
}

/**
 * Number of the last event that a client has had, from its `Last-Event-ID`; 0 for none.
 * @throws ApiError bad_request
 */
export function readLastEventId(header: string | undefined): number {
  const text = header?.trim() ?? '';
  if (text === '') return 0;
  if (!/^\d{1,15}$/.test(text))
    throw new ApiError('bad_request', 'header last-event-id: expected the number of an event, as in the `id:` of the last one received.');
  return Number(text);
}
