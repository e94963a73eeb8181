// Workflows, keys, the audit chain, events, breakers, logs, and what is not in this version.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CallOutcome } from '../../shared/calls/index.ts';
import type { LogEntry, Receipt } from '../../shared/contract/index.ts';
import { type Bench, openBench, readStream, WORKFLOWS } from './support.ts';

const RUN = '/api/v2/orchestrate/run';
const DOWN: CallOutcome = { outcome: 'not_performed', error: 'Maestro.ServiceUnavailable', message: 'down', detail: {} };

let bench: Bench;
let shop: () => Promise<CallOutcome>;

beforeAll(async () => {
  bench = await openBench({ call: () => shop() });
  shop = async () => ({ outcome: 'done', value: {} });
});

afterAll(() => bench.close());

async function receipts(): Promise<Receipt['subject'][]> {
  const { json } = await bench.ask({ path: '/api/v2/audit', query: { limit: '500' } });
  return json.data.map(({ subject }: Receipt) => subject);
}

describe('workflows', () => {
  const put = (name: string, body: string, type = 'application/yaml') =>
    bench.ask({ method: 'PUT', path: `/api/v2/workflows/${name}`, body, headers: { 'content-type': type } });
  const hello = WORKFLOWS.echo.replace('name: echo', 'name: hello');

  test('are listed without their texts, and told with them', async () => {
    const list = await bench.ask({ path: '/api/v2/workflows' });
    const one = await bench.ask({ path: '/api/v2/workflows/echo' });

    expect(list.json.data.map(({ name, source }: { name: string; source: null }) => [name, source])).toContainEqual(['echo', null]);
    expect(one.json).toMatchObject({
      object: 'workflow',
      name: 'echo',
      version: '1',
      description: 'Says it again.',
      source: WORKFLOWS.echo,
    });
    expect(one.json.input.required).toEqual(['text']);
  });

  test('are deployed, run and removed, each with its receipt', async () => {
    const deployed = await put('hello', hello);
    const run = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'hello', input: { text: 'b' } } });
    const removed = await bench.ask({ method: 'DELETE', path: '/api/v2/workflows/hello' });
    const after = await bench.ask({ path: '/api/v2/workflows/hello' });
    const again = await bench.ask({ method: 'DELETE', path: '/api/v2/workflows/hello' });

    expect([deployed, run, removed, after, again].map(({ statusCode }) => statusCode)).toEqual([200, 200, 204, 404, 404]);
    expect(await receipts()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ action: 'workflow.deploy', workflow: 'hello', version: '1' }),
        expect.objectContaining({ action: 'workflow.remove', workflow: 'hello' }),
      ]),
    );
  });

  test('with mistakes are refused with the diagnostics of the compiler', async () => {
    const { statusCode, json } = await put('hello', 'name: hello\nversion: "1"\nsteps:\n  - { id: a, sett: {} }\n');

    expect([statusCode, json.error.code]).toEqual([422, 'invalid']);
    expect(JSON.stringify(json.error.details)).toContain('MST');
  });

  test('of another name than the path, of another type, and that are no YAML are refused', async () => {
    const answers = [
      await put('hello', WORKFLOWS.echo),
      await put('hello', hello, 'application/json'),
      await put('hello', ': : :\n\t- ['),
      await put('hello', ''),
      await put('9', hello),
    ];

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([422, 415, 422, 400, 404]);
  });

  test.each(['text/yaml', 'text/plain; charset=utf-8', 'application/x-yaml'])('may be sent as %s', async (type) => {
    const { statusCode } = await put('echo', WORKFLOWS.echo, type);

    expect(statusCode).toBe(200);
  });

  test('cannot be deployed where that is off, and it is told how to allow it', async () => {
    const { find, list, nameOf } = bench.local.catalog;
    const ask = bench.with({ catalog: { find, list, nameOf } });
    const { statusCode, json } = await ask({
      method: 'PUT',
      path: '/api/v2/workflows/hello',
      body: hello,
      headers: { 'content-type': 'text/yaml' },
    });
    const removed = await ask({ method: 'DELETE', path: '/api/v2/workflows/echo' });

    expect([statusCode, removed.statusCode]).toEqual([403, 403]);
    expect(json.error.message).toContain('allowDeploy');
  });

  test('are drawn as Mermaid text', async () => {
    const { statusCode, headers, text } = await bench.ask({ path: '/api/v2/workflows/order/graph' });
    const none = await bench.ask({ path: '/api/v2/workflows/nothing/graph' });

    expect([statusCode, none.statusCode]).toEqual([200, 404]);
    expect(headers['content-type']).toBe('application/vnd.mermaid; charset=utf-8');
    expect(text).toMatch(/^---\ntitle: .*\n---\nflowchart TD/);
    expect(text).toContain('undo reserve');
  });
});

