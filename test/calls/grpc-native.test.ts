import { inflateRawSync } from 'node:zlib';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type Metadata, Server, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { describeProto } from '../../shared/calls/grpc/compile-proto.ts';
import { type CallOutcome, compileProto } from '../../shared/calls/index.ts';
import type { Json } from '../../shared/json.ts';
import type { ServiceConfig } from '../../shared/protocol/step-message.ts';
import { addMethods, addReflection, type BytesHandler, protobufjsTypes, readProtoFile, startGrpc } from '../support/grpc-servers.ts';
import { brief, closeAll, newCaller, onClose, request } from './support.ts';

afterEach(closeAll);

const ENTRY = 'billing/v1/billing.proto';
const types = protobufjsTypes('billing/v1/money.proto', ENTRY);
const everything = types.lookupType('billing.v1.Everything');
const customer = types.lookupType('billing.v1.Customer');
const createRequest = types.lookupType('billing.v1.CreateCustomerRequest');

const handlers: { [path: string]: BytesHandler } = {
  '/billing.v1.Billing/Echo': (call, callback) => callback(null, call.request),
  '/billing.v1.Billing/Ping': (_, callback) => callback(null, Buffer.alloc(0)),
  '/billing.v1.Billing/CreateCustomer': (call, callback) => {
    const asked = createRequest.toObject(createRequest.decode(call.request), { longs: String });
    const created = { id: `c-${asked['limit']?.units ?? ''}`, display_name: asked['display_name'], active: false, open_orders: 0 };
    callback(null, Buffer.from(customer.encode(customer.create(created)).finish()));
  },
};

async function serve(prepare: (server: Server) => void = () => undefined): Promise<number> {
  const server = new Server();
  addMethods(server, handlers);
  prepare(server);
  const port = await startGrpc(server);
  onClose(async () => server.forceShutdown());
  return port;
}

async function call(
  port: number,
  method: string,
  input: Json,
  service: Partial<ServiceConfig>,
  caller = newCaller(),
): Promise<CallOutcome> {
  return caller.call(request({ name: 'billing', type: 'grpc', endpoint: [`127.0.0.1:${port}`], ...service }, { method: [method], input }));
}

const ECHO = 'billing.v1.Billing/Echo';
const all = await compileProto(ENTRY, readProtoFile);

