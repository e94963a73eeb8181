// Who may do what.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouteDefinition } from '../../functions/http/index.ts';
import { ROUTES } from '../../functions/ingress/routes/index.ts';
import { type Bench, fixture, openBench } from './support.ts';

const RUN = '/api/v2/orchestrate/run';
const START = { method: 'POST', path: RUN, body: { workflow: 'echo', input: { text: 'a' } } };
const ARN = 'arn:aws:sts::123456789012:assumed-role/Deployer/deployer';

let bench: Bench;
/** The same service as it is on AWS: behind API Gateway. */
let onAws: Bench['ask'];

beforeAll(async () => {
  bench = await openBench();
  onAws = bench.with({ local: false });
});

afterAll(() => bench.close());

/** A path of a route, with something for each parameter. */
function pathOf({ path }: RouteDefinition): string {
  return path
    .replace(/\{origin\+\}/, 'x')
    .replace('{id}', 'run_00000000000000000000000000')
    .replace(/\{\w+\}/g, 'x');
}

describe('a key', () => {
  test.each(
    Object.entries<RouteDefinition>(ROUTES).filter(([, { access }]) => access !== 'public' && access !== 'token' && access !== 'legacy'),
  )('is needed for %s', async (_operation, route) => {
    const { statusCode, headers, json } = await bench.ask({ method: route.method, path: pathOf(route), key: null });

    expect([statusCode, json.error.code]).toEqual([401, 'unauthorized']);
    expect(headers['www-authenticate']).toMatch(/^Bearer/);
  });

  test('is taken as a bearer token or as x-api-key, whatever the case of the words', async () => {
    const { key } = bench;
    const asked = [
      { authorization: `bearer ${key}` },
      { AUTHORIZATION: `Bearer  ${key}` },
      { 'X-Api-Key': key },
      { 'x-api-key': ` ${key} ` },
    ];
    const answers = await Promise.all(asked.map((headers) => bench.ask({ path: RUN, key: null, headers })));

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  });

  test('that is not known, cut short, of another scheme or none at all is 401, and is not repeated', async () => {
    const { key } = bench;
    const asked = ['Bearer mk_unknown', `Bearer ${key.slice(0, -1)}`, `Basic ${key}`, 'Bearer', 'Bearer ', `Bearer ${key} x`, ''];
    const answers = await Promise.all(asked.map((authorization) => bench.ask({ path: RUN, key: null, headers: { authorization } })));

    expect(answers.map(({ statusCode }) => statusCode)).toEqual(asked.map(() => 401));
    for (const { text } of answers) expect(text).not.toContain(key.slice(0, 12));
  });

  test('given twice is fine if it is the same one, and refused if it is not', async () => {
    const { key } = bench;
    const same = await bench.ask({ path: RUN, headers: { 'x-api-key': key } });
    const other = await bench.ask({ path: RUN, headers: { 'x-api-key': 'mk_other' } });

    expect([same.statusCode, other.statusCode]).toEqual([200, 400]);
  });

  test.each([
    ['read', [200, 403, 403, 403]],
    ['run', [200, 200, 403, 403]],
    ['admin', [200, 200, 200, 403]],
  ] as const)('of another tenant with the scope %s: list, start, keys, events', async (scope, expected) => {
    const key = await bench.keyFor('other', [scope]);
    const answers = [
      await bench.ask({ path: RUN, key }),
      await bench.ask({ ...START, key }),
      await bench.ask({ path: '/api/v2/keys', key }),
      await bench.ask({ method: 'POST', path: '/api/v2/events', body: { source: 'a', 'detail-type': 'b', detail: {} }, key }),
    ];

    expect(answers.map(({ statusCode }) => statusCode)).toEqual(expected);
  });

  test('beyond its limit is 429 with Retry-After', async () => {
    const key = await bench.keyFor('default', ['read'], 2);
    const answers = [];
    for (let count = 0; count < 6; count++) answers.push(await bench.ask({ path: RUN, key }));
    const refused = answers.filter(({ statusCode }) => statusCode === 429);

    expect(refused.length).toBeGreaterThanOrEqual(3);
    for (const { headers } of refused) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  });

  test('sees nothing of another tenant', async () => {
    const { json } = await bench.ask(START);
    const key = await bench.keyFor('other', ['admin']);

    const one = await bench.ask({ path: `${RUN}/${json.data.run_id}`, key });
    const list = await bench.ask({ path: RUN, key });

    expect(one.statusCode).toBe(404);
    expect(list.text).not.toContain(json.data.run_id);
  });

  test('is not needed for what is public', async () => {
    const answers = await Promise.all(['/healthz', '/docs', '/openapi.json'].map((path) => bench.ask({ path, key: null })));

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  });
});