describe('keys', () => {
  test('are made, work, are listed without their text, and are revoked, each with its receipt', async () => {
    const made = await bench.ask({
      method: 'POST',
      path: '/api/v2/keys',
      body: { name: 'ci', scopes: ['read', 'read'], expires_in: '720h' },
    });
    const { key, id } = made.json;
    const used = await bench.ask({ path: RUN, key });
    const list = await bench.ask({ path: '/api/v2/keys' });
    const revoked = await bench.ask({ method: 'DELETE', path: `/api/v2/keys/${id}` });
    const again = await bench.ask({ method: 'DELETE', path: `/api/v2/keys/${id}` });
    const after = await bench.ask({ path: RUN, key });

    expect([made, used, list, revoked, again, after].map(({ statusCode }) => statusCode)).toEqual([201, 200, 200, 200, 200, 401]);
    expect(made.json).toMatchObject({ name: 'ci', tenant: 'default', scopes: ['read'] });
    expect(Date.parse(made.json.expires_at) - Date.parse(made.json.created_at)).toBeGreaterThanOrEqual(720 * 3_600_000 - 1_000);
    expect(list.text).toContain(id);
    expect(list.text).not.toContain(key);
    expect(revoked.json.revoked_at).toEqual(expect.any(String));
    expect(await receipts()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ action: 'key.create', key: id }),
        expect.objectContaining({ action: 'key.revoke', key: id }),
      ]),
    );
  });

  test('of other tenants are for the operator alone', async () => {
    const body = { name: 'a', tenant: 'films', scopes: ['admin'] };
    const operator = await bench.ask({ method: 'POST', path: '/api/v2/keys', body });
    const key = operator.json.key;

    const own = await bench.ask({ method: 'POST', path: '/api/v2/keys', body: { ...body, name: 'b' }, key });
    const other = await bench.ask({ method: 'POST', path: '/api/v2/keys', body: { ...body, tenant: 'default' }, key });
    const listed = await bench.ask({ path: '/api/v2/keys', query: { tenant: 'default' }, key });
    const revoked = await bench.ask({ method: 'DELETE', path: `/api/v2/keys/${operator.json.id}`, query: { tenant: 'films' } });
    const films = await bench.ask({ path: '/api/v2/keys', query: { tenant: 'films' } });

    expect([operator, own, other, listed, revoked].map(({ statusCode }) => statusCode)).toEqual([201, 201, 403, 403, 200]);
    expect(films.json.data.map(({ name }: { name: string }) => name)).toEqual(['a', 'b']);
  });

  test.each([
    { expires_in: 'soon' },
    { expires_in: '0s' },
    { expires_in: '99999999h' },
    { scopes: [] },
    { scopes: ['root'] },
    { tenant: 'A B' },
    { rate_limit: 0 },
  ])('that do not fit are refused: %j', async (wrong) => {
    const { statusCode, json } = await bench.ask({ method: 'POST', path: '/api/v2/keys', body: { name: 'x', scopes: ['read'], ...wrong } });

    expect(statusCode).toBe(422);
    expect(json.error.details[0].path[0]).toBe(Object.keys(wrong)[0]);
  });

  test('that do not exist are 404', async () => {
    const { statusCode } = await bench.ask({ method: 'DELETE', path: '/api/v2/keys/nothing' });

    expect(statusCode).toBe(404);
  });
});

describe('the audit chain', () => {
  test('is paged, and verified when that is asked for', async () => {
    const first = await bench.ask({ path: '/api/v2/audit', query: { limit: '2' } });
    const second = await bench.ask({ path: '/api/v2/audit', query: { limit: '2', cursor: first.json.cursor, verify: 'true' } });
    const wrong = await bench.ask({ path: '/api/v2/audit', query: { cursor: 'x' } });

    expect(first.json.data).toHaveLength(2);
    expect(first.json.verdict).toBeNull();
    expect(second.json.verdict).toMatchObject({ ok: true, problems: [] });
    expect(second.json.data).not.toEqual(first.json.data);
    expect(wrong.statusCode).toBe(422);
  });

  test('has only the receipts of its tenant', async () => {
    const key = await bench.keyFor('quiet', ['admin']);
    const { json } = await bench.ask({ path: '/api/v2/audit', key });

    expect(json.data).toEqual([]);
  });
});