describe('a native gRPC call with types from a proto file', () => {
  it('sends and reads proto3 JSON; the service sees its own types', async () => {
    const outcome = await call(
      await serve(),
      'billing.v1.Billing/CreateCustomer',
      { displayName: 'Ada', limit: { currency: 'EUR', units: '9007199254740993' } },
      { proto: all },
    );

    expect(brief(outcome)).toEqual({
      outcome: 'done',
      value: { id: 'c-9007199254740993', displayName: 'Ada', active: false, openOrders: 0 },
    });
  });

  it('takes fields by their names in the file too, and a leading slash', async () => {
    const outcome = await call(await serve(), '/billing.v1.Billing/CreateCustomer', { display_name: 'Ada' }, { proto: all });

    expect(outcome).toMatchObject({ outcome: 'done', value: { displayName: 'Ada' } });
  });

  it.each<[string, Json]>([
    ['int64 as text', { big: '-9223372036854775808', ubig: '18446744073709551615', fixed: '1' }],
    ['bytes as base64', { raw: 'AAECgP8=' }],
    ['enums by name', { tier: 'GOLD', tiers: ['SILVER', 'GOLD'], kind: 'SOME' }],
    ['doubles, also those that JSON has no number for', { ratio: 'NaN', Solo: 0.5 }],
    ['lists and maps', { numbers: [1, -2], byName: { a: { kind: 'SOME', inner: { kind: 'NONE' } } }, byNumber: { '7': 'x' } }],
    ['a oneof', { money: { currency: 'EUR', units: '1' } }],
    ['an optional field that is there', { maybe: 0 }],
    ['Timestamp and Duration', { at: '2026-01-02T03:04:05.006Z', took: '1.500s' }],
    ['Struct, Value and ListValue', { facts: { a: [1, null, { b: true }] }, anything: [1, 'x'], list: [null, {}] }],
    ['wrappers', { label: '', count: '5' }],
    ['FieldMask', { mask: 'displayName,limit.units' }],
    [
      'Any of a type of the file',
      { detail: { '@type': 'type.googleapis.com/billing.v1.Customer', id: 'c', displayName: '', active: true, openOrders: 1 } },
    ],
    ['Any of a well-known type', { detail: { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '2s' } }],
  ])('has %s', async (_, input) => {
    const outcome = await call(await serve(), ECHO, input, { proto: all });

    expect(outcome).toMatchObject({ outcome: 'done' });
    const value = outcome.outcome === 'done' ? outcome.value : null;
    expect(value).toMatchObject(Object(input));
  });

  it('shows fields that have their default value, and names those of json_name', async () => {
    const outcome = await call(await serve(), ECHO, {}, { proto: all });

    expect(outcome).toMatchObject({
      outcome: 'done',
      value: { big: '0', raw: '', tier: 'TIER_UNSPECIFIED', ratio: 0, numbers: [], byName: {}, Solo: 0, delta: 0 },
    });
    expect(outcome.outcome === 'done' && Object.keys(outcome.value ?? {})).not.toContain('maybe');
  });

  it('writes bytes that another protobuf library reads alike', async () => {
    let seen: Buffer = Buffer.alloc(0);
    const server = new Server();
    addMethods(server, {
      '/billing.v1.Billing/Echo': (incoming, callback) => {
        seen = incoming.request;
        callback(null, incoming.request);
      },
    });
    const port = await startGrpc(server);
    onClose(async () => server.forceShutdown());
    const caller = newCaller();
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          ubig: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
          numbers: fc.array(fc.integer()),
          delta: fc.integer(),
          ratio: fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
          text: fc.string({ unit: 'grapheme' }),
          byNumber: fc.dictionary(fc.integer().map(String), fc.string()),
          tiers: fc.array(fc.constantFrom('GOLD', 'SILVER', 'TIER_UNSPECIFIED')),
          raw: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
        }),
        async (sample) => {
          const input = { ...sample, big: String(sample.big), ubig: String(sample.ubig) };
          const outcome = await call(port, ECHO, input, { proto: all }, caller);
          const other = everything.toObject(everything.decode(seen), {
            longs: String,
            enums: String,
            bytes: String,
            arrays: true,
            objects: true,
            defaults: true,
          });
          expect(outcome).toMatchObject({ outcome: 'done', value: input });
          expect(other).toMatchObject({
            big: input.big,
            ubig: input.ubig,
            numbers: input.numbers,
            delta: input.delta,
            ratio: input.ratio,
            text: input.text,
            by_number: input.byNumber,
            tiers: input.tiers,
            raw: input.raw,
          });
        },
      ),
      { numRuns: 40, seed: 1 },
    );
  });

  it.each<[string, Json, RegExp]>([
    ['an unknown field', { displayName: 'x', colour: 'SECRET-VALUE' }, /"colour" is unknown/],
    ['an unknown field further in', { limit: { unit: 1 } }, /"unit" is unknown/],
    ['a value of another type', { displayName: ['SECRET-VALUE'] }, /display_name/],
    ['text where a number belongs', { limit: { units: 'SECRET-VALUE' } }, /units/],
    ['a list where an object belongs', ['SECRET-VALUE'], /CreateCustomerRequest/],
  ])('refuses %s before the call, names it, and repeats no value', async (_, input, message) => {
    const outcome = await call(await serve(), 'billing.v1.Billing/CreateCustomer', input, { proto: all });

    expect(outcome).toMatchObject({ outcome: 'not_performed', error: 'Maestro.BadConfiguration', message: expect.stringMatching(message) });
    expect(JSON.stringify(outcome)).not.toContain('SECRET-VALUE');
  });

  it.each<[string, string, RegExp]>([
    ['a method that does not exist', 'billing.v1.Billing/Delete', /CreateCustomer, Echo, Ping, Watch, Upload/],
    ['a service that does not exist', 'billing.v1.Bill/Echo', /billing\.v1\.Billing/],
    ['a method whose answer streams', 'billing.v1.Billing/Watch', /streams/],
    ['a method whose request streams', 'billing.v1.Billing/Upload', /streams/],
    ['a name that is none', 'billing.v1.Billing/', /package\.Service\/Method/],
  ])('refuses %s, and says what there is', async (_, method, message) => {
    const outcome = await call(await serve(), method, {}, { proto: all });

    expect(outcome).toMatchObject({ outcome: 'not_performed', error: 'Maestro.BadConfiguration', message: expect.stringMatching(message) });
  });

  it('refuses types that cannot be read, and a native name without any', async () => {
    const port = await serve();

    for (const service of [{}, { proto: 'deflate:AAAA' }, { proto: '!!!' }]) {
      expect(brief(await call(port, ECHO, {}, service))).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
    }
  });

  it('reads a set of descriptors as protoc writes it, too', async () => {
    const plain = inflateRawSync(Buffer.from(all.slice('deflate:'.length), 'base64')).toString('base64');

    expect(await call(await serve(), ECHO, { numbers: [1] }, { proto: plain })).toMatchObject({ outcome: 'done', value: { numbers: [1] } });
  });
});

