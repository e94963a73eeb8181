import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiResponse } from '../../functions/http/index.ts';
import { type Front, type FrontOptions, startFront } from '../../local/front/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { hash } from '../property/outcomes.ts';

let front: Front | undefined;
const errors: unknown[] = [];

afterEach(async () => {
  await front?.close(0);
  errors.length = 0;
});

async function start(handle: FrontOptions['handle'], options: Pick<FrontOptions, 'idleMs'> = {}): Promise<Front> {
  let count = 0;
  front = await startFront({
    ...options,
    handle,
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    requestId: () => `req_${++count}`,
    onError: (error) => errors.push(error),
  });
  return front;
}

/** Answers with the event that it got. */
async function echo(event: APIGatewayProxyEvent): Promise<ApiResponse> {
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) };
}

async function eventOf(path: string, init: RequestInit = {}): Promise<APIGatewayProxyEvent> {
  const response = await fetch(`${front?.url}${path}`, init);
  return (await response.json()) as APIGatewayProxyEvent;
}

/** Sends bytes as they are and reads until the server ends the connection. @param end nothing more is sent: what is missing stays missing */
async function raw(bytes: string, end = false): Promise<string> {
  const socket = connect(front?.port ?? 0, '127.0.0.1');
  socket.on('error', () => {});
  if (end) socket.end(bytes, 'latin1');
  else socket.write(bytes);
  return text(socket);
}

describe('a request as an event', () => {
  test('has method, path, query and headers as API Gateway gives them', async () => {
    await start(echo);

    const event = await eventOf('/api/v2/runs/a%20b?x=1&x=2&y=%C3%A9', { headers: { 'x-one': 'a', 'user-agent': 'tester' } });

    expect(event).toMatchObject({
      resource: '/{proxy+}',
      path: '/api/v2/runs/a%20b',
      httpMethod: 'GET',
      queryStringParameters: { x: '2', y: 'é' },
      multiValueQueryStringParameters: { x: ['1', '2'], y: ['é'] },
      pathParameters: { proxy: 'api/v2/runs/a%20b' },
      body: null,
      isBase64Encoded: false,
      requestContext: { requestId: 'req_1', identity: { sourceIp: '127.0.0.1', userAgent: 'tester', userArn: null } },
    });
    expect(event.multiValueHeaders['x-one']).toEqual(['a']);
  });

  test('without a query has null there, and a header that stands twice in both forms', async () => {
    await start(echo);

    const answer = await raw('GET / HTTP/1.1\r\nhost: x\r\nX-Two: a\r\nX-Two: b\r\n__proto__: c\r\nconnection: close\r\n\r\n');

    const event = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as APIGatewayProxyEvent;
    expect(event.queryStringParameters).toBeNull();
    expect(event.headers['X-Two']).toBe('b');
    expect(event.multiValueHeaders['X-Two']).toEqual(['a', 'b']);
    expect(Object.hasOwn(event.headers, '__proto__')).toBe(true);
  });

  test('has a body of text as it is, and one that is no UTF-8 in base64', async () => {
    await start(echo);

    const plain = await eventOf('/', { method: 'POST', body: '{"a":"é"}' });
    const binary = await eventOf('/', { method: 'POST', body: new Uint8Array([0xff, 0x00]) });

    expect([plain.body, plain.isBase64Encoded]).toEqual(['{"a":"é"}', false]);
    expect([binary.body, binary.isBase64Encoded]).toEqual(['/wA=', true]);
  });
});

