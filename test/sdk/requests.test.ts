import { afterEach, expect, it } from 'vitest';
import { ROUTES } from '../../functions/ingress/routes/index.ts';
import { ConnectionError, Maestro, MaestroError } from '../../sdk/index.ts';
import {
  cut,
  envelope,
  type Handler,
  json,
  RUN_ID,
  refusal,
  silence,
  startService,
  type TestPlatform,
  type TestService,
  testPlatform,
} from './support.ts';

let service: TestService | undefined;
let platform: TestPlatform;

afterEach(async () => {
  await service?.close();
  service = undefined;
});

async function clientOf(...handlers: Handler[]): Promise<{ maestro: Maestro; service: TestService }> {
  service = await startService(...handlers);
  platform = testPlatform();
  return { service, maestro: new Maestro({ baseUrl: service.url, apiKey: 'mk_test', platform }) };
}

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('it was expected to be refused'),
    (error: unknown) => error,
  );

it('a run is started with one post that carries the key, the body and an idempotency key', async () => {
  const { maestro, service } = await clientOf(json(200, envelope('completed')));

  const { data } = await maestro.orchestrate.run({ workflow: 'hello', input: { a: 1 }, mode: 'sync', metadata: { by: 'test' } });

  expect(data.status).toBe('completed');
  expect(service.asked).toHaveLength(1);
  expect(service.asked[0]).toMatchObject({
    method: 'POST',
    url: '/api/v2/orchestrate/run',
    headers: { authorization: 'Bearer mk_test', 'content-type': 'application/json', 'idempotency-key': 'key-1' },
  });
  expect(JSON.parse(service.asked[0]?.body ?? '')).toEqual({ workflow: 'hello', input: { a: 1 }, mode: 'sync', metadata: { by: 'test' } });
});

it('a run whose answer was lost is asked for again under the same key', async () => {
  const { maestro, service } = await clientOf(cut, refusal(503, 'unavailable'), json(502, 'bad gateway'), json(200, envelope('completed')));

  await maestro.orchestrate.run({ workflow: 'hello' });

  expect(service.asked.map(({ headers }) => headers['idempotency-key'])).toEqual(['key-1', 'key-1', 'key-1', 'key-1']);
  expect(platform.pauses).toEqual([250, 500, 1_000]);
});

it('the caller’s idempotency key is sent, and is no part of the body', async () => {
  const { maestro, service } = await clientOf(json(202, envelope('queued')));

  await maestro.orchestrate.run({ workflow: 'hello', mode: 'queued', idempotencyKey: 'order-7' });

  expect(service.asked[0]?.headers['idempotency-key']).toBe('order-7');
  expect(JSON.parse(service.asked[0]?.body ?? '')).toEqual({ workflow: 'hello', mode: 'queued' });
});

/** Routes that are no method of the client: streams have tests of their own, and the rest is for services, browsers and old clients. */
const WITHOUT_METHOD = [
  'streamRun',
  'answerCallback',
  'produce',
  'readOpenApi',
  'readDocs',
  'readLogs',
  'getArtifact',
  'listCapabilities',
  'listProviders',
  'getProvider',
  'certifyProvider',
  'getFlag',
  'setFlag',
];

/** The operation that the API takes a request for. */
function operationOf({ method, url }: { method: string; url: string }): string {
  const path = url.split('?')[0] ?? '';
  const found = Object.entries(ROUTES).find(
    ([, route]) => route.method === method && new RegExp(`^${route.path.replaceAll(/\{\w+\+?\}/g, '[^/]+')}$`).test(path),
  );
  return found?.[0] ?? `${method} ${path}`;
}