describe('compiling a proto file', () => {
  const files = (packed: string) =>
    fromBinary(FileDescriptorSetSchema, inflateRawSync(Buffer.from(packed.slice('deflate:'.length), 'base64'))).file;
  const messages = (packed: string): string[] => files(packed).flatMap((file) => file.messageType.map(({ name }) => name));

  it('keeps only what the methods of the workflow need', async () => {
    const packed = await compileProto(ENTRY, readProtoFile, { methods: ['billing.v1.Billing/CreateCustomer'] });

    expect(messages(packed).sort()).toEqual(['CreateCustomerRequest', 'Customer', 'Money']);
    expect(packed.length).toBeLessThan(500);
    expect(await call(await serve(), 'billing.v1.Billing/CreateCustomer', { limit: { units: '3' } }, { proto: packed })).toMatchObject({
      value: { id: 'c-3' },
    });
  });

  it('does not depend on where the file lies', async () => {
    const elsewhere = await compileProto('/home/ada/billing.proto', (path) => readProtoFile(path.startsWith('/home') ? ENTRY : path));

    expect(elsewhere).toBe(all);
    expect(JSON.stringify(files(all).map(({ name }) => name))).not.toContain('billing');
  });

  const compile = (text: string, more: Record<string, string> = {}, methods?: string[]) =>
    compileProto('a.proto', (path) => ({ 'a.proto': text, ...more })[path], methods ? { methods } : {});

  it.each<[string, string, RegExp]>([
    ['a syntax error, with its line', 'syntax = "proto3";\nmessage { }', /a\.proto.*line 2/],
    [
      'an unknown type, with the imports that were not found',
      'syntax = "proto3"; import "b.proto"; message A { B b = 1; }',
      /type B.*b\.proto/,
    ],
    ['an edition', 'edition = "2023"; message A { int32 b = 1; }', /edition/],
    ['a group', 'syntax = "proto2"; message A { optional group B = 1 { optional int32 c = 2; } }', /group/],
  ])('refuses %s', async (_, text, message) => {
    await expect(compile(text)).rejects.toThrow(expect.objectContaining({ code: 'MST5002', message: expect.stringMatching(message) }));
  });

  it('refuses a method that does not exist, and an import that imports itself', async () => {
    const text = 'syntax = "proto3"; import "b.proto"; message A { } service S { rpc Go(A) returns (A); }';

    await expect(compile(text, { 'b.proto': 'syntax = "proto3";' }, ['S/Stop'])).rejects.toThrow(/S\/Go/);
    await expect(compile(text, { 'b.proto': 'syntax = "proto3"; import "a.proto";' })).rejects.toThrow(/itself/);
    await expect(compileProto('none.proto', () => undefined)).rejects.toThrow(/none\.proto/);
  });

  it('finds a type from the inside out', async () => {
    const packed = await compile(
      'syntax = "proto3"; package a.b; message T {} message M { message T { int32 x = 1; } T inner = 1; .a.b.T outer = 2; b.T also = 3; }',
    );
    const fields = files(packed)[0]
      ?.messageType.find(({ name }) => name === 'M')
      ?.field.map(({ typeName }) => typeName);

    expect(fields).toEqual(['.a.b.M.T', '.a.b.T', '.a.b.T']);
  });

  it('takes proto2 with its required fields and unpacked lists', async () => {
    const packed = await compile(
      'syntax = "proto2"; message A { required int32 a = 1; optional string b = 2 [default = "x"]; repeated int32 c = 3; repeated int32 d = 4 [packed = true]; }',
    );
    const message = files(packed)[0]?.messageType[0];

    expect(files(packed)[0]?.syntax).toBe('');
    expect(message?.field.map(({ label, options }) => [label, options?.packed])).toEqual([
      [2, undefined],
      [1, undefined],
      [3, undefined],
      [3, true],
    ]);
  });
});