describe('below /svc', () => {
  const signed = (path: string) => {
    const event = fixture('rest-iam');
    return {
      path,
      pathParameters: { proxy: path.slice('/svc/'.length) },
      requestContext: { ...event.requestContext, path: `/prod${path}` },
      resource: event.resource,
    };
  };

  test('a signed request has all scopes, in the tenant that it names', async () => {
    const own = await onAws({ ...START, path: `/svc${RUN}`, key: null, event: signed(`/svc${RUN}`) });
    const named = await onAws({
      ...START,
      path: `/svc${RUN}`,
      key: null,
      headers: { 'x-maestro-tenant': 'films' },
      event: signed(`/svc${RUN}`),
    });

    expect(own.json.data.audit_receipt).toMatchObject({ auth_mode: 'service', tenant: 'default', subject: { by: ARN } });
    expect(named.json.data.audit_receipt).toMatchObject({ auth_mode: 'service', tenant: 'films' });
    expect(own.headers['content-location']).toBe(`/prod/svc${RUN}/${own.json.data.run_id}`);
  });

  test('a tenant that is no name of one is refused', async () => {
    const { statusCode } = await onAws({
      path: `/svc${RUN}`,
      key: null,
      headers: { 'x-maestro-tenant': '../x' },
      event: signed(`/svc${RUN}`),
    });

    expect(statusCode).toBe(400);
  });

  test('a request that is not signed is refused, also with a key', async () => {
    const { statusCode } = await onAws({ path: `/svc${RUN}` });

    expect(statusCode).toBe(403);
  });

  test('a signature on another resource counts for nothing', async () => {
    const { requestContext } = signed(`/svc${RUN}`);
    const { statusCode } = await onAws({ path: `/svc${RUN}`, key: null, event: { requestContext } });

    expect(statusCode).toBe(403);
  });

  test('everything is refused locally', async () => {
    const answers = [
      await bench.ask({ path: `/svc${RUN}`, event: signed(`/svc${RUN}`) }),
      await bench.ask({ path: '/svc/healthz', event: signed('/svc/healthz') }),
    ];

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([403, 403]);
  });

  test('without it, the tenant of a header means nothing', async () => {
    const { json } = await bench.ask({ ...START, headers: { 'x-maestro-tenant': 'films' } });

    expect(json.data.audit_receipt.tenant).toBe('default');
  });
});

describe('the deprecated route', () => {
  const produce = { method: 'POST', path: '/api/maestro/produce', body: START.body, key: null };

  test.each(['127.0.0.1', '127.9.9.9', '::1'])(
    'answers callers on this machine (%s) in the old shape, and says that it ends',
    async (sourceIp) => {
      const { statusCode, json, headers } = await bench.ask({ ...produce, sourceIp });

      expect(statusCode).toBe(200);
      expect(json).toEqual({ success: true, job_id: expect.stringMatching(/^job_/), result: { said: 'a' } });
      // RFC 9745: a structured date; RFC 8594: an HTTP date, not before it.
      const since = Number(/^@(\d+)$/.exec(headers['deprecation'] ?? '')?.[1]);
      expect(new Date(headers['sunset'] ?? '').toUTCString()).toBe(headers['sunset']);
      expect(Date.parse(headers['sunset'] ?? '')).toBeGreaterThan(since * 1_000);
      expect(headers['link']).toBe(
        '</prod/api/v2/orchestrate/run>; rel="successor-version", </prod/docs>; rel="deprecation"; type="text/html"',
      );
    },
  );

  test('is audited as what it is', async () => {
    const { json } = await bench.ask({ ...produce, sourceIp: '127.0.0.1' });
    const { json: envelope } = await bench.ask({ path: `${RUN}/${json.job_id}` });

    expect(envelope.data.audit_receipt).toMatchObject({ auth_mode: 'localhost', tenant: 'default' });
  });

  test.each([
    ['from another address', { sourceIp: '10.0.0.7' }],
    ['from an address that only looks like it', { sourceIp: '127.0.0.1.example.com' }],
    ['from a page of a host that was made to point here', { headers: { Host: 'evil.example.com' } }],
    ['from a host that begins like this one', { headers: { Host: 'localhost.example.com' } }],
    ['from a page of another origin', { headers: { Origin: 'https://evil.example.com' } }],
    ['from a page without an origin', { headers: { Origin: 'null' } }],
    ['through a proxy', { headers: { 'X-Forwarded-For': '203.0.113.9' } }],
    ['through a proxy of the standard', { headers: { Forwarded: 'for=203.0.113.9' } }],
    ['through a proxy of another habit', { headers: { 'X-Real-IP': '203.0.113.9' } }],
    ['through a proxy that only names itself', { headers: { Via: '1.1 proxy' } }],
    ['with a key', { sourceIp: '203.0.113.1', headers: { 'x-api-key': 'mk_any' } }],
  ])('refuses callers %s', async (_what, asked) => {
    const { statusCode } = await bench.ask({ ...produce, sourceIp: '127.0.0.1', ...asked });

    expect(statusCode).toBe(403);
  });

  test('on AWS answers signed requests alone', async () => {
    const { requestContext } = fixture('rest-iam');
    const path = `/svc${produce.path}`;
    const event = { resource: '/svc/{proxy+}', pathParameters: { proxy: path.slice('/svc/'.length) }, requestContext };

    const own = await onAws({ ...produce, event: { requestContext } });
    const below = await onAws({ ...produce, path, event });
    const loopback = await onAws({ ...produce, sourceIp: '127.0.0.1' });

    expect([own.statusCode, below.statusCode, loopback.statusCode]).toEqual([200, 200, 403]);
  });
});