it('every route is asked for as the API has it', async () => {
  const { maestro, service } = await clientOf(json(200, { verdict: { ok: true } }));
  const { orchestrate, workflows, keys, audit, events, breakers } = maestro;

  await orchestrate.get(RUN_ID);
  await orchestrate.list({ status: 'failed', limit: 5 });
  await orchestrate.resolveCheckpoint(RUN_ID, 'chk_1', { decision: 'approve', amount: 3 });
  await orchestrate.cancel(RUN_ID);
  await orchestrate.cancel(RUN_ID, { force: true });
  await orchestrate.retry(RUN_ID);
  await orchestrate.undo(RUN_ID);
  await orchestrate.artifacts(RUN_ID);
  await orchestrate.plan({ query: 'q' });
  await workflows.list();
  await workflows.get('hello');
  await workflows.deploy('hello', 'name: hello\n');
  await workflows.remove('hello');
  await workflows.graph('hello');
  await keys.create({ name: 'ci', scopes: ['run'] });
  await keys.list();
  await keys.revoke('k1');
  await audit.list({ limit: 2, cursor: 'c d' });
  await audit.verify();
  await events.put({ source: 's', 'detail-type': 't', detail: {} });
  await events.put([{ source: 's', 'detail-type': 't', detail: {} }]);
  await breakers.list();
  await breakers.reset('http://a.test:80/x');
  await maestro.health();
  await orchestrate.run({ workflow: 'hello' });

  const run = `/api/v2/orchestrate/run/${RUN_ID}`;
  expect(service.asked.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['GET', run, ''],
    ['GET', '/api/v2/orchestrate/run?status=failed&limit=5', ''],
    ['POST', `${run}/checkpoints/chk_1`, '{"decision":"approve","amount":3}'],
    ['POST', `${run}/cancel`, '{}'],
    ['POST', `${run}/cancel`, '{"force":true}'],
    ['POST', `${run}/retry`, '{}'],
    ['POST', `${run}/undo`, '{}'],
    ['GET', `${run}/artifacts`, ''],
    ['POST', '/api/v2/orchestrate/plan', '{"query":"q"}'],
    ['GET', '/api/v2/workflows', ''],
    ['GET', '/api/v2/workflows/hello', ''],
    ['PUT', '/api/v2/workflows/hello', 'name: hello\n'],
    ['DELETE', '/api/v2/workflows/hello', ''],
    ['GET', '/api/v2/workflows/hello/graph', ''],
    ['POST', '/api/v2/keys', '{"name":"ci","scopes":["run"]}'],
    ['GET', '/api/v2/keys', ''],
    ['DELETE', '/api/v2/keys/k1', ''],
    ['GET', '/api/v2/audit?limit=2&cursor=c+d', ''],
    ['GET', '/api/v2/audit?verify=true&limit=1', ''],
    ['POST', '/api/v2/events', '{"source":"s","detail-type":"t","detail":{}}'],
    ['POST', '/api/v2/events', '{"events":[{"source":"s","detail-type":"t","detail":{}}]}'],
    ['GET', '/api/v2/breakers', ''],
    ['POST', '/api/v2/breakers/http%3A%2F%2Fa.test%3A80%2Fx/reset', '{}'],
    ['GET', '/healthz', ''],
    ['POST', '/api/v2/orchestrate/run', '{"workflow":"hello"}'],
  ]);
  expect(service.asked[11]?.headers['content-type']).toBe('application/yaml');
  const operations = new Set(service.asked.map(operationOf));
  expect([...operations, ...WITHOUT_METHOD].toSorted()).toEqual(Object.keys(ROUTES).toSorted());
});

it('a list is read page after page', async () => {
  const pages = ['a', 'b', null].map((cursor, index) => json(200, { object: 'list', data: [{ id: `r${index}` }], cursor }));
  const { maestro, service } = await clientOf(...pages);

  const ids: string[] = [];
  for await (const run of maestro.orchestrate.listAll({ workflow: 'hello' })) ids.push(run.id);

  expect(ids).toEqual(['r0', 'r1', 'r2']);
  expect(service.asked.map(({ url }) => url.split('?')[1])).toEqual([
    'workflow=hello',
    'workflow=hello&cursor=a',
    'workflow=hello&cursor=b',
  ]);
});

it('a refusal is an error with code, status, request id and details', async () => {
  const details = [{ path: ['input', 'city'], message: 'expected a string' }];
  const { maestro, service } = await clientOf(refusal(422, 'invalid', {}, details));

  const error = await caught(maestro.orchestrate.run({ workflow: 'hello' }));

  expect(error).toBeInstanceOf(MaestroError);
  expect(error).toMatchObject({
    name: 'MaestroError',
    code: 'invalid',
    status: 422,
    requestId: 'req_1',
    details,
    message: 'it is invalid',
  });
  expect(service.asked).toHaveLength(1);
});

it.each([400, 401, 402, 403, 404, 409, 410, 413, 415, 500, 501])('status %i is told at once, and not asked for again', async (status) => {
  const { maestro, service } = await clientOf(refusal(status, 'no'));

  expect(await caught(maestro.orchestrate.get(RUN_ID))).toMatchObject({ status });
  expect(service.asked).toHaveLength(1);
});

it('429 is waited out as long as the service asks, for every request: nothing was performed', async () => {
  const { maestro, service } = await clientOf(
    refusal(429, 'rate_limited', { 'retry-after': '7' }),
    refusal(429, 'rate_limited', { 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }),
    json(201, { key: 'mk_new' }),
  );

  expect(await maestro.keys.create({ name: 'ci', scopes: ['run'] })).toMatchObject({ key: 'mk_new' });
  expect(platform.pauses).toEqual([7_000, 9_000]);
  expect(service.asked).toHaveLength(3);
});

it('a wait that is too long is the caller’s to decide', async () => {
  const { maestro, service } = await clientOf(refusal(429, 'rate_limited', { 'retry-after': '3600' }));

  expect(await caught(maestro.orchestrate.list())).toMatchObject({ code: 'rate_limited', retryAfter: 3_600 });
  expect(service.asked).toHaveLength(1);
});

it('after four repetitions the last refusal is told', async () => {
  const { maestro, service } = await clientOf(refusal(503, 'unavailable'));

  expect(await caught(maestro.orchestrate.get(RUN_ID))).toMatchObject({ code: 'unavailable', status: 503 });
  expect(service.asked).toHaveLength(5);
  expect(platform.pauses).toEqual([250, 500, 1_000, 2_000]);
});

