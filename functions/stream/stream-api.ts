// The API with the events of runs alone: a function of its own on AWS, so that streams, which last, do not take the place of requests, which do not.

import type { Clock } from '../../shared/clock.ts';
import type { Service } from '../../shared/orchestrate/index.ts';
import { createHttp, type Handlers, type Http, type HttpOptions } from '../http/index.ts';
import { followRun, MAX_STREAM_MS, readLastEventId } from './follow-run.ts';
import { STREAM_ROUTES } from './route.ts';

export interface StreamHandlersOptions {
  service: Pick<Service, 'events' | 'get'>;
  clock: Clock;
  /** How long a stream lasts at most, ms. Default 10 minutes. */
  maxStreamMs?: number;
}

export type StreamApiOptions = HttpOptions & StreamHandlersOptions;

/** The handlers of `STREAM_ROUTES`. */
export function streamHandlers({ service, clock, maxStreamMs = MAX_STREAM_MS }: StreamHandlersOptions): Handlers<typeof STREAM_ROUTES> {
  return {
    streamRun: ({ caller, params, header, signal }) =>
      followRun({ service, clock, caller, id: params.id, after: readLastEventId(header('last-event-id')), maxMs: maxStreamMs, signal }),
  };
}

/**
 * Makes the API of the stream function.
 *
 * @example
 * const api = createStreamApi({ service, keys, clock, ids, local: false, report });
 * const { statusCode, headers, body } = await api.handle(event, { signal });
 */
export function createStreamApi(options: StreamApiOptions): Http {
  return createHttp(STREAM_ROUTES, streamHandlers(options), options);
}
