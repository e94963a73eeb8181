// The pipeline that every request goes through: path and headers, route, caller, parameters, body, handler, answer.
//
//   H1. Whatever a client sends, it is answered, and a refusal has the one shape of errors. 500 is our own fault alone; it is reported.
//   H2. Nothing of a request is looked at by a handler before its caller is known and its parts have passed their schemas.
//   H3. Every answer has a request id, the security headers, and says that it must not be kept.

import middy from '@middy/core';
import httpHeaderNormalizer from '@middy/http-header-normalizer';
import httpRouter, { type Route } from '@middy/http-router';
import httpSecurityHeaders from '@middy/http-security-headers';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import * as z from 'zod';
import { ApiError } from '../../shared/contract/index.ts';
import type { ServiceIds } from '../../shared/orchestrate/index.ts';
import { type Authentication, authenticate } from './authenticate.ts';
import { readBody } from './body.ts';
import { allowOrigin, preflight } from './cors.ts';
import { errorResponse, refuse, toApiError } from './errors.ts';
import type { ApiEvent, Exchange } from './exchange.ts';
import { checkHeaders, headerOf } from './headers.ts';
import { noRoute, pathParams, readPath, routerPath } from './path.ts';
import type { ApiResponse } from './response.ts';
import type { ApiRequest, Handlers, RouteDefinition, Routes } from './route.ts';

export interface HttpOptions extends Authentication {
  ids: Pick<ServiceIds, 'id'>;
  /** Told of every fault of ours, with the id that the client was told. */
  report(error: unknown, about: { requestId: string; method: string; route: string }): void;
  /** Origins whose pages may read the answers (CORS); default none. */
  origins?: readonly string[];
  /** Content-Security-Policy for a page that brings styles of its own: their hashes, such as `'sha256-…'`. */
  styleSources?: readonly string[];
}

export interface Http {
  /** Answers a request, always. @param options.signal aborted when the client has gone */
  handle(event: APIGatewayProxyEvent, options?: { signal?: AbortSignal }): Promise<ApiResponse>;
}

/** Nothing in the pipeline looks at Lambda's context. */
const NO_CONTEXT = {} as Context;
const NO_STORE = 'no-store';

/** Most answers are data, one is a page without scripts: there is nothing to permit, and the list of that is longer than most answers. */
const SECURITY = {
  permissionsPolicy: false,
  referrerPolicy: { policy: 'no-referrer' },
  reportTo: false,
  reportingEndpoints: false,
} as const;

type AnyRequest = { [K in keyof ApiRequest<RouteDefinition>]: unknown };
type AnyHandler = (request: AnyRequest) => Promise<ApiResponse>;

/**
 * Makes the pipeline.
 * @param routes by operation
 * @param handlers one for each route; what they get has the types that the route's schemas say
 */
export function createHttp<const T extends Routes>(routes: T, handlers: Handlers<T>, options: HttpOptions): Http {
  const { ids, origins = [] } = options;
  const table = Object.entries<RouteDefinition>(routes).flatMap(([operation, route]) => {
    // `Handlers` has one for each operation, of a narrower type each.
    const handler = handlerOf(routes, route, handlers[operation] as unknown as AnyHandler, options);
    const own: Route<ApiEvent, APIGatewayProxyResult> = { method: route.method, path: routerPath(route.path), handler };
    return route.method === 'GET' ? [own, { ...own, method: 'HEAD' as const }] : [own];
  });
  if (origins.length > 0)
    table.push({ method: 'OPTIONS', path: '/{proxy+}', handler: async ({ exchange }: ApiEvent) => asResult(exchange, preflight()) });
  const notFoundResponse = ({ method, path }: { method: string; path: string }): never => {
    throw noRoute(routes, method, path);
  };
  // Middy runs what follows the handler from the last to the first: errors become answers, then these get their headers.
  const pipeline = middy<ApiEvent, APIGatewayProxyResult>(httpRouter<ApiEvent, APIGatewayProxyResult>({ routes: table, notFoundResponse }))
    .use(httpSecurityHeaders(SECURITY))
    .onError((request) => {
      const { source } = request.event.exchange;
      const refusal = toApiError(request.error);
      if (refusal.code === 'internal') options.report(request.error, source);
      request.response = asResult(request.event.exchange, errorResponse(refusal, source.requestId));
    })
    .before(({ event }) => prepare(event))
    .use(httpHeaderNormalizer());

  // Of our own: middy's always asks for HTTPS, which there is none of locally.
  const styles = options.styleSources?.join(' ') ?? "'none'";
  const policy = `default-src 'none'; style-src ${styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox`;

  return {
    async handle(event, { signal } = {}) {
      const source = { requestId: ids.id('req'), method: event.httpMethod, route: '' };
      const exchange: Exchange = { source, signal, base: '', service: false, stream: undefined };
      const { statusCode, headers, body } = await pipeline({ ...event, exchange }, NO_CONTEXT);
      const answer: ApiResponse = { statusCode, headers: { 'cache-control': NO_STORE, 'x-request-id': source.requestId }, body };
      for (const [name, value] of Object.entries(headers ?? {})) answer.headers[name.toLowerCase()] = String(value);
      Object.assign(answer.headers, { 'content-security-policy': policy }, allowOrigin(origins, originOf(event)));
      if (exchange.stream && event.httpMethod !== 'HEAD') answer.body = exchange.stream;
      else if (event.httpMethod === 'HEAD') answer.body = '';
      return answer;
    },
  };
}

