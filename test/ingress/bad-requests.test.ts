// What is wrong with a request is told with the right status, and in one shape (`support.ts` holds every answer against it).

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApi } from '../../functions/ingress/index.ts';
import { type Asked, type Bench, eventOf, openBench } from './support.ts';

const RUN = '/api/v2/orchestrate/run';

let bench: Bench;

beforeAll(async () => {
  bench = await openBench();
});

afterAll(() => bench.close());

async function post(body: string, headers: Asked['headers'] = {}, event: Asked['event'] = {}): Promise<[number, string]> {
  const { statusCode, json } = await bench.ask({ method: 'POST', path: RUN, body, headers, event });
  return [statusCode, json?.error?.code];
}

describe('a body', () => {
  const good = '{"workflow":"echo","input":{"text":"a"}}';

  test.each(['{', '{"a":1,}', "{'a':1}", 'NaN', '[1', '{"workflow":"echo","input":1e999}', '\u0000', '{"a":"\n"}'])(
    'that is not JSON is 400: %j',
    async (body) => {
      expect(await post(body)).toEqual([400, 'bad_request']);
    },
  );

  test('that is missing is 400', async () => {
    const none = await bench.ask({ method: 'POST', path: RUN });

    expect([none.statusCode, none.json.error.code]).toEqual([400, 'bad_request']);
    expect(await post('')).toEqual([400, 'bad_request']);
  });

  test('in base64 that is not UTF-8 is 400', async () => {
    const body = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]).toString('base64');

    expect(await post(body, {}, { isBase64Encoded: true })).toEqual([400, 'bad_request']);
  });

  test('may be in base64, and may begin with a byte order mark', async () => {
    const encoded = await post(Buffer.from(`\ufeff${good}`).toString('base64'), {}, { isBase64Encoded: true });
    const plain = await post(`\ufeff${good}`);

    expect([encoded[0], plain[0]]).toEqual([200, 200]);
    expect(await post('\ufeff')).toEqual([400, 'bad_request']);
  });

  test('of more than 1 MB is 413, also where it is in base64, and one of just that is taken', async () => {
    const filled = (bytes: number): string => good.replace('"a"', `"${'x'.repeat(bytes - good.length + 1)}"`);

    expect(await post(filled(1_048_577))).toEqual([413, 'too_large']);
    expect(await post(Buffer.from(filled(1_048_577)).toString('base64'), {}, { isBase64Encoded: true })).toEqual([413, 'too_large']);
    expect(await post(`{"workflow":"nothing","input":"${'x'.repeat(1_048_576 - 34)}"}`)).toEqual([404, 'not_found']);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'multipart/form-data',
    '',
    'application/json; charset=utf-16',
  ])('of the type %j is 415', async (type) => {
    expect(await post(good, { 'content-type': type })).toEqual([415, 'unsupported_media_type']);
  });

  test.each(['application/json', 'APPLICATION/JSON', 'application/json; charset=UTF-8', 'application/vnd.x+json'])(
    'of the type %j is read',
    async (type) => {
      expect((await post(good, { 'content-type': type }))[0]).toBe(200);
    },
  );

  test('that is compressed is 415', async () => {
    const compressed = gzipSync(good).toString('base64');

    expect(await post(good, { 'content-encoding': 'gzip' })).toEqual([415, 'unsupported_media_type']);
    expect(await post(compressed, { 'content-encoding': 'gzip' }, { isBase64Encoded: true })).toEqual([415, 'unsupported_media_type']);
  });

  test.each(['{"__proto__":{"scopes":["admin"]},"workflow":"echo"}', '{"workflow":"echo","input":{"constructor":{"prototype":{"x":1}}}}'])(
    'with a key that would change a prototype is 422: %s',
    async (body) => {
      expect(await post(body)).toEqual([422, 'invalid']);
      expect(({} as { scopes?: unknown }).scopes).toBeUndefined();
    },
  );

  test('that is nested too deep is 422, however deep', async () => {
    const nested = (depth: number, open: string, close: string): string =>
      `{"workflow":"echo","input":{"text":"a","more":${open.repeat(depth)}1${close.repeat(depth)}}}`;

    expect(await post(nested(99, '[', ']'))).toEqual([422, 'invalid']);
    expect(await post(nested(200_000, '[', ']'))).toEqual([422, 'invalid']);
    expect(await post(nested(100_000, '{"a":', '}'))).toEqual([422, 'invalid']);
    expect(await post('['.repeat(1_000_000))).toEqual([422, 'invalid']);
  });

  test('with brackets in its texts is not nested', async () => {
    const text = `${'[{'.repeat(500)}\\"\\\\`;

    expect((await post(`{"workflow":"echo","input":{"text":"${text}"}}`))[0]).toBe(200);
  });

  test('tells each thing that is wrong with its place', async () => {
    const { statusCode, json } = await bench.ask({
      method: 'POST',
      path: RUN,
      body: { workflow: 'a b', mode: 'soon', budget_usd: -1, strem: true },
    });

    expect(statusCode).toBe(422);
    expect(json.error.details.map(({ path }: { path: string[] }) => path.join('.')).sort()).toEqual(['', 'budget_usd', 'mode', 'workflow']);
    expect(json.error.details).toContainEqual({ path: [], message: '"strem": not known here; /openapi.json has what is' });
  });

  test('names of a union the mistakes of what was nearest', async () => {
    const { json } = await bench.ask({ method: 'POST', path: '/api/v2/events', body: { source: 'a', detail: {} } });

    expect(json.error.details).toEqual([{ path: ['detail-type'], message: expect.any(String) }]);
  });

  test('tells at most so many mistakes, and no long one', async () => {
    const { statusCode, json, text } = await bench.ask({
      method: 'POST',
      path: RUN,
      body: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`${'k'.repeat(200)}${index}`, 1])),
    });

    expect(statusCode).toBe(422);
    expect(json.error.details.length).toBeLessThanOrEqual(50);
    expect(text.length).toBeLessThan(2_000);
  });

  test.each(['[]', '1', '"x"', 'null', 'true', `[${'0,'.repeat(300_000)}0]`])('that is no object is 422', async (body) => {
    expect(await post(body)).toEqual([422, 'invalid']);
  });
});

