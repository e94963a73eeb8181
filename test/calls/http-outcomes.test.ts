import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { bodyOf, brief, closeAll, deadPort, http, httpServer, json, newCaller, rawServer, request } from './support.ts';

afterEach(closeAll);

/** What a call ends as when the server writes these bytes and, unless told to keep it, closes. */
async function rawAnswer(text: string, { keep = false, timeoutMs = 5_000 } = {}): Promise<unknown> {
  const port = await rawServer((socket) => {
    socket.once('data', () => {
      socket.write(text);
      if (!keep) socket.end();
    });
  });
  return brief(await newCaller().call(request(http(port), { timeoutMs })));
}

describe('answers that count', () => {
  it('parses a JSON answer, also of a +json type, and leaves any other as text', async () => {
    const port = await httpServer((incoming, response) => {
      const type =
        { '/a': 'application/json; charset=utf-8', '/b': 'application/problem+json', '/c': 'text/csv' }[incoming.url ?? ''] ?? '';
      response.writeHead(201, { 'content-type': type }).end('[1,"ü"]');
    });
    const caller = newCaller();
    const get = async (path: string): Promise<unknown> => brief(await caller.call(request(http(port), { verb: 'GET', method: [path] })));

    expect(await get('/a')).toEqual({ outcome: 'done', value: [1, 'ü'] });
    expect(await get('/b')).toEqual({ outcome: 'done', value: [1, 'ü'] });
    expect(await get('/c')).toEqual({ outcome: 'done', value: '[1,"ü"]' });
    expect(await get('/d')).toEqual({ outcome: 'done', value: '[1,"ü"]' });
  });

  it('has null for 204, for an empty body and for HEAD', async () => {
    const port = await httpServer((incoming, response) => {
      response.writeHead(incoming.url === '/204' ? 204 : 200, { 'content-type': 'application/json' }).end();
    });
    const caller = newCaller();

    expect(brief(await caller.call(request(http(port), { method: ['/204'] })))).toEqual({ outcome: 'done', value: null });
    expect(brief(await caller.call(request(http(port), { method: ['/empty'] })))).toEqual({ outcome: 'done', value: null });
    expect(brief(await caller.call(request(http(port), { verb: 'HEAD', method: ['/head'] })))).toEqual({ outcome: 'done', value: null });
  });

  it('does not take the length that HEAD is told for a body', async () => {
    const port = await httpServer((_, response) => response.writeHead(200, { 'content-length': '99999999' }).end());

    expect(brief(await newCaller().call(request(http(port), { verb: 'HEAD' })))).toEqual({ outcome: 'done', value: null });
  });

  it('unpacks a compressed answer that nobody asked for', async () => {
    const port = await httpServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync('{"a":1}'));
    });

    expect(brief(await newCaller().call(request(http(port))))).toEqual({ outcome: 'done', value: { a: 1 } });
  });

  it('keeps keys of an answer as plain data', async () => {
    const outcome = await rawAnswer(
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 24\r\n\r\n{"__proto__":{"bad": 1}}',
    );

    expect(JSON.stringify(outcome)).toBe('{"outcome":"done","value":{"__proto__":{"bad":1}}}');
    expect(Reflect.get({}, 'bad')).toBeUndefined();
  });

  it('waits for the answer behind 1xx news', async () => {
    const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';
    expect(await rawAnswer(`${hint}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`)).toEqual({ outcome: 'done', value: 'ok' });
  });
});

describe('performed, but the answer cannot be used', () => {
  const unusable = { outcome: 'unusable', error: 'Maestro.BadResponse' };

  it('is a 2xx whose JSON does not parse', async () => {
    expect(await rawAnswer('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n{"a"')).toEqual(unusable);
  });

  it('is a 2xx that is cut off', async () => {
    expect(await rawAnswer('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a"')).toEqual(unusable);
    expect(await rawAnswer('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc')).toEqual(unusable);
  });

  it('is a 2xx that does not end within the timeout', async () => {
    expect(await rawAnswer('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a"', { keep: true, timeoutMs: 100 })).toEqual(unusable);
  });

  it('is a 2xx that says it is over 10 MB, without reading it', async () => {
    expect(await rawAnswer('HTTP/1.1 200 OK\r\ncontent-length: 10485761\r\n\r\n', { keep: true })).toEqual(unusable);
  });

  it('is a stream without end, cut off at 10 MB', async () => {
    let written = 0;
    const port = await httpServer((_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      const write = (): void => {
        if (response.destroyed) return;
        written += chunk.length;
        response.write(chunk, () => setImmediate(write));
      };
      write();
    });

    expect(brief(await newCaller().call(request(http(port))))).toEqual(unusable);
    expect(written).toBeLessThan(40 * 1024 * 1024);
  });

  it('is JSON nested so deep that nothing could walk it', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const text = JSON.stringify(`${'['.repeat(5_000)}\\"`);
    const answer = (body: string): string =>
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

    expect(await rawAnswer(answer(deep))).toEqual(unusable);
    expect(await rawAnswer(answer(text))).toEqual({ outcome: 'done', value: JSON.parse(text) });
  });

  it('is a small answer that unpacks to more than 10 MB', async () => {
    const bomb = gzipSync(Buffer.alloc(11 * 1024 * 1024));
    const port = await httpServer((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });

    expect(brief(await newCaller().call(request(http(port))))).toEqual(unusable);
  });
});

