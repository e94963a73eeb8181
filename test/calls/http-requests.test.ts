import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { CallRequest } from '../../shared/calls/index.ts';
import type { Part } from '../../shared/protocol/step-message.ts';
import { bodyOf, brief, closeAll, http, httpServer, json, listen, newCaller, RUN_ID, request } from './support.ts';

afterEach(closeAll);

/** A server that answers what it was sent. */
async function mirror(): Promise<number> {
  return httpServer(async (incoming, response) => {
    json(response, { method: incoming.method, url: incoming.url, headers: incoming.headers, body: await bodyOf(incoming) });
  });
}

async function sent(
  more: Partial<CallRequest>,
  service = {},
): Promise<{ method: string; url: string; headers: Record<string, string>; body: string }> {
  const port = await mirror();
  const outcome = await newCaller({ TENANT: 'acme' }).call(request(http(port, service), more));
  if (outcome.outcome !== 'done') throw new Error(outcome.message);
  return JSON.parse(JSON.stringify(outcome.value));
}

describe('what an HTTP call sends', () => {
  it('sends the input of a POST as JSON', async () => {
    const seen = await sent({ input: { sku: 'a-1', count: 2 } });

    expect(seen).toMatchObject({ method: 'POST', url: '/orders', body: '{"sku":"a-1","count":2}' });
    expect(seen.headers['content-type']).toBe('application/json');
  });

  it.each(['GET', 'DELETE'])('makes the query string of a %s from its input, nested values as JSON', async (verb) => {
    const seen = await sent({ verb, method: ['/orders?page=1'], input: { q: 'a&b', tags: ['x', 'y'], none: null, ok: true } });

    expect(seen.url).toBe('/orders?page=1&q=a%26b&tags=%5B%22x%22%2C%22y%22%5D&none=&ok=true');
    expect(seen.body).toBe('');
  });

  it('refuses an input that is no object where it becomes the query string', async () => {
    const outcome = await newCaller().call(request(http(1), { verb: 'GET', input: [1] }));

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
  });

  it('names the run and carries its key, and the headers of the service cannot change that', async () => {
    const seen = await sent(
      { callbackUrl: 'https://api.example.com/callbacks/1', input: {} },
      {
        headers: [
          { name: 'Idempotency-Key', value: ['mine'] },
          { name: 'TraceParent', value: ['mine'] },
          { name: 'X-Tenant', value: [{ env: 'TENANT' }, '-', { v: 7 }] },
          { name: 'Content-Type', value: ['application/vnd.api+json'] },
        ],
      },
    );
    expect(seen.headers).toMatchObject({
      'idempotency-key': `${RUN_ID}/0001`,
      'x-maestro-run-id': RUN_ID,
      'x-maestro-step-id': 'order',
      'x-maestro-callback-url': 'https://api.example.com/callbacks/1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-tenant': 'acme-7',
      'content-type': 'application/vnd.api+json',
    });
  });

  it('never reads a value for templates', async () => {
    const seen = await sent({}, { headers: [{ name: 'X-Note', value: [{ v: '{{ secret.TENANT }}' }] }] });

    expect(seen.headers['x-note']).toBe('{{ secret.TENANT }}');
  });

  it('joins the path of the endpoint with that of the method, and keeps its query', async () => {
    const port = await mirror();
    const service = http(port, { endpoint: [`http://localhost:${port}/api/v2/?key=k`] });

    const outcome = await newCaller().call(
      request(service, { verb: 'GET', method: ['/orders/', { v: 'a b/ü?#%' }, '?at=', { v: '1&2' }] }),
    );

    expect(outcome).toMatchObject({ value: { url: '/api/v2/orders/a%20b/%C3%BC%3F%23%25?key=k&at=1%262' } });
  });

  it('uses no more than the connections that the service allows, and uses them again', async () => {
    let connections = 0;
    let most = 0;
    let now = 0;
    const server = createServer(async (incoming, response) => {
      most = Math.max(most, ++now);
      await bodyOf(incoming);
      setImmediate(() => {
        now--;
        json(response, null);
      });
    });
    server.on('connection', () => connections++);
    const port = await listen(server);
    const caller = newCaller();

    const outcomes = await Promise.all(Array.from({ length: 40 }, () => caller.call(request(http(port, { pool: 3 })))));

    expect(outcomes.every(({ outcome }) => outcome === 'done')).toBe(true);
    expect(connections).toBe(3);
    expect(most).toBeLessThanOrEqual(3);
  });
});

describe('what an HTTP call refuses before it is made', () => {
  const refused = async (more: Partial<CallRequest>, service = {}): Promise<void> => {
    let hits = 0;
    const port = await httpServer((_, response) => {
      hits++;
      json(response, null);
    });
    const outcome = await newCaller({ CRLF: 'a\r\nx: y' }).call(request(http(port, service), more));
    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
    expect(hits).toBe(0);
  };

  it.each([
    '..',
    '.',
    '../admin',
    'a/../../b',
    '%2e%2e',
    '%2E%2e/x',
    '%252e%252e',
    '..\\admin',
    '..%5cadmin',
    'a/..;x/b',
    '．．',
    'x/%2e',
    '%2f..',
  ])('refuses the path value %j, which could lead elsewhere', async (value) => {
    await refused({ method: ['/orders/', { v: value }, '/items'] });
  });

  it('refuses a value that makes a dot segment together with the text around it', async () => {
    await refused({ method: ['/orders/.', { v: '.;a' }] });
    await refused({ method: ['/orders/%2e', { v: '%2E' }, '/x'] });
  });

  it.each<[string, Part]>([
    ['empty', { v: '' }],
    ['null', { v: null }],
    ['a line break', { v: 'a\nb' }],
    ['NUL', { v: 'a\u0000' }],
    ['a C1 control', { v: 'a\u0085' }],
    ['half a surrogate pair', { v: 'a\ud800' }],
  ])('refuses a path value that is or holds %s', async (_, part) => {
    await refused({ method: ['/orders/', part] });
  });

  it.each<[string, [string, Part[]]]>([
    ['CR LF in a value', ['X-A', [{ v: 'a\r\nX-B: c' }]]],
    ['LF in env', ['X-A', [{ env: 'CRLF' }]]],
    ['NUL', ['X-A', [{ v: 'a\u0000b' }]]],
    ['a bad name', ['X A', ['b']]],
    ['CR LF in a name', ['X-A\r\nX-B', ['b']]],
    ['Host', ['Host', ['example.com']]],
    ['Transfer-Encoding', ['transfer-encoding', ['chunked']]],
    ['64 KB', ['X-A', [{ v: 'a'.repeat(70_000) }]]],
  ])('refuses a header with %s', async (_, header) => {
    await refused({}, { headers: [{ name: header[0], value: header[1] }] });
  });

  it('refuses a verb that is none', async () => {
    await refused({ verb: 'PO ST' });
    await refused({ verb: 'CONNECT' });
  });

  it('refuses a name that is not set, and says which', async () => {
    const outcome = await newCaller().call(request(http(1, { headers: [{ name: 'Authorization', value: [{ secret: 'API_KEY' }] }] })));

    expect(outcome).toMatchObject({
      outcome: 'not_performed',
      error: 'Maestro.BadConfiguration',
      message: expect.stringContaining('secret.API_KEY'),
    });
  });
});