describe('a native gRPC call with types from server reflection', () => {
  const descriptors = new Map(
    describeProto(ENTRY, readProtoFile).map((file) => [file.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file))]),
  );
  const reflecting = async (version: 'v1' | 'v1alpha', files: ReadonlyMap<string, Buffer> = descriptors) => {
    const asked: unknown[] = [];
    const seen: Metadata[] = [];
    const port = await serve((server) =>
      addReflection(server, { version, service: 'billing.v1.Billing', files, entry: ENTRY, asked, seen }),
    );
    return { port, asked, seen };
  };

  it.each(['v1', 'v1alpha'] as const)('works with %s, and asks once', async (version) => {
    const { port, asked } = await reflecting(version);
    const caller = newCaller();

    const first = await call(
      port,
      'billing.v1.Billing/CreateCustomer',
      { displayName: 'Ada', limit: { units: '2' } },
      { reflection: true },
      caller,
    );
    const second = await call(port, ECHO, { at: '2026-01-02T03:04:05Z' }, { reflection: true }, caller);

    expect(first).toMatchObject({ outcome: 'done', value: { id: 'c-2', displayName: 'Ada' } });
    expect(second).toMatchObject({ outcome: 'done', value: { at: '2026-01-02T03:04:05Z' } });
    expect(asked).toEqual([{ file_containing_symbol: 'billing.v1.Billing' }, { file_by_filename: 'billing/v1/money.proto' }]);
  });

  it('carries the metadata of the service, which reflection may need too', async () => {
    const { port, seen } = await reflecting('v1');

    await call(port, ECHO, {}, { reflection: true, headers: [{ name: 'authorization', value: ['Bearer x'] }] });

    expect(seen[0]?.get('authorization')).toEqual(['Bearer x']);
  });

  it('says which services there are when the one asked for is not', async () => {
    const { port } = await reflecting('v1');

    const outcome = await call(port, 'billing.v2.Billing/Echo', {}, { reflection: true });

    expect(outcome).toMatchObject({
      outcome: 'not_performed',
      error: 'Maestro.BadConfiguration',
      message: expect.stringContaining('there are: billing.v1.Billing'),
    });
  });

  it('says so when the server does not reflect, and when it keeps an import to itself', async () => {
    const without = await call(await serve(), ECHO, {}, { reflection: true });
    const { port } = await reflecting('v1', new Map([...descriptors].filter(([name]) => name === ENTRY)));
    const partial = await call(port, ECHO, {}, { reflection: true });

    expect(without).toMatchObject({
      outcome: 'not_performed',
      error: 'Maestro.BadConfiguration',
      message: expect.stringContaining('reflection'),
    });
    expect(partial).toMatchObject({
      outcome: 'not_performed',
      error: 'Maestro.BadConfiguration',
      message: expect.stringContaining('money.proto'),
    });
  });

  it('asks again after a failure, and is not performed then', async () => {
    let fails = true;
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const asked: unknown[] = [];
    const port = await serve((server) => {
      addReflection(server, { version: 'v1', service: 'billing.v1.Billing', files: descriptors, entry: ENTRY, asked });
      const registered: unknown = Reflect.get(server, 'handlers');
      const handler = registered instanceof Map ? registered.get(path) : undefined;
      const answer = handler.func;
      handler.func = (stream: { emit(event: string, error: unknown): void }) =>
        fails ? stream.emit('error', { code: status.UNAVAILABLE, details: 'starting' }) : answer(stream);
    });
    const caller = newCaller();

    const first = await call(port, ECHO, {}, { reflection: true }, caller);
    fails = false;
    const second = await call(port, ECHO, { numbers: [4] }, { reflection: true }, caller);

    expect(brief(first)).toEqual({ outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' });
    expect(second).toMatchObject({ outcome: 'done', value: { numbers: [4] } });
  });
});

describe('the protocols that Maestro speaks itself', () => {
  it('are what is in proto/', async () => {
    const { ENVELOPE_PROTO, REFLECTION_PROTO } = await import('../../shared/calls/grpc/generated/protocols.ts');

    expect(ENVELOPE_PROTO).toBe(await compileProto('maestro/v1/maestro.proto', readProtoFile));
    expect(REFLECTION_PROTO).toBe(await compileProto('grpc/reflection/v1/reflection.proto', readProtoFile));
  });
});
