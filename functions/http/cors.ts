// Answers that pages of other origins may read: of those alone that are listed, and never with cookies (there are none).

import { type ApiResponse, emptyResponse } from './response.ts';

const METHODS = 'GET, POST, PUT, DELETE';
const REQUEST_HEADERS = 'authorization, x-api-key, content-type, idempotency-key, last-event-id';
const RESPONSE_HEADERS = 'x-request-id, location, content-location, retry-after, idempotent-replayed';
const MAX_AGE_SECONDS = '600';

/** The answer to a browser that asks before it sends. `allowOrigin` says for whom. */
export function preflight(): ApiResponse {
  return emptyResponse({
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': REQUEST_HEADERS,
    'access-control-max-age': MAX_AGE_SECONDS,
  });
}

/** Headers of every answer where origins are listed. */
export function allowOrigin(origins: readonly string[], origin: string | undefined): { [name: string]: string } {
  if (origins.length === 0) return {};
  if (origin === undefined || !origins.includes(origin)) return { vary: 'origin' };
  return { vary: 'origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': RESPONSE_HEADERS };
}