describe('answers that are failures', () => {
  const table: [status: number, outcome: string, error: string][] = [
    [400, 'not_performed', 'Maestro.ServiceRejected'],
    [401, 'not_performed', 'Maestro.ServiceRejected'],
    [404, 'not_performed', 'Maestro.ServiceRejected'],
    [408, 'unknown', 'Maestro.ServiceUnavailable'],
    [409, 'unknown', 'Maestro.ServiceRejected'],
    [422, 'not_performed', 'Maestro.ServiceRejected'],
    [425, 'not_performed', 'Maestro.ServiceUnavailable'],
    [429, 'not_performed', 'Maestro.ServiceUnavailable'],
    [500, 'unknown', 'Maestro.ServiceUnavailable'],
    [501, 'unknown', 'Maestro.ServiceRejected'],
    [502, 'unknown', 'Maestro.ServiceUnavailable'],
    [503, 'unknown', 'Maestro.ServiceUnavailable'],
    [504, 'unknown', 'Maestro.ServiceUnavailable'],
    [505, 'unknown', 'Maestro.ServiceRejected'],
    [304, 'unknown', 'Maestro.ServiceRejected'],
  ];

  it.each(table)('takes %i as %s, %s', async (status, outcome, error) => {
    const port = await httpServer((_, response) => response.writeHead(status, { 'x-request-id': 'r-1' }).end('no'));

    const result = await newCaller().call(request(http(port), { method: ['/orders/', { v: 'o-17' }] }));

    expect(brief(result)).toEqual({ outcome, error });
    expect(result).toMatchObject({ detail: { service: 'shop', method: 'POST /orders/{}', status, requestId: 'r-1' } });
  });

  it('quotes at most 1 KB of the body, and never half a character', async () => {
    const port = await httpServer((_, response) => response.writeHead(500).end(`a${'ü'.repeat(5_000)}`));

    const result = await newCaller().call(request(http(port)));

    const body = result.outcome === 'done' ? '' : (result.detail.body ?? '');
    expect(body).toBe(`a${'ü'.repeat(511)}`);
  });

  it('settles by the status when the body of a failure never ends', async () => {
    const answer = 'HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\nno';
    expect(await rawAnswer(answer, { keep: true, timeoutMs: 100 })).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceRejected' });
  });

  it('reads Retry-After in seconds and as a date, and ignores what is neither', async () => {
    const nowMs = Date.parse('2026-01-01T00:00:00Z');
    const timer = { cancel: (): void => undefined };
    const clock = { now: () => nowMs, setTimer: () => timer };
    const port = await httpServer((incoming, response) => {
      response.writeHead(503, { 'retry-after': decodeURIComponent((incoming.url ?? '').slice(1)) }).end();
    });
    const caller = newCaller({}, { clock });
    const retryAfter = async (value: string): Promise<unknown> => {
      const outcome = await caller.call(request(http(port), { verb: 'GET', method: ['/', { v: value }] }));
      return outcome.outcome === 'done' ? undefined : outcome.retryAfterMs;
    };

    expect(await retryAfter('7')).toBe(7_000);
    expect(await retryAfter('Thu, 01 Jan 2026 00:00:30 GMT')).toBe(30_000);
    expect(await retryAfter('Wed, 31 Dec 2025 00:00:00 GMT')).toBe(0);
    expect(await retryAfter('soon')).toBeUndefined();
  });
});