describe('a path', () => {
  test.each([
    '/api/v2/orchestrate/run/%2e%2e/keys',
    '/api/v2/orchestrate/run/../keys',
    '/api/v2/./keys',
    '/api/v2/orchestrate/run/%00',
    '/api/v2/orchestrate/run/run_%0d%0aset-cookie',
    '/api/v2/orchestrate/run/%',
    '/api/v2/orchestrate/run/%zz',
    '/api/v2/orchestrate/run/%c3%28',
    `/${'a'.repeat(3_000)}`,
  ])('that is malformed is 400: %s', async (path) => {
    const { statusCode, json } = await bench.ask({ path });

    expect([statusCode, json.error.code]).toEqual([400, 'bad_request']);
  });

  test.each([
    '/',
    '//',
    '/api/v2//keys',
    '/api/v2/orchestrate/run/%252e%252e',
    '/api/v2/orchestrate/run/run_0',
    '/api/v2/orchestrate/run/__proto__',
    '/api/v2/workflows/a%2fb',
    '/API/V2/KEYS',
    '/api/v2/breakers/x',
    '/constructor',
  ])('that leads nowhere is 404: %s', async (path) => {
    const { statusCode, json } = await bench.ask({ path });

    expect([statusCode, json.error.code]).toEqual([404, 'not_found']);
  });

  test.each([`/api/v2/callbacks/${'é'.repeat(900)}.1.x`, `/api/v2/breakers/${'é'.repeat(290)}/reset`])(
    'with a name that is longer than a key of the table may be is 404',
    async (path) => {
      const { statusCode, json } = await bench.ask({ method: 'POST', path });

      expect([statusCode, json.error.details?.length]).toEqual([404, 1]);
    },
  );

  test('that is nearly one is told which', async () => {
    const { json } = await bench.ask({ path: '/api/v2/orchestrate/runs' });
    const { json: other } = await bench.ask({ path: '/api/v2/workflow/echo/graph' });

    expect(json.error.message).toContain('/api/v2/orchestrate/run?');
    expect(other.error.message).toContain('/api/v2/workflows/{name}/graph');
  });

  test('of other methods is 405 with Allow', async () => {
    const wrong = await bench.ask({ method: 'PATCH', path: '/api/v2/keys' });
    const odd = await bench.ask({ method: '__proto__', path: '/healthz' });
    const options = await bench.ask({ method: 'OPTIONS', path: RUN });

    expect([wrong.statusCode, wrong.headers['allow']]).toEqual([405, 'GET, HEAD, POST']);
    expect([odd.statusCode, odd.headers['allow']]).toEqual([405, 'GET, HEAD']);
    expect(options.statusCode).toBe(405);
  });

  test('may end with a slash', async () => {
    const { statusCode } = await bench.ask({ path: `${RUN}/` });

    expect(statusCode).toBe(200);
  });
});

