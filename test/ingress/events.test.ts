// Events of API Gateway as AWS documents them (see `events/README.md`).

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiResponse } from '../../functions/http/index.ts';
import { createApi } from '../../functions/ingress/index.ts';
import { createStreamApi } from '../../functions/stream/index.ts';
import { type Bench, fixture, openBench, readStream } from './support.ts';

let bench: Bench;
/** As on AWS. */
let api: ReturnType<typeof createApi>;

beforeAll(async () => {
  bench = await openBench();
  api = createApi({ ...bench.parts, local: false });
});

afterAll(() => bench.close());

function jsonOf({ body }: ApiResponse): { [field: string]: unknown } & { data: { [field: string]: unknown } } {
  return JSON.parse(String(body));
}

test('the greedy resource, unsigned', async () => {
  const answer = await api.handle(fixture('rest-proxy'));

  expect([answer.statusCode, jsonOf(answer)['status']]).toEqual([200, 'ok']);
});

test('a body in base64', async () => {
  const answer = await api.handle(fixture('rest-proxy-base64', bench.key));

  expect(answer.statusCode).toBe(200);
  expect(jsonOf(answer).data).toMatchObject({ input: { text: 'grüezi' }, output: { said: 'grüezi' } });
});

test('the resource of the stream, by the API and by the stream function', async () => {
  const started = await api.handle(fixture('rest-proxy-base64', bench.key));
  const id = String(jsonOf(started).data['run_id']);
  const event = JSON.parse(JSON.stringify(fixture('rest-stream', bench.key)).replaceAll('run_00000000000000000000000000', id));
  const streamApi = createStreamApi({ ...bench.parts, local: false });

  const [whole, own] = await Promise.all([api.handle(event), streamApi.handle(event)]);
  const [first, second] = [await readStream(whole.body), await readStream(own.body)];
  const elsewhere = await streamApi.handle(fixture('rest-proxy'));

  expect(first.map((each) => each.id)[0]).toBe('3');
  expect(first.at(-1)?.event).toBe('run.completed');
  expect(second).toEqual(first);
  expect(elsewhere.statusCode).toBe(404);
});

test('a signed request makes the first key', async () => {
  const answer = await api.handle(fixture('rest-iam'));

  expect(answer.statusCode).toBe(201);
  expect(jsonOf(answer)).toMatchObject({ name: 'first', tenant: 'default', scopes: ['admin'], key: expect.stringMatching(/^mk_/) });
});

test('a custom domain with a base path: the path below it counts, and links keep it', async () => {
  const event = fixture('rest-custom-domain', bench.key);
  const list = await api.handle(event);
  const started = await api.handle({
    ...event,
    httpMethod: 'POST',
    body: '{"workflow":"echo","input":{"text":"a"},"mode":"async"}',
    headers: { ...event.headers, 'content-type': 'application/json' },
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
  });

  expect(list.statusCode).toBe(200);
  expect(started.headers['location']).toMatch(/^\/maestro\/api\/v2\/orchestrate\/run\/run_/);
});

test.each(['http%3A%2F%2Fshop.example.com', 'http://shop.example.com'])(
  'a custom domain with a base path, and a parameter that is encoded in the path: as %s among the parameters',
  async (origin) => {
    const event = fixture('rest-custom-domain', bench.key);
    const path = '/maestro/api/v2/breakers/http%3A%2F%2Fshop.example.com/reset';
    const answer = await api.handle({
      ...event,
      httpMethod: 'POST',
      path,
      pathParameters: { proxy: `api/v2/breakers/${origin}/reset` },
      requestContext: { ...event.requestContext, path },
      queryStringParameters: null,
      multiValueQueryStringParameters: null,
    });

    expect(answer.statusCode).toBe(404);
    expect(JSON.parse(String(answer.body)).error.message).toContain('no circuit breaker');
  },
);

test("the console's test invocation, which sends no headers", async () => {
  const answer = await api.handle(fixture('rest-console-test'));

  expect(answer.statusCode).toBe(200);
});

test('an event is not changed by being answered', async () => {
  const event = fixture('rest-custom-domain', bench.key);
  const before = structuredClone(event);

  await api.handle(event);

  expect(event).toEqual(before);
});