it.each([
  ['a key is made', (maestro: Maestro) => maestro.keys.create({ name: 'ci', scopes: ['run'] })],
  ['an event is put', (maestro: Maestro) => maestro.events.put({ source: 's', 'detail-type': 't', detail: {} })],
  ['a run is retried', (maestro: Maestro) => maestro.orchestrate.retry(RUN_ID)],
  ['a checkpoint is answered', (maestro: Maestro) => maestro.orchestrate.resolveCheckpoint(RUN_ID, 'chk_1', {})],
  ['a run is cancelled', (maestro: Maestro) => maestro.orchestrate.cancel(RUN_ID)],
  ['an undo is begun', (maestro: Maestro) => maestro.orchestrate.undo(RUN_ID)],
  ['a workflow is removed', (maestro: Maestro) => maestro.workflows.remove('hello')],
])('when %s and the answer is lost, it is not done twice: the error says that it may have been performed', async (_, ask) => {
  const { maestro, service } = await clientOf(cut);

  const error = await caught(ask(maestro));

  expect(error).toBeInstanceOf(ConnectionError);
  expect(error).toMatchObject({ code: 'connection', maybePerformed: true });
  expect(service.asked).toHaveLength(1);
});

it('503 to a request that may have been performed is told, not repeated', async () => {
  const { maestro, service } = await clientOf(refusal(503, 'unavailable'));

  expect(await caught(maestro.events.put({ source: 's', 'detail-type': 't', detail: {} }))).toMatchObject({ status: 503 });
  expect(service.asked).toHaveLength(1);
});

it('where nobody listens every request is tried again, for nothing was performed', async () => {
  const { maestro, service } = await clientOf(cut);
  await service.close();

  const error = await caught(maestro.events.put({ source: 's', 'detail-type': 't', detail: {} }));

  expect(error).toMatchObject({ name: 'ConnectionError', code: 'connection', maybePerformed: false });
  expect(String(error)).toContain('ECONNREFUSED');
  expect(platform.pauses).toHaveLength(4);
});

it('a service that is silent is given up after the time limit', async () => {
  const { maestro, service } = await clientOf(
    (response, asked) => {
      silence(response, asked);
      platform.expire(60_000);
    },
    json(200, envelope('running')),
  );

  const error = await caught(maestro.orchestrate.cancel(RUN_ID));
  const { data } = await maestro.orchestrate.get(RUN_ID);

  expect(error).toMatchObject({ name: 'ConnectionError', code: 'timeout', maybePerformed: true });
  expect(data.status).toBe('running');
  expect(service.asked).toHaveLength(2);
});

it('an answer that stops in the middle is no answer', async () => {
  const half: Handler = (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
    response.write('{"object":', () => response.socket?.resetAndDestroy());
  };
  const { maestro, service } = await clientOf(half, json(200, envelope('completed')));

  expect((await maestro.orchestrate.get(RUN_ID)).data.status).toBe('completed');
  expect(service.asked).toHaveLength(2);
});

it('something that is no Maestro service is said to be none', async () => {
  const page: Handler = (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
  const { maestro } = await clientOf(page, json(404, { nothing: true }));

  expect(await caught(maestro.orchestrate.get(RUN_ID))).toMatchObject({ code: 'not_maestro', status: 200 });
  expect(await caught(maestro.orchestrate.get(RUN_ID))).toMatchObject({ code: 'not_maestro', status: 404 });
});

it('the signal ends a request, and a pause between two, with its reason', async () => {
  const reason = new Error('enough');
  const abort = new AbortController();
  const { maestro } = await clientOf(() => abort.abort(reason));
  const beforeIt = new AbortController();
  beforeIt.abort(reason);

  expect(await caught(maestro.orchestrate.get(RUN_ID, { signal: abort.signal }))).toBe(reason);
  expect(await caught(maestro.orchestrate.get(RUN_ID, { signal: beforeIt.signal }))).toBe(reason);
  expect(service?.asked).toHaveLength(1);
});

it.each(['', 'ftp://a.test', '127.0.0.1:80', 'http://a.test/?x=1'])('base URL %j is refused at once', (baseUrl) => {
  expect(() => new Maestro({ baseUrl })).toThrow(/baseUrl/);
});

it('a key with a line break is refused without being repeated', () => {
  expect(() => new Maestro({ baseUrl: 'http://a.test', apiKey: 'mk_secret\n' })).toThrow(/^apiKey(?!.*mk_secret)/);
});

it('a path at the end of the base URL is kept, and a fetch of the caller’s own is used', async () => {
  const urls: string[] = [];
  const maestro = new Maestro({
    baseUrl: 'https://x.test/prod/',
    fetch: async (url, init) => {
      urls.push(`${init.method} ${url} ${new Headers(init.headers).get('authorization')}`);
      return Response.json({ status: 'ok', version: '1' });
    },
  });

  expect(await maestro.health()).toEqual({ status: 'ok', version: '1' });
  expect(urls).toEqual(['GET https://x.test/prod/healthz null']);
});