describe('a query', () => {
  test.each([
    { limit: '0' },
    { limit: '101' },
    { limit: 'x' },
    { status: 'done' },
    { since: 'yesterday' },
    { nothing: '1' },
    { workflow: '' },
  ])('of the list that does not fit is 422: %j', async (query: { [name: string]: string }) => {
    const { statusCode, json } = await bench.ask({ path: RUN, query });

    expect([statusCode, json.error.code]).toEqual([422, 'invalid']);
  });

  test('with a parameter given twice, of a prototype, or where there is none, is 422', async () => {
    const twice = await bench.ask({ path: RUN, event: { multiValueQueryStringParameters: { limit: ['1', '2'] } } });
    const proto = await bench.ask({ path: RUN, event: { queryStringParameters: JSON.parse('{"__proto__":"x"}') } });
    const none = await bench.ask({ path: '/api/v2/breakers', query: { a: '1' } });

    expect([twice, proto, none].map(({ statusCode }) => statusCode)).toEqual([422, 422, 422]);
  });

  test.each(['x', '', 'a'.repeat(200), '../..', '%00', 'eyJwayI6IlgifQ=='])('with a cursor that is none is 422: %j', async (cursor) => {
    const { statusCode } = await bench.ask({ path: RUN, query: { cursor } });

    expect(statusCode).toBe(422);
  });
});

describe('a header', () => {
  test('that says two things is 400', async () => {
    const twice = { 'Content-Type': ['application/json', 'text/plain'] };
    const { statusCode } = await bench.ask({ method: 'POST', path: RUN, body: '{}', event: { multiValueHeaders: twice } });
    const cased = await bench.ask({ path: RUN, headers: { 'Last-Event-ID': '1', 'last-event-id': '2' } });

    expect([statusCode, cased.statusCode]).toEqual([400, 400]);
  });

  test('of a name that objects have is only a header', async () => {
    const event = eventOf({ path: RUN, key: bench.key });
    const headers = JSON.parse('{"__proto__":"x","constructor":"y","toString":"z"}');
    const { statusCode } = await bench.api.handle({ ...event, headers: Object.assign(headers, event.headers) });

    expect(statusCode).toBe(200);
  });
});

describe('other answers', () => {
  test('HEAD is answered as GET, without the body', async () => {
    const { statusCode, body, headers } = await bench.ask({ method: 'HEAD', path: '/healthz', key: null });

    expect([statusCode, body, headers['content-type']]).toEqual([200, '', 'application/json']);
  });

  test('a fault of ours is 500, reported, and tells nothing of itself', async () => {
    const reported: unknown[] = [];
    const fault = new Error('the table secret-table is on fire');
    const broken = { ...bench.local.service, list: () => Promise.reject(fault) };
    const api = createApi({ ...bench.parts, service: broken, report: (error, about) => reported.push([error, about]) });
    const { statusCode, body } = await api.handle(eventOf({ path: RUN, key: bench.key }));

    expect(statusCode).toBe(500);
    expect(JSON.parse(String(body)).error.code).toBe('internal');
    expect(body).not.toMatch(/secret-table|at .*\.ts|stack/);
    expect(reported).toEqual([[fault, { requestId: expect.stringMatching(/^req_/), method: 'GET', route: RUN }]]);
  });

  test('AWS that is busy is 503 with Retry-After', async () => {
    const busy = Object.assign(new Error('slow down'), { name: 'ProvisionedThroughputExceededException' });
    const ask = bench.with({ service: { ...bench.local.service, list: () => Promise.reject(busy) } });
    const { statusCode, headers } = await ask({ path: RUN });

    expect([statusCode, headers['retry-after']]).toEqual([503, '1']);
  });

  test('pages of other origins may read the answers only where they are listed', async () => {
    const ask = bench.with({ origins: ['https://console.example.com'] });
    const preflight = (origin: string) =>
      ask({ method: 'OPTIONS', path: RUN, key: null, headers: { origin, 'access-control-request-method': 'POST' } });

    const [listed, other, none] = [
      await preflight('https://console.example.com'),
      await preflight('https://evil.example.com'),
      await bench.ask({ path: '/healthz', headers: { origin: 'https://console.example.com' } }),
    ];

    expect([listed.statusCode, listed.headers['access-control-allow-origin']]).toEqual([204, 'https://console.example.com']);
    expect(listed.headers['access-control-allow-headers']).toContain('authorization');
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
    expect(none.headers['access-control-allow-origin']).toBeUndefined();
  });
});
