// The API over the real service on the embedded runtime, in memory; every answer is held against the document.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { expect } from 'vitest';
import type { ApiResponse, RouteDefinition } from '../../functions/http/index.ts';
import { type ApiOptions, createApi } from '../../functions/ingress/index.ts';
import { ROUTES } from '../../functions/ingress/routes/index.ts';
import { createRuntime, type Runtime } from '../../local/runtime/index.ts';
import { createLocalService, type LocalService } from '../../local/service/index.ts';
import type { CallOutcome, CallRequest } from '../../shared/calls/index.ts';
import { ERROR_STATUS, errorSchema, eventSchema, REQUEST_ID, type Scope } from '../../shared/contract/index.ts';
import type { JsonObject } from '../../shared/json.ts';

/** What the tests' workflows are. */
export const WORKFLOWS = {
  echo: `name: echo
version: "1"
description: Says it again.
input: { type: object, properties: { text: { type: string } }, required: [text] }
steps:
  - { id: say, set: { said: "{{ .input.text }}" } }
output: { said: "{{ .said }}" }
`,
  order: `name: order
version: "1"
services:
  shop: { type: http, endpoint: "http://shop.example.com", breaker: false }
steps:
  - { id: reserve, service: shop, method: "POST /reserve", compensate: { method: "POST /release" } }
  - { id: charge, service: shop, method: "POST /charge", output: paid }
`,
  approval: `name: approval
version: "1"
steps:
  - id: ask
    checkpoint: { title: "May it go?", allow: [approve, reject, respond], options: [soon, later], timeout: 1h, on_timeout: fail }
    output: answer
output: "{{ .answer.decision }}"
`,
  hook: `name: hook
version: "1"
services:
  shop: { type: http, endpoint: "http://shop.example.com", breaker: false }
steps:
  - { id: later, service: shop, method: "POST /later", await: callback, timeout: 1h, input: { url: "{{ callback.url }}" }, output: answer }
output: "{{ .answer }}"
`,
} as const;

export interface Asked {
  method?: string;
  path: string;
  /** `null`: none is sent. */
  key?: string | null;
  headers?: { [name: string]: string };
  query?: { [name: string]: string };
  /** An object is sent as JSON. */
  body?: unknown;
  event?: Partial<APIGatewayProxyEvent>;
  /** Default: an address of the internet. */
  sourceIp?: string;
}

export interface Answered extends ApiResponse {
  /** The body, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape, which are held against their schemas first.
  json: any;
  text: string;
}

export interface Bench {
  runtime: Runtime;
  local: LocalService;
  /** What `api` is made of. */
  parts: ApiOptions;
  api: ReturnType<typeof createApi>;
  /** A key of the operator. */
  key: string;
  /** Faults of ours. A test that does not expect one fails by `close`. */
  faults: unknown[];
  /** URLs that services were given for callbacks. */
  callbacks: string[];
  keyFor(tenant: string, scopes: Scope[], rateLimit?: number): Promise<string>;
  ask(asked: Asked): Promise<Answered>;
  /** `ask` of another API over the same service. */
  with(api: Partial<ApiOptions>): (asked: Asked) => Promise<Answered>;
  /** `ask` of an API that is made of other parts. */
  withParts(parts: ApiOptions): (asked: Asked) => Promise<Answered>;
  close(): Promise<void>;
}

export interface BenchOptions {
  call?: (request: CallRequest) => Promise<CallOutcome>;
  api?: Partial<ApiOptions>;
}

/** @param options.api what is other than in `maestro dev` */
export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const faults: unknown[] = [];
  const callbacks: string[] = [];
  const done = async (): Promise<CallOutcome> => ({ outcome: 'done', value: {} });
  const runtime = createRuntime({
    dataFolder: null,
    caller: {
      call(request) {
        if (request.callbackUrl) callbacks.push(request.callbackUrl);
        return (options.call ?? done)(request);
      },
      origin: () => 'http://shop.example.com',
      close: async () => {},
    },
    callbackUrl: (token) => `http://127.0.0.1:1/api/v2/callbacks/${encodeURIComponent(token)}`,
    announceEnds: true,
    onProblem: (error) => faults.push(error),
    holder: { version: 'test', role: 'test', urls: {} },
  });
  const local = await createLocalService({ runtime, dataFolder: null, onProblem: (error) => faults.push(error) });
  for (const text of Object.values(WORKFLOWS)) await local.catalog.deploy?.(text);
  await local.start();
  const { service, keys, audit, catalog, bus, breakers, ids } = local;
  const report = (error: unknown): void => void faults.push(error);
  const { clock } = runtime.parts;
  const parts: ApiOptions = {
    service,
    keys,
    audit,
    catalog,
    bus,
    breakers,
    ids,
    clock,
    version: '1.2.3',
    local: true,
    report,
    ...options.api,
  };
  const api = createApi(parts);
  const keyFor = async (tenant: string, scopes: Scope[], rateLimit?: number): Promise<string> =>
    (await keys.create({ name: 'test', tenant, scopes, rateLimit: rateLimit ?? null })).key;
  const key = await keyFor('default', ['admin']);
  const asking = (made: ApiOptions) => {
    const other = createApi(made);
    return async (asked: Asked) => check(asked, await other.handle(eventOf({ key, ...asked })));
  };
  return {
    runtime,
    local,
    parts,
    api,
    key,
    faults,
    callbacks,
    keyFor,
    ask: asking(parts),
    with: (changed) => asking({ ...parts, ...changed }),
    withParts: asking,
    async close() {
      await local.close();
      await runtime.close();
      expect(faults).toEqual([]);
    },
  };
}