describe('events', () => {
  const event = { source: 'com.example.shop', 'detail-type': 'Paid', detail: { id: 1 } };

  test('are put one by one or together, and get ids', async () => {
    const one = await bench.ask({ method: 'POST', path: '/api/v2/events', body: event });
    const two = await bench.ask({ method: 'POST', path: '/api/v2/events', body: { events: [event, event] } });

    expect([one.json.data.length, two.json.data.length]).toEqual([1, 2]);
    expect(await receipts()).toContainEqual(
      expect.objectContaining({ action: 'events.put', events: [{ source: 'com.example.shop', detail_type: 'Paid' }] }),
    );
  });

  test('of AWS itself, more than ten, or none are refused', async () => {
    const answers = [
      await bench.ask({ method: 'POST', path: '/api/v2/events', body: { ...event, source: 'aws.s3' } }),
      await bench.ask({ method: 'POST', path: '/api/v2/events', body: { events: [event, { ...event, source: 'aws.s3' }] } }),
      await bench.ask({ method: 'POST', path: '/api/v2/events', body: { events: Array.from({ length: 11 }, () => event) } }),
      await bench.ask({ method: 'POST', path: '/api/v2/events', body: { events: [] } }),
    ];

    expect(answers.map(({ statusCode }) => statusCode)).toEqual([422, 422, 422, 422]);
    expect(answers[1]?.json.error.details[0].path).toEqual(['events', 1, 'source']);
  });

  test('cannot be put where there is no bus', async () => {
    const { bus: _, ...parts } = bench.parts;
    const { statusCode } = await bench.withParts(parts)({ method: 'POST', path: '/api/v2/events', body: event });

    expect(statusCode).toBe(501);
  });
});

describe('breakers', () => {
  test('are listed and reset by their origin, however the path was encoded', async () => {
    shop = async () => DOWN;
    const text = WORKFLOWS.order.replace('name: order', 'name: fragile').replace('breaker: false', 'breaker: { min: 1 }');
    await bench.local.catalog.deploy?.(text);
    const { json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'fragile', mode: 'async' } });
    await readStream((await bench.ask({ path: `${RUN}/${json.data.run_id}/events` })).body);

    const before = await bench.ask({ path: '/api/v2/breakers' });
    const encoded = await bench.ask({ method: 'POST', path: `/api/v2/breakers/${encodeURIComponent('http://shop.example.com')}/reset` });
    const decoded = await bench.ask({ method: 'POST', path: '/api/v2/breakers/http://shop.example.com/reset', body: {} });
    const after = await bench.ask({ path: '/api/v2/breakers' });
    const unknown = await bench.ask({ method: 'POST', path: '/api/v2/breakers/http:%2F%2Fother/reset' });
    const elsewhere = await bench.ask({ method: 'POST', path: '/api/v2/breakers/http://shop.example.com/open' });

    expect(before.json.data).toEqual([{ origin: 'http://shop.example.com', state: 'open', retry_at: expect.any(String) }]);
    expect(encoded.json).toEqual({ origin: 'http://shop.example.com', state: 'closed', retry_at: null });
    expect(decoded.statusCode).toBe(200);
    expect(after.json.data[0].state).toBe('closed');
    expect([unknown.statusCode, elsewhere.statusCode]).toEqual([404, 404]);
  });
});

describe('the service itself', () => {
  test('says that it is there, and of which version', async () => {
    const { json } = await bench.ask({ path: '/healthz', key: null });

    expect(json).toEqual({ status: 'ok', version: '1.2.3' });
  });

  test('tells its logs to the operator where it has them', async () => {
    const entry: LogEntry = { at: '2026-01-01T00:00:00.000Z', level: 'info', message: 'ready', port: 8080 };
    const here = await bench.with({ logs: () => [entry] })({ path: '/api/v2/logs' });
    const elsewhere = await bench.ask({ path: '/api/v2/logs' });

    expect(here.json.data).toEqual([entry]);
    expect(elsewhere.statusCode).toBe(501);
  });

  test.each([
    ['GET', `${RUN}/run_00000000000000000000000000/artifacts`],
    ['GET', `${RUN}/run_00000000000000000000000000/artifacts/a`],
    ['POST', '/api/v2/orchestrate/plan'],
    ['GET', '/api/v2/capabilities'],
    ['GET', '/api/v2/providers'],
    ['GET', '/api/v2/providers/a'],
    ['POST', '/api/v2/providers/a/certify'],
    ['GET', '/api/v2/flags/a'],
    ['PUT', '/api/v2/flags/a'],
  ])('answers 501 for what is not in this version: %s %s', async (method, path) => {
    const { statusCode, json } = await bench.ask({ method, path, ...(method === 'GET' ? {} : { body: {} }) });

    expect([statusCode, json.error.code]).toEqual([501, 'not_implemented']);
  });
});
