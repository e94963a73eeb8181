import { connect } from 'node:net';
import { type Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type protobuf from 'protobufjs';
import { afterEach, describe, expect, it } from 'vitest';
import type { CallRequest } from '../../shared/calls/index.ts';
import { systemClock } from '../../shared/clock.ts';
import type { ServiceConfig } from '../../shared/protocol/step-message.ts';
import { addMethods, type BytesHandler, protobufjsTypes, startGrpc } from '../support/grpc-servers.ts';
import { brief, closeAll, deadPort, newCaller, onClose, RUN_ID, rawServer, request } from './support.ts';

afterEach(closeAll);

const types = protobufjsTypes('maestro/v1/maestro.proto');
const requestType = types.lookupType('maestro.v1.ServiceRequest');
const responseType = types.lookupType('maestro.v1.ServiceResponse');
const EXECUTE = '/maestro.v1.MaestroService/Execute';

async function serve(handler: BytesHandler): Promise<number> {
  const server = new Server();
  addMethods(server, { [EXECUTE]: handler });
  const port = await startGrpc(server);
  onClose(async () => server.forceShutdown());
  return port;
}

/** A ServiceResponse whose data is a well-known type in an Any. */
function response(fields: object, type?: string, value?: object): Buffer {
  const data =
    type === undefined
      ? {}
      : {
          data: {
            type_url: `type.googleapis.com/google.protobuf.${type}`,
            value: types
              .lookupType(`google.protobuf.${type}`)
              .encode(value ?? {})
              .finish(),
          },
        };
  return Buffer.from(responseType.encode(responseType.fromObject({ ...fields, ...data })).finish());
}

/** A Struct as protobufjs takes it. */
const struct = { fields: { ok: { boolValue: true }, list: { listValue: { values: [{ numberValue: 1 }, { nullValue: 0 }] } } } };

function grpc(port: number, more: Partial<ServiceConfig> = {}): ServiceConfig {
  return { name: 'stock', type: 'grpc', endpoint: [`127.0.0.1:${port}`], ...more };
}

const reserve = (port: number, more: Partial<CallRequest> = {}, service: Partial<ServiceConfig> = {}): CallRequest =>
  request(grpc(port, service), { method: ['Reserve'], input: { sku: 'a' }, ...more });

describe('a bare method name over gRPC', () => {
  it('travels in the envelope, with the input as a Struct and the names of the run', async () => {
    let seen: protobuf.Message<object> | undefined;
    let metadata: Metadata | undefined;
    const port = await serve((call, callback) => {
      seen = requestType.decode(call.request);
      metadata = call.metadata;
      callback(null, response({ success: true }, 'Struct', struct));
    });

    const outcome = await newCaller({ TENANT: 'acme' }).call(
      reserve(
        port,
        { workflow: 'order', callbackUrl: 'https://cb.example/1', input: { sku: 'a', n: 1.5, none: null, list: [true, {}] } },
        {
          headers: [
            { name: 'X-Tenant', value: [{ env: 'TENANT' }] },
            { name: 'Idempotency-Key', value: ['mine'] },
            { name: 'trace-bin', value: ['AAEC'] },
          ],
        },
      ),
    );

    expect(brief(outcome)).toEqual({ outcome: 'done', value: { ok: true, list: [1, null] } });
    const message = requestType.toObject(seen ?? requestType.create(), { bytes: Buffer });
    expect(message).toMatchObject({
      method: 'Reserve',
      correlation_id: RUN_ID,
      workflow_id: 'order',
      step_id: 'order',
      headers: { 'idempotency-key': `${RUN_ID}/0001`, 'x-maestro-run-id': RUN_ID, 'x-maestro-step-id': 'order', 'x-tenant': 'acme' },
    });
    expect(message['payload'].type_url).toBe('type.googleapis.com/google.protobuf.Struct');
    const payload = types.lookupType('google.protobuf.Struct');
    expect(payload.toObject(payload.decode(message['payload'].value))).toEqual({
      fields: {
        sku: { stringValue: 'a' },
        n: { numberValue: 1.5 },
        none: { nullValue: 0 },
        list: { listValue: { values: [{ boolValue: true }, { structValue: {} }] } },
      },
    });
    expect(metadata?.getMap()).toMatchObject({
      'idempotency-key': `${RUN_ID}/0001`,
      'x-maestro-run-id': RUN_ID,
      'x-maestro-step-id': 'order',
      'x-maestro-callback-url': 'https://cb.example/1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-tenant': 'acme',
      'trace-bin': Buffer.from([0, 1, 2]),
    });
  });

  it.each<[type: string, value: object, result: unknown]>([
    ['Struct', struct, { ok: true, list: [1, null] }],
    ['Value', { stringValue: 'x' }, 'x'],
    ['Value', { nullValue: 0 }, null],
    ['ListValue', { values: [{ numberValue: 1 }] }, [1]],
    ['StringValue', { value: 'x' }, 'x'],
    ['BoolValue', { value: false }, false],
    ['Int32Value', { value: 7 }, 7],
    ['Int64Value', { value: 7 }, '7'],
    ['DoubleValue', { value: 0.5 }, 0.5],
    ['BytesValue', { value: Buffer.from('hi') }, 'aGk='],
    ['Empty', {}, null],
    ['Timestamp', { seconds: 1, nanos: 0 }, '1970-01-01T00:00:01Z'],
  ])('reads an answer that holds a %s', async (type, value, result) => {
    const port = await serve((_, callback) => callback(null, response({ success: true }, type, value)));

    expect(brief(await newCaller().call(reserve(port)))).toEqual({ outcome: 'done', value: result });
  });

  it('has null for an answer without data', async () => {
    const port = await serve((_, callback) => callback(null, response({ success: true })));

    expect(brief(await newCaller().call(reserve(port)))).toEqual({ outcome: 'done', value: null });
  });

  it('is refused, and not performed, on success: false', async () => {
    const port = await serve((_, callback) => callback(null, response({ success: false, error: 'out of stock' })));

    const outcome = await newCaller().call(reserve(port));

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceRejected' });
    expect(outcome).toMatchObject({ detail: { service: 'stock', method: 'Reserve', body: 'out of stock' } });
  });

  it.each<[string, Buffer]>([
    ['is no ServiceResponse', Buffer.from([0xff, 0xff, 0xff])],
    [
      'holds a type that nobody knows',
      Buffer.from(
        responseType.encode(responseType.fromObject({ success: true, data: { type_url: 'x/acme.Secret', value: 'AAAA' } })).finish(),
      ),
    ],
  ])('is performed but unusable when the answer %s', async (_, bytes) => {
    const port = await serve((__, callback) => callback(null, bytes));

    expect(brief(await newCaller().call(reserve(port)))).toEqual({ outcome: 'unusable', error: 'Maestro.BadResponse' });
  });

  it('is performed but unusable when the answer is over 10 MB', async () => {
    const big = response({ success: true }, 'StringValue', { value: 'x'.repeat(10 * 1024 * 1024) });
    const port = await serve((_, callback) => callback(null, big));

    expect(brief(await newCaller().call(reserve(port)))).toEqual({ outcome: 'unusable', error: 'Maestro.BadResponse' });
  });

  it('refuses to send more than 10 MB', async () => {
    const port = await serve((_, callback) => callback(null, response({ success: true })));

    const outcome = await newCaller().call(reserve(port, { input: { text: 'x'.repeat(10 * 1024 * 1024) } }));

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
  });

  it.each<[string, string, string[]]>([
    ['a line break', 'x-a', ['a\nb']],
    ['beyond ASCII', 'x-a', ['ü']],
    ['a name of gRPC itself', 'grpc-timeout', ['1S']],
    ['a bad name', 'x a', ['b']],
    ['a binary value that is no base64', 'x-bin', ['%%']],
  ])('refuses metadata with %s', async (_, name, value) => {
    const outcome = await newCaller().call(reserve(1, {}, { headers: [{ name, value }] }));

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
  });
});

describe('a gRPC status', () => {
  const table: [code: status, outcome: string, error: string][] = [
    [status.CANCELLED, 'unknown', 'Maestro.ServiceRejected'],
    [status.UNKNOWN, 'unknown', 'Maestro.ServiceRejected'],
    [status.INVALID_ARGUMENT, 'not_performed', 'Maestro.ServiceRejected'],
    [status.DEADLINE_EXCEEDED, 'unknown', 'Maestro.ServiceTimeout'],
    [status.NOT_FOUND, 'not_performed', 'Maestro.ServiceRejected'],
    [status.ALREADY_EXISTS, 'not_performed', 'Maestro.ServiceRejected'],
    [status.PERMISSION_DENIED, 'not_performed', 'Maestro.ServiceRejected'],
    [status.RESOURCE_EXHAUSTED, 'not_performed', 'Maestro.ServiceUnavailable'],
    [status.FAILED_PRECONDITION, 'not_performed', 'Maestro.ServiceRejected'],
    [status.ABORTED, 'unknown', 'Maestro.ServiceUnavailable'],
    [status.OUT_OF_RANGE, 'not_performed', 'Maestro.ServiceRejected'],
    [status.UNIMPLEMENTED, 'not_performed', 'Maestro.ServiceRejected'],
    [status.INTERNAL, 'unknown', 'Maestro.ServiceRejected'],
    [status.UNAVAILABLE, 'unknown', 'Maestro.ServiceUnavailable'],
    [status.DATA_LOSS, 'unknown', 'Maestro.ServiceRejected'],
    [status.UNAUTHENTICATED, 'not_performed', 'Maestro.ServiceRejected'],
  ];

  it.each(table)('%i ends as %s, %s', async (code, outcome, error) => {
    const port = await serve((_, callback) => callback({ code, details: 'because' }));

    const result = await newCaller().call(reserve(port));

    expect(brief(result)).toEqual({ outcome, error });
    expect(result).toMatchObject({ detail: { status: status[code], body: 'because' } });
  });

  it('of a server that refuses the size of a request is no answer that was too large', async () => {
    const port = await serve((_, callback) =>
      callback({ code: status.RESOURCE_EXHAUSTED, details: 'Received message larger than max (5 vs 4)' }),
    );

    expect(brief(await newCaller().call(reserve(port)))).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' });
  });
});

describe('a gRPC call that gets no answer', () => {
  it('is not performed when nothing listens, and goes through when something does again', async () => {
    const port = await deadPort();
    const caller = newCaller();

    expect(brief(await caller.call(reserve(port)))).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' });

    const server = new Server();
    addMethods(server, { [EXECUTE]: (_, callback) => callback(null, response({ success: true })) });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
    });
    onClose(async () => server.forceShutdown());
    expect(brief(await caller.call(reserve(port)))).toEqual({ outcome: 'done', value: null });
  });

  it('ends when what listens does not speak HTTP/2', async () => {
    const port = await rawServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));

    const outcome = await newCaller().call(reserve(port, { timeoutMs: 2_000 }));

    expect(outcome).toMatchObject({ error: expect.stringMatching(/ServiceUnavailable|ServiceRejected|ServiceTimeout/) });
    expect(outcome.outcome).not.toBe('done');
  });

  it('ends when the server takes the connection and says nothing', async () => {
    const port = await rawServer(() => undefined);

    const outcome = await newCaller().call(reserve(port, { timeoutMs: 100 }));

    expect(outcome.outcome).not.toBe('done');
    expect(outcome).toMatchObject({ error: 'Maestro.ServiceTimeout' });
  });

  it('is unknown when the time passes, and tells the server its deadline', async () => {
    let deadline: number | Date = 0;
    const port = await serve((call) => {
      deadline = call.getDeadline();
    });
    const before = Date.now();

    const outcome = await newCaller().call(reserve(port, { timeoutMs: 150 }));

    expect(brief(outcome)).toEqual({ outcome: 'unknown', error: 'Maestro.ServiceTimeout' });
    expect(Number(deadline) - before).toBeGreaterThan(0);
    expect(Number(deadline) - before).toBeLessThan(1_000);
  });

  it('is unknown when the connection breaks in the middle', async () => {
    let cut = (): void => undefined;
    const backend = await serve(() => cut());
    const port = await rawServer((socket) => {
      const inner = connect(backend, '127.0.0.1');
      inner.on('error', () => undefined);
      socket.pipe(inner).pipe(socket);
      cut = () => socket.resetAndDestroy();
    });

    expect(brief(await newCaller().call(reserve(port)))).toEqual({ outcome: 'unknown', error: 'Maestro.ServiceUnavailable' });
  });

  it('takes the name of the stop from the signal', async () => {
    const stop = new AbortController();
    const port = await serve(() => stop.abort(Object.assign(new Error('stop'), { name: 'Maestro.Cancelled' })));
    const caller = newCaller();

    expect(brief(await caller.call(reserve(port), stop.signal))).toEqual({ outcome: 'unknown', error: 'Maestro.Cancelled' });
    expect(brief(await caller.call(reserve(port), stop.signal))).toEqual({ outcome: 'not_performed', error: 'Maestro.Cancelled' });
  });
});