/** An event as API Gateway documents it. @param name of the file. @param key put in for `KEY` */
export function fixture(name: string, key = ''): APIGatewayProxyEvent {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'events', `${name}.json`), 'utf8').replaceAll('KEY', key));
}

/** A request as API Gateway hands it over. */
export function eventOf({ method = 'GET', path, key, headers = {}, query, body, event, sourceIp }: Asked): APIGatewayProxyEvent {
  const base = fixture('rest-proxy');
  const sent: { [name: string]: string } = { Host: '127.0.0.1:8080', ...(key ? { Authorization: `Bearer ${key}` } : {}), ...headers };
  if (body !== undefined && !Object.keys(sent).some((name) => name.toLowerCase() === 'content-type'))
    sent['Content-Type'] = 'application/json';
  return {
    ...base,
    path,
    httpMethod: method,
    headers: sent,
    multiValueHeaders: Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, [value]])),
    queryStringParameters: query ?? null,
    multiValueQueryStringParameters: query ? Object.fromEntries(Object.entries(query).map(([name, value]) => [name, [value]])) : null,
    pathParameters: { proxy: path.slice(1) },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    requestContext: {
      ...base.requestContext,
      httpMethod: method,
      path: `/prod${path}`,
      identity: { ...base.requestContext.identity, sourceIp: sourceIp ?? '203.0.113.1' },
    },
    ...event,
  };
}

/** Holds an answer against what the document says of it, and reads its body. */
async function check({ method = 'GET', path }: Asked, answer: ApiResponse): Promise<Answered> {
  const { statusCode, headers, body } = answer;
  expect(headers['x-request-id']).toMatch(REQUEST_ID);
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['x-content-type-options']).toBe('nosniff');
  if (typeof body !== 'string') return { ...answer, json: undefined, text: '' };
  const json = body !== '' && headers['content-type'] === 'application/json' ? JSON.parse(body) : undefined;
  const route = routeOf(method, path);
  if (method === 'HEAD') {
    expect(body).toBe('');
  } else if (statusCode >= 400) {
    expect(errorSchema.parse(json)).toEqual(json);
    expect(ERROR_STATUS[json.error.code as keyof typeof ERROR_STATUS]).toBe(statusCode);
    expect(json.error.request_id).toBe(headers['x-request-id']);
    if (statusCode >= 500) expect([501, 503]).toContain(statusCode);
  } else if (route) {
    const documented = route.answers[statusCode];
    expect(documented, `${route.method} ${route.path} answered ${statusCode}`).toBeDefined();
    if (documented?.schema && json !== undefined) expect(documented.schema.parse(json)).toEqual(json);
  }
  return { ...answer, json, text: body };
}

export function routeOf(method: string, path: string): RouteDefinition | undefined {
  return Object.values<RouteDefinition>(ROUTES).find(
    (route) => route.method === method && new RegExp(`^${route.path.replace(/\{\w+\+\}/, '.+').replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
}

/** The events of a stream, to its end. */
export async function readStream(body: string | AsyncIterable<string>): Promise<{ id: string; event: string; data: JsonObject }[]> {
  if (typeof body === 'string') throw new Error(`it is no stream: ${body}`);
  let text = '';
  for await (const part of body) text += part;
  return [...text.matchAll(/^id: (.*)\nevent: (.*)\ndata: (.*)\n\n/gm)].map(([, id = '', event = '', data = '']) => {
    const parsed = eventSchema.parse(JSON.parse(data));
    return { id, event, data: parsed as unknown as JsonObject };
  });
}