/** Before a route is looked for: the method, the path and the headers are sound. */
function prepare(event: ApiEvent): void {
  const { exchange } = event;
  if (event.httpMethod === '') throw new ApiError('bad_request', 'the request has no method.');
  const { path, base, service } = readPath(event);
  checkHeaders(event);
  exchange.base = base;
  exchange.service = service;
  event.path = path;
  // The router puts the parameters of its own match here; API Gateway's would take precedence.
  event.pathParameters = null;
}

/** A route's handler as middy's router calls it (H2). */
function handlerOf(
  routes: Routes,
  route: RouteDefinition,
  handler: AnyHandler,
  options: HttpOptions,
): (event: ApiEvent) => Promise<APIGatewayProxyResult> {
  return async (event) => {
    const { exchange } = event;
    const named = pathParams(route, event.pathParameters ?? {});
    if (!named) throw noRoute(routes, event.httpMethod, event.path);
    const source = { ...exchange.source, method: route.method, route: route.path };
    exchange.source = source;
    const caller = await authenticate(options, event, route.access);
    const params = parse(route.params, named, 'not_found', 'path');
    const query = route.access === 'public' ? undefined : parse(route.query ?? NOTHING, queryOf(event), 'invalid', 'query');
    let body: unknown;
    if (route.body) {
      body = await readBody(event, route.body);
      if (route.body.kind === 'json') body = parse(route.body.schema, body, 'invalid', 'body');
    }
    const header = (name: string): string | undefined => headerOf(event, name);
    return asResult(exchange, await handler({ caller, source, params, query, body, header, signal: exchange.signal, base: exchange.base }));
  };
}

const NOTHING = z.strictObject({});

function parse(schema: z.ZodType | undefined, value: unknown, code: 'invalid' | 'not_found', what: string): unknown {
  if (!schema) return undefined;
  const checked = schema.safeParse(value);
  if (!checked.success) throw refuse(code, what, checked.error);
  return checked.data;
}

/** @throws ApiError invalid for a parameter that is given twice */
function queryOf({ queryStringParameters, multiValueQueryStringParameters }: ApiEvent): { [name: string]: unknown } {
  for (const [name, values] of Object.entries(multiValueQueryStringParameters ?? {})) {
    if (values && values.length > 1)
      throw new ApiError('invalid', 'query: a parameter is given more than once; expected it once.', {
        details: [{ path: [name], message: 'it is given more than once' }],
      });
  }
  return { ...queryStringParameters };
}

function asResult(exchange: Exchange, { statusCode, headers, body }: ApiResponse): APIGatewayProxyResult {
  exchange.stream = typeof body === 'string' ? undefined : body;
  return { statusCode, headers: { ...headers }, body: typeof body === 'string' ? body : '' };
}

function originOf({ headers }: APIGatewayProxyEvent): string | undefined {
  return Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'origin')?.[1];
}
