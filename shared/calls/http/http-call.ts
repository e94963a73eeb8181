// A call over HTTP: request, same-origin redirects that are safe to repeat, outcome.

import type { Clock } from '../../clock.ts';
import type { Egress } from '../egress.ts';
import { badConfiguration } from '../failure.ts';
import { describeParts, type Names } from '../parts.ts';
import type { CallOutcome, CallRequest } from '../types.ts';
import { httpEndpoint } from './endpoint.ts';
import { exchange } from './exchange.ts';
import { requestHeaders } from './headers.ts';
import { type CallLabel, judgeAnswer, judgeBroken } from './judge.ts';
import { joinPath, queryOf } from './path.ts';
import { createHttpPools } from './pools.ts';

/** Input becomes the query string. */
const QUERY_VERBS = new Set(['GET', 'HEAD', 'DELETE']);
/** May be repeated at another path whatever the redirect's number is. */
const SAFE_VERBS = new Set(['GET', 'HEAD']);
const VERBS = new Set(['GET', 'HEAD', 'DELETE', 'POST', 'PUT', 'PATCH', 'OPTIONS']);
const MAX_REDIRECTS = 5;

export interface HttpCalls {
  /** @throws {CallFailure} When the request cannot be made at all. */
  call(request: CallRequest, names: Names, signal: AbortSignal | undefined): Promise<CallOutcome>;
  close(): Promise<void>;
}

export function createHttpCalls(clock: Clock, egress: Egress): HttpCalls {
  const pools = createHttpPools(clock, egress);

  const call: HttpCalls['call'] = async (request, names, signal) => {
    const { service } = request;
    const verb = request.verb ?? 'POST';
    if (!VERBS.has(verb)) throw badConfiguration(`service "${service.name}": ${verb} is not one of ${[...VERBS].join(', ')}`);
    const label: CallLabel = { service: service.name, method: `${verb} ${describeParts(request.method ?? ['/'])}` };
    const endpoint = httpEndpoint(service, names);
    const inQuery = QUERY_VERBS.has(verb);
    const body = inQuery || request.input === undefined ? null : JSON.stringify(request.input);
    const headers = requestHeaders(request, names, body !== null);
    let path = requestPath(request, names, endpoint.path, endpoint.query, inQuery);

    const startedAtMs = clock.now();
    let leftMs = request.timeoutMs;
    const held = pools.use(endpoint.origin, service.pool);
    const lease = held instanceof Promise ? await held : held;
    try {
      for (let redirects = 0; ; redirects++) {
        const result = await exchange({ pool: lease.pool, method: verb, path, headers, body, timeoutMs: leftMs, clock, signal });
        if (result.kind === 'broken') {
          // The redirect itself was an answer: what it answered to has been sent.
          return judgeBroken(redirects > 0 ? { ...result, sent: true } : result, label, signal, request.timeoutMs);
        }
        const next =
          result.status >= 300 && result.status < 400
            ? redirectPath(result.status, result.headers.location, verb, endpoint.origin, path)
            : undefined;
        if (next === undefined || redirects === MAX_REDIRECTS) return judgeAnswer(result, label, names.secrets, clock.now());
        path = next;
        leftMs = Math.max(0, startedAtMs + request.timeoutMs - clock.now());
      }
    } finally {
      lease.release();
    }
  };

  return { call, close: () => pools.close() };
}

function requestPath(request: CallRequest, names: Names, basePath: string, baseQuery: string, inQuery: boolean): string {
  const joined = joinPath(request.method ?? ['/'], names);
  if (!joined.startsWith('/')) {
    throw badConfiguration(`service "${request.service.name}": the path of its method has to begin with "/"`);
  }
  const at = joined.indexOf('?');
  const query = [baseQuery, at < 0 ? '' : joined.slice(at + 1), inQuery ? queryOf(request.input) : '']
    .filter((part) => part !== '')
    .join('&');
  const path = basePath + (at < 0 ? joined : joined.slice(0, at));
  return query === '' ? path : `${path}?${query}`;
}

/**
 * Where a redirect leads, if it may be followed: on the same origin, and either the verb is safe or the status says that the request is to be
 * repeated as it is (307, 308; RFC 9110, section 15.4). The idempotency key stays the same.
 */
function redirectPath(
  status: number,
  location: string | string[] | undefined,
  verb: string,
  origin: string,
  path: string,
): string | undefined {
  if (typeof location !== 'string') return undefined;
  const repeats = status === 307 || status === 308;
  if (!repeats && !(SAFE_VERBS.has(verb) && (status === 301 || status === 302 || status === 303))) return undefined;
  const target = URL.parse(location, origin + path);
  if (!target || target.origin !== new URL(origin).origin) return undefined;
  return target.pathname + target.search;
}