describe('limits', () => {
  test('a body that says it is too large is refused before it is sent', async () => {
    await start(echo);

    const answer = await raw('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1048577\r\n\r\n');

    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"too_large"');
    expect(answer).toContain('"request_id":"req_1"');
  });

  test('a body that turns out to be too large is refused while it is sent', async () => {
    await start(echo);
    const part = Buffer.alloc(65_536, 'a');
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < 1_000; sent++) yield part;
    }
    let sent = 0;
    const sending = request(`${front?.url}/`, { method: 'POST' });
    sending.on('error', () => {});
    const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
    for await (const bytes of endless()) {
      if (sending.destroyed) break;
      sent += bytes.length;
      if (!sending.write(bytes)) await Promise.race([once(sending, 'drain'), once(sending, 'close')]).catch(() => {});
    }
    const [response] = await answered;

    expect(response.statusCode).toBe(413);
    expect(sent).toBeGreaterThan(1_048_576);
  });

  test('a client that waits for leave to send too much gets the refusal instead', async () => {
    await start(echo);

    const answer = await raw('POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9999999\r\n\r\n');

    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('what is not HTTP is answered with the error envelope, and the server goes on', async () => {
    await start(echo);

    const answer = await raw('hello\r\n\r\n');

    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('"code":"bad_request"');
    expect((await eventOf('/')).path).toBe('/');
  });

  test('headers that are too large are answered with 431', async () => {
    await start(echo);

    expect(await raw(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });
});

describe('bytes of any kind', () => {
  test('are answered or cut off, never with a 500, and the server goes on', async () => {
    await start(echo);
    const whole =
      'POST /api/v2/orchestrate/run?a=1 HTTP/1.1\r\nhost: x\r\nx-a: b\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{"a":"b"}';
    const inserts = [
      '\0',
      '\r\n',
      '\n',
      ' ',
      '%',
      '\xff',
      ':',
      'Transfer-Encoding: chunked\r\n',
      'content-length: 3\r\n',
      '\u2028',
      '../',
      '?',
      '#',
    ];
    const statuses = new Set<string>();
    for (let n = 0; n < 600; n++) {
      const at = hash(`at ${n}`) % whole.length;
      const insert = inserts[hash(`what ${n}`) % inserts.length] ?? '';
      const cut = hash(`cut ${n}`) % 4 === 0 ? at + (hash(`length ${n}`) % 20) : at;
      statuses.add((await raw(`${whole.slice(0, at)}${insert}${whole.slice(cut)}`, true)).slice(0, 12));
    }

    expect([...statuses].filter((status) => !/^(HTTP\/1\.1 [24]\d\d)?$/.test(status))).toEqual([]);
    expect(statuses).toContain('HTTP/1.1 200');
    expect(statuses).toContain('HTTP/1.1 400');
    expect(errors).toEqual([]);
    expect((await eventOf('/')).path).toBe('/');
  });
});

describe('a client with habits of its own', () => {
  test('that offers another protocol is answered in this one, as curl --http2 and Java expect', async () => {
    await start(echo);

    for (const protocol of ['h2c', 'websocket'])
      expect(await raw(`GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: ${protocol}\r\n\r\n`)).toMatch(
        /^HTTP\/1\.1 200 /,
      );
  });

  test('that expects what nobody knows is answered as if it had not', async () => {
    await start(echo);

    const answer = await raw('POST / HTTP/1.1\r\nhost: x\r\nexpect: wonders\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}');

    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('that names no host is refused with the error envelope, unless it speaks HTTP/1.0', async () => {
    await start(echo);

    const refused = await raw('GET / HTTP/1.1\r\nconnection: close\r\n\r\n');

    expect(refused).toMatch(/^HTTP\/1\.1 400 /);
    expect(refused).toContain('"code":"bad_request"');
    expect(await raw('GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('that asks for no body is told no length of one', async () => {
    await start(async () => ({ statusCode: 200, headers: {}, body: '' }));
    expect((await raw('HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toLowerCase()).not.toContain('content-length');
    await front?.close(0);

    await start(async () => ({ statusCode: 204, headers: {}, body: '' }));
    const empty = (await raw('DELETE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toLowerCase();
    expect(empty).not.toContain('content-length');
    expect(empty).not.toContain('transfer-encoding');
  });
});

describe('answers', () => {
  test('a handler that throws is a 500 that tells nothing of it, and the server goes on', async () => {
    let calls = 0;
    await start(async (event) => {
      if (calls++ === 0) throw new Error('secret');
      return echo(event);
    });

    const failed = await fetch(`${front?.url}/`);

    expect(failed.status).toBe(500);
    expect(await failed.text()).toBe(
      '{"error":{"code":"internal","message":"the request could not be answered; try again","request_id":"req_1"}}',
    );
    expect(errors).toHaveLength(1);
    expect((await fetch(`${front?.url}/`)).status).toBe(200);
  });

  test('a body in parts is written as it comes', async () => {
    const second = Promise.withResolvers<void>();
    await start(async () => ({
      statusCode: 200,
      headers: { 'content-type': 'text/event-stream' },
      body: (async function* () {
        yield 'one\n';
        await second.promise;
        yield 'two\n';
      })(),
    }));

    const response = await fetch(`${front?.url}/`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const first = await reader?.read();
    second.resolve();
    const last = await reader?.read();

    expect([first?.value, last?.value]).toEqual(['one\n', 'two\n']);
    expect((await reader?.read())?.done).toBe(true);
  });

  test('a client that goes away aborts the signal of its request', async () => {
    const gone = Promise.withResolvers<void>();
    const controller = new AbortController();
    await start(async (_event, { signal }) => ({
      statusCode: 200,
      headers: {},
      body: (async function* () {
        yield 'one';
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        gone.resolve();
      })(),
    }));
    const response = await fetch(`${front?.url}/`, { signal: controller.signal });
    await response.body?.getReader().read();

    controller.abort();

    await gone.promise;
    expect(errors).toEqual([]);
  });

  test('a client that does not read holds its own stream back, and no more than that', async () => {
    let made = 0;
    const part = 'x'.repeat(65_536);
    await start(async () => ({
      statusCode: 200,
      headers: {},
      body: (async function* () {
        for (; made < 10_000; made++) yield part;
      })(),
    }));
    const socket = connect(front?.port ?? 0, '127.0.0.1');
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'readable').catch(() => {});
    // The writer comes to rest: nothing more is made between two looks that are many turns apart.
    let before = -1;
    while (made !== before) {
      before = made;
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    }

    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(1_000);
    socket.destroy();
  });
});

describe('a client that stands still', () => {
  /** Streams for as long as somebody reads. Resolves for each request whose client is found to be gone. */
  function endless(): { handle: FrontOptions['handle']; gone: Promise<unknown>[]; taken: (count: number) => Promise<void> } {
    const gone: Promise<unknown>[] = [];
    let told = (): void => {};
    return {
      gone,
      taken: async (count) => {
        while (gone.length < count) await new Promise<void>((resolve) => (told = resolve));
      },
      handle: async (_event, { signal }) => {
        gone.push(once(signal, 'abort'));
        told();
        const body = (async function* () {
          while (!signal.aborted) yield 'x'.repeat(65_536);
        })();
        return { statusCode: 200, headers: {}, body };
      },
    };
  }

  test('and does not take what it asked for is cut off', async () => {
    const { handle, gone, taken } = endless();
    await start(handle, { idleMs: 100 });
    const socket = connect(front?.port ?? 0, '127.0.0.1');
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await taken(1);

    await gone[0];
    socket.destroy();
  });

  test('with many requests on one connection leaves none behind', async () => {
    const { handle, gone, taken } = endless();
    await start(handle, { idleMs: 100 });
    const socket = connect(front?.port ?? 0, '127.0.0.1');
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(5));
    await taken(5);
    socket.destroy();

    await Promise.all(gone);
    expect(errors).toEqual([]);
  });
});

describe('closing', () => {
  test('lets a request that is under way be answered, and takes no new one', async () => {
    const arrived = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { url, close } = await start(async (event) => {
      arrived.resolve();
      await go.promise;
      return echo(event);
    });
    const underWay = fetch(`${url}/`);
    await arrived.promise;

    const closed = close(10_000);
    go.resolve();

    expect((await underWay).status).toBe(200);
    await closed;
    await expect(fetch(`${url}/`)).rejects.toThrow();
  });

  test('cuts what is not answered in time', async () => {
    const arrived = Promise.withResolvers<void>();
    const { url, close } = await start(async () => {
      arrived.resolve();
      return new Promise(() => {});
    });
    const underWay = fetch(`${url}/`).then(
      () => 'answered',
      () => 'cut',
    );
    await arrived.promise;

    await close(0);

    expect(await underWay).toBe('cut');
  });
});