describe('channels', () => {
  it('open as calls are in flight, as many as the service allows, and the least busy is used', async () => {
    const peers = new Map<string, number>();
    const waiting: (() => void)[] = [];
    const port = await serve((call, callback) => {
      peers.set(call.getPeer(), (peers.get(call.getPeer()) ?? 0) + 1);
      waiting.push(() => callback(null, response({ success: true })));
      if (waiting.length === 12) for (const answer of waiting.splice(0)) answer();
    });
    const caller = newCaller();

    await Promise.all(Array.from({ length: 12 }, () => caller.call(reserve(port, {}, { pool: 3 }))));

    expect([...peers.values()]).toEqual([4, 4, 4]);
  });

  it('are replaced after an idle time that a frozen process would not have noticed', async () => {
    const peers = new Set<string>();
    const port = await serve((call, callback) => {
      peers.add(call.getPeer());
      callback(null, response({ success: true }));
    });
    let asleepMs = 0;
    const caller = newCaller({}, { clock: { ...systemClock, now: () => systemClock.now() + asleepMs } });

    await caller.call(reserve(port));
    asleepMs = 300_000;
    await caller.call(reserve(port));

    expect(peers.size).toBe(2);
  });

  it('stay open between calls', async () => {
    const peers = new Set<string>();
    const port = await serve((call, callback) => {
      peers.add(call.getPeer());
      callback(null, response({ success: true }));
    });
    const caller = newCaller();

    for (let call = 0; call < 5; call++) await caller.call(reserve(port));

    expect(peers.size).toBe(1);
  });
});