describe('no answer', () => {
  it('is not performed when nothing listens', async () => {
    const outcome = await newCaller().call(request(http(await deadPort())));

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' });
  });

  it('is not performed for each of many calls that wait for connections which fail', async () => {
    const port = await deadPort();
    const caller = newCaller();

    const outcomes = await Promise.all(Array.from({ length: 30 }, () => caller.call(request(http(port, { pool: 2 })))));

    expect(outcomes.map(brief)).toEqual(Array(30).fill({ outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' }));
  });

  it('is not performed when the name does not exist', async () => {
    const resolver = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));

    const outcome = await newCaller({}, { resolver }).call(request(http(1, { endpoint: ['http://nowhere.example'] })));

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' });
  });

  it('is not performed when TLS fails', async () => {
    const port = await rawServer((socket) => socket.once('data', () => socket.end('this is no TLS')));

    const outcome = await newCaller().call(request(http(port, { endpoint: [`https://127.0.0.1:${port}`] })));

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' });
  });

  it('is unknown when the connection is reset after the request', async () => {
    const port = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()));

    expect(brief(await newCaller().call(request(http(port))))).toEqual({ outcome: 'unknown', error: 'Maestro.ServiceUnavailable' });
  });

  it('is unknown when the connection ends without an answer', async () => {
    expect(await rawAnswer('')).toEqual({ outcome: 'unknown', error: 'Maestro.ServiceUnavailable' });
    expect(await rawAnswer('HTTP/1.1 200 O')).toEqual({ outcome: 'unknown', error: 'Maestro.ServiceUnavailable' });
  });

  it('is unknown, and not tried again, when what comes is not HTTP', async () => {
    expect(await rawAnswer('SSH-2.0-OpenSSH_9.6\r\n')).toEqual({ outcome: 'unknown', error: 'Maestro.BadResponse' });
  });

  it('is unknown, and not tried again, when the headers are over 64 KB', async () => {
    expect(await rawAnswer(`HTTP/1.1 200 OK\r\n${`a: ${'b'.repeat(100)}\r\n`.repeat(700)}\r\n`)).toEqual({
      outcome: 'unknown',
      error: 'Maestro.BadResponse',
    });
  });

  it('is unknown when the time passes after the request was sent', async () => {
    const port = await httpServer(() => undefined);

    expect(brief(await newCaller().call(request(http(port), { timeoutMs: 80 })))).toEqual({
      outcome: 'unknown',
      error: 'Maestro.ServiceTimeout',
    });
  });

  it('is not performed when the time passes in the queue, and the request is never sent', async () => {
    const bodies: string[] = [];
    let release = (): void => undefined;
    const port = await httpServer(async (incoming, response) => {
      bodies.push(await bodyOf(incoming));
      release = () => json(response, null);
      if (bodies.length > 1) release();
    });
    const caller = newCaller();
    const service = http(port, { pool: 1 });
    const first = caller.call(request(service, { input: 1 }));

    const second = await caller.call(request(service, { input: 2, timeoutMs: 80 }));
    release();
    await first;
    await caller.call(request(service, { input: 3 }));

    expect(brief(second)).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceTimeout' });
    expect(bodies).toEqual(['1', '3']);
  });

  it('takes the name of the stop from the signal', async () => {
    const stop = new AbortController();
    const port = await httpServer(() => stop.abort(Object.assign(new Error('cancelled'), { name: 'Maestro.Cancelled' })));
    const caller = newCaller();

    expect(brief(await caller.call(request(http(port)), stop.signal))).toEqual({ outcome: 'unknown', error: 'Maestro.Cancelled' });
    expect(brief(await caller.call(request(http(port)), stop.signal))).toEqual({ outcome: 'not_performed', error: 'Maestro.Cancelled' });
  });
});

describe('redirects', () => {
  const follow = async (
    verb: string,
    status: number,
    location: (port: number) => string,
  ): Promise<{ outcome: unknown; urls: string[] }> => {
    const urls: string[] = [];
    let port = 0;
    port = await httpServer(async (incoming, response) => {
      const body = await bodyOf(incoming);
      urls.push(`${incoming.method} ${incoming.url} ${incoming.headers['idempotency-key']?.slice(-4)} ${body}`);
      if (incoming.url === '/orders') response.writeHead(status, { location: location(port) }).end();
      else json(response, 'there');
    });
    const outcome = brief(await newCaller().call(request(http(port), { verb, ...(verb === 'POST' ? { input: 1 } : {}) })));
    return { outcome, urls };
  };
  const rejected = { outcome: 'unknown', error: 'Maestro.ServiceRejected' };

  it.each([301, 302, 303, 307, 308])('follows %i of a GET on the same origin', async (status) => {
    const { outcome, urls } = await follow('GET', status, () => '/there?x=1');

    expect(outcome).toEqual({ outcome: 'done', value: 'there' });
    expect(urls).toEqual(['GET /orders 0001 ', 'GET /there?x=1 0001 ']);
  });

  it.each([307, 308])('repeats a POST as it is after %i on the same origin, under the same key', async (status) => {
    const { outcome, urls } = await follow('POST', status, (port) => `http://127.0.0.1:${port}/there`);

    expect(outcome).toEqual({ outcome: 'done', value: 'there' });
    expect(urls).toEqual(['POST /orders 0001 1', 'POST /there 0001 1']);
  });

  it.each([301, 302, 303])('does not turn a POST into a GET after %i', async (status) => {
    const { outcome, urls } = await follow('POST', status, () => '/there');

    expect(outcome).toEqual(rejected);
    expect(urls).toHaveLength(1);
  });

  it.each([
    'http://127.0.0.1:1/there',
    'http://localhost:1/there',
    'https://example.com/there',
    '//example.com/there',
    'file:///etc/passwd',
  ])('does not follow to %s', async (location) => {
    const { outcome, urls } = await follow('GET', 307, () => location);

    expect(outcome).toEqual(rejected);
    expect(urls).toHaveLength(1);
  });

  it('gives up on a loop', async () => {
    const { outcome, urls } = await follow('GET', 302, () => '/orders');

    expect(outcome).toEqual(rejected);
    expect(urls).toHaveLength(6);
  });
});
