// Values of `env.NAME` and `secret.NAME` reach the service and nothing else: everything that is written or printed is searched for them.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Server as GrpcServer, type Metadata, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../cli/main.ts';
import { machineArn, openRuntime, type Runtime } from '../../local/runtime/index.ts';
import type { Envelope } from '../../shared/contract/index.ts';
import { addMethods, protobufjsTypes, startGrpc } from '../support/grpc-servers.ts';

/** By name. Each has characters that JSON, a URL and base64 write differently. */
const CANARIES = {
  TOKEN: 'canary-token/7f3b"9d+e1',
  KEY: 'canary-key/51cc"0a+77',
  TENANT: 'canarytenant4d21',
  ZONE: 'canaryzone93aa',
  RPC_TOKEN: 'canary-rpc/aa11+42',
  RPC_KEY: 'canary-rpckey/bb22+43',
  DOTENV: 'canary-dotenv/cc33+44',
  HOST: 'canaryhost55ee',
} as const;

const types = protobufjsTypes('maestro/v1/maestro.proto');
const responseType = types.lookupType('maestro.v1.ServiceResponse');

let folder: string;
let web: Server;
let rpc: GrpcServer;
let ports: { web: number; rpc: number };
/** What the services were sent: a test in which nothing arrives proves nothing. */
let arrived: { headers: IncomingHttpHeaders; url: string }[];
let metadata: Metadata[];
let printed: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'maestro-secrets-'));
  arrived = [];
  metadata = [];
  printed = '';
  web = createServer((request, response) => {
    arrived.push({ headers: request.headers, url: request.url ?? '' });
    request.resume().on('end', () => echo(request, response));
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  rpc = new GrpcServer();
  addMethods(rpc, {
    '/maestro.v1.MaestroService/Execute': (call, callback) => {
      metadata.push(call.metadata);
      const told = JSON.stringify(call.metadata.getMap());
      if (call.metadata.get('x-maestro-step-id')[0] !== 'bad') return callback(null, answered(told));
      callback({ code: status.UNAUTHENTICATED, details: `not with ${told} nor ${CANARIES.RPC_TOKEN}` });
    },
  });
  const address = web.address();
  ports = { web: typeof address === 'object' && address ? address.port : 0, rpc: await startGrpc(rpc) };
  const { DOTENV } = CANARIES;
  writeFileSync(join(folder, '.env'), `DOTENV=${DOTENV}\n`);
});

afterEach(async () => {
  rpc.forceShutdown();
  web.closeAllConnections();
  await new Promise<void>((resolve) => web.close(() => resolve()));
  rmSync(folder, { recursive: true, force: true });
});

function answered(text: string): Buffer {
  const value = types.lookupType('google.protobuf.StringValue').encode({ value: text }).finish();
  const data = { type_url: 'type.googleapis.com/google.protobuf.StringValue', value };
  return Buffer.from(responseType.encode(responseType.fromObject({ success: true, data })).finish());
}

/** Tells back what it was sent, in every way that a service has. The last part of the path says how. */
function echo({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
  const token = headers.authorization ?? '';
  const told = {
    headers,
    url,
    [token]: [encodeURIComponent(token), JSON.stringify(headers)],
    basic: Buffer.from(CANARIES.TOKEN).toString('base64'),
    key: Buffer.from(CANARIES.KEY).toString('base64'),
    long: 'x'.repeat(60_000),
  };
  const json = (code: number): void => void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(told));
  const how = /\/how\/(\w+)/.exec(url)?.[1];
  if (how === 'text') return void response.end(Object.entries(headers).join('\n') + url);
  if (how === 'cut') return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told).slice(0, 900));
  if (how === 'reject') return void response.writeHead(422, { 'x-request-id': CANARIES.KEY, 'retry-after': '0' }).end(JSON.stringify(told));
  if (how === 'down') return void response.writeHead(503, CANARIES.TENANT, { 'x-request-id': CANARIES.TENANT }).end(JSON.stringify(told));
  if (how === 'away') return void response.writeHead(307, { location: `http://${CANARIES.ZONE}.invalid/${CANARIES.TENANT}` }).end();
  if (how === 'reset') return void response.destroy();
  if (how === 'stall') return;
  json(200);
}

const file = (name: string, steps: string): string => `name: ${name}
version: "1"
services:
  web:
    type: http
    endpoint: "http://127.0.0.1:${ports.web}/{{ secret.TENANT }}/{{ env.ZONE }}"
    timeout: 2s
    breaker: false
    headers:
      Authorization: "Bearer {{ secret.TOKEN }}"
      X-Key: "{{ env.KEY }}"
      X-Dotenv: "a {{ secret.DOTENV }} b"
  rpc:
    type: grpc
    endpoint: "127.0.0.1:${ports.rpc}"
    metadata: { authorization: "{{ secret.RPC_TOKEN }}", x-key: "{{ env.RPC_KEY }}" }
  hidden: { type: http, endpoint: "http://{{ secret.HOST }}.invalid/x", headers: { X-Key: "{{ env.KEY }}" } }
  wrong: { type: http, endpoint: "{{ secret.TOKEN }}", headers: { X-Key: "{{ env.KEY }}" } }
  wrongenv: { type: http, endpoint: "{{ env.KEY }}" }
  broken: { type: http, endpoint: "http://127.0.0.1:${ports.web}", headers: { "X-Broken": "{{ secret.LINES }}", X-Other: "{{ env.LINES }}" } }
  missing: { type: http, endpoint: "http://127.0.0.1:${ports.web}", headers: { X-Key: "{{ env.KEY }}", X-None: "{{ secret.NOWHERE }}" } }
  fn: { type: lambda, endpoint: "{{ env.KEY }}" }
steps:
${steps}`;

const LINES = 'canarylines\n77';

/** Runs `maestro` in this process and keeps what it prints. */
async function maestro(...argv: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const keep = (text: string): void => void (printed += text);
  const code = await run(argv, {
    out: (text) => {
      out += text;
      keep(text);
    },
    err: keep,
    terminal: { out: false, err: false },
    color: { out: false, err: false },
    columns: () => 300,
    cwd: folder,
    env: { ...CANARIES, DOTENV: undefined, LINES },
    readInput: async () => '',
    onInterrupt: () => () => {},
    exitNow: (code) => {
      throw new Error(`ended with ${code}`);
    },
  });
  return { code, out };
}

// ---- searching

/** How a value may be written down. */
function formsOf(value: string): string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  return [value, inJson, JSON.stringify(inJson).slice(1, -1), encodeURIComponent(value), Buffer.from(value).toString('base64')];
}

/** Names of those whose value stands in the text, in any form, with what is around it. */
function leaks(text: string): string[] {
  return Object.entries({ ...CANARIES, LINES, ANY: 'canary' }).flatMap(([name, value]) => {
    const form = formsOf(value).find((each) => text.toLowerCase().includes(each.toLowerCase()));
    if (form === undefined) return [];
    const at = text.toLowerCase().indexOf(form.toLowerCase());
    return [`${name}: ${text.slice(Math.max(0, at - 120), at + 80)}`];
  });
}

function bytesBelow(path: string): { [name: string]: string } {
  const found: { [name: string]: string } = {};
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    found[join(entry.parentPath, entry.name).slice(path.length + 1)] = readFileSync(join(entry.parentPath, entry.name)).toString('latin1');
  }
  return found;
}

/** Every row of every table: a long text is cut into pages, so that a value may stand across two of them. */
function rowsOf(path: string): string {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
    return tables.map(({ name }) => JSON.stringify(database.prepare(`SELECT * FROM "${String(name)}"`).all())).join('\n');
  } finally {
    database.close();
  }
}

async function withRuntime<T>(look: (runtime: Runtime) => Promise<T>): Promise<T> {
  const caller = { call: () => Promise.reject(new Error('nothing is to be called')), origin: () => '', close: async () => {} };
  const opened = await openRuntime(join(folder, '.maestro'), () => ({ caller, holder: { version: '0', role: 'test', urls: {} } }));
  if (opened.kind !== 'holder') throw new Error('the data folder is taken');
  try {
    return await look(opened.runtime);
  } finally {
    await opened.runtime.close();
  }
}

/** Nothing that was printed, and nothing on the disk except `.env`, holds a value. */
function expectNoLeak(): void {
  expect(leaks(printed)).toEqual([]);
  for (const [name, content] of Object.entries(bytesBelow(folder))) if (name !== '.env') expect([name, leaks(content)]).toEqual([name, []]);
  for (const data of ['.maestro', 'second', 'third'].map((name) => join(folder, name, 'maestro.db'))) {
    if (existsSync(data)) expect([data, leaks(rowsOf(data))]).toEqual([data, []]);
  }
}

async function runOnce(name: string, steps: string, ...more: string[]): Promise<string> {
  writeFileSync(join(folder, `${name}.yaml`), file(name, steps));
  const { out } = await maestro('execute', `${name}.yaml`, '--json', '--durability', 'process', ...more);
  return out;
}

const ECHO = `
  - { id: read, service: web, method: "GET /how/json", output: read }
  - { id: text, service: web, method: "GET /how/text", output: text }
  - { id: call, service: rpc, method: Reserve, input: { a: "{{ .read.url }}" }, output: call }
  - { id: pass, service: web, method: "POST /how/json/{{ .read.url }}", input: { all: "{{ .read }}", text: "{{ .text }}", rpc: "{{ .call }}" }, output: pass }
`;

describe('a run whose services tell back all that they were sent', () => {
  test('has the values of env and secret in no definition, history, record, event, blob, cassette or output', async () => {
    writeFileSync(
      join(folder, 'echo.yaml'),
      `${file('echo', ECHO)}output: { read: "{{ .read.headers }}", text: "{{ .text }}", call: "{{ .call }}" }\n`,
    );

    const json = await maestro('execute', 'echo.yaml', '--json', '--record', 'tape.json');
    const text = await maestro('execute', 'echo.yaml', '--data', 'second');
    await maestro('execute', 'echo.yaml', '--replay', 'tape.json', '--data', 'third');

    expect([json.code, text.code]).toEqual([0, 0]);
    expect(arrived).toHaveLength(6);
    for (const { headers, url } of arrived) {
      expect(headers).toMatchObject({
        authorization: `Bearer ${CANARIES.TOKEN}`,
        'x-key': CANARIES.KEY,
        'x-dotenv': `a ${CANARIES.DOTENV} b`,
      });
      expect(url.startsWith(`/${CANARIES.TENANT}/${CANARIES.ZONE}/how/`)).toBe(true);
    }
    expect(metadata[0]?.getMap()).toMatchObject({ authorization: CANARIES.RPC_TOKEN, 'x-key': CANARIES.RPC_KEY });
    expect(readFileSync(join(folder, 'tape.json'), 'utf8')).toContain('[secret.TOKEN]');
    expect(json.out).toContain('Bearer [secret.TOKEN]');
    expect(json.out).toContain('[env.KEY]');
    expect(Object.keys(bytesBelow(folder)).filter((name) => name.includes('/blobs/')).length).toBeGreaterThan(3);
    expectNoLeak();
  });

  test('shows them in nothing that is said about a workflow without running it', async () => {
    writeFileSync(join(folder, 'echo.yaml'), file('echo', ECHO));
    for (const args of [
      ['validate'],
      ['compile'],
      ['compile', '--stats'],
      ['graph'],
      ['cost'],
      ['validate', '--json'],
      ['cost', '--json'],
    ]) {
      const [command = '', ...options] = args;
      expect([args, (await maestro(command, 'echo.yaml', ...options)).code]).toEqual([args, 0]);
    }
    expect(printed).toContain('RPC_TOKEN');
    expectNoLeak();
  });

  test('keeps them out of what is told, asked and read of it afterwards', async () => {
    const { data }: Envelope = JSON.parse(await runOnce('echo', ECHO));
    const id = data.run_id;
    await maestro('get', id);
    await maestro('get', id, '--json');
    await maestro('runs');
    await maestro('runs', '--json');
    await maestro('breakers', '--json');
    const seen = await withRuntime(async (runtime) => {
      const events: unknown[] = [];
      const view = await runtime.watch(id, (event) => void events.push(event));
      const executionArn = view.data.run.execution ?? '';
      const { items } = runtime.engine.getHistory({ executionArn, maxResults: 1_000 });
      const definition = runtime.engine.describeStateMachine(machineArn('echo'));
      return { view, events, items, definition };
    });

    expect(seen.events.length).toBeGreaterThan(8);
    expect(seen.items.length).toBeGreaterThan(15);
    expect(leaks(JSON.stringify(seen))).toEqual([]);
    expectNoLeak();
  });
});

describe('a call that fails', () => {
  const failing = (step: string): string => `
  - { id: first, service: web, method: "POST /how/json", output: first, compensate: { method: "POST /how/json/undone", input: { all: "{{ .first }}", why: "{{ .error }}" } } }
  - { id: left, service: web, method: "POST /how/json", compensate: { method: "POST /how/reject", input: { all: "{{ .first.headers }}" } } }
  - ${step}
`;

  test.each([
    ['with its request in the refusal', '{ id: bad, service: web, method: "POST /how/reject" }', 'Maestro.ServiceRejected'],
    [
      'over and over, being down',
      '{ id: bad, service: web, method: "POST /how/down", retry: { attempts: 2, initial: 1s } }',
      'Maestro.ServiceUnavailable',
    ],
    ['with an answer that is cut off', '{ id: bad, service: web, method: "POST /how/cut" }', 'Maestro.BadResponse'],
    ['by sending it elsewhere', '{ id: bad, service: web, method: "POST /how/away" }', 'Maestro.'],
    ['by breaking the connection', '{ id: bad, service: web, method: "POST /how/reset" }', 'Maestro.ServiceUnavailable'],
    ['by its time limit', '{ id: bad, service: web, method: "POST /how/stall", timeout: 300ms }', 'Maestro.ServiceTimeout'],
    ['because the host, a secret, is not known', '{ id: bad, service: hidden, method: /x }', 'Maestro.ServiceUnavailable'],
    ['because a secret is no endpoint', '{ id: bad, service: wrong, method: /x }', 'Maestro.BadConfiguration'],
    ['because a variable is no endpoint', '{ id: bad, service: wrongenv, method: /x }', 'Maestro.BadConfiguration'],
    ['because a secret is no header', '{ id: bad, service: broken, method: /x }', 'Maestro.BadConfiguration'],
    ['because a variable is no function', '{ id: bad, service: fn, method: x }', 'Maestro.BadConfiguration'],
    ['because a secret is missing', '{ id: bad, service: missing, method: /x }', 'Maestro.BadConfiguration'],
  ])('%s says none of the values, nor do its undos, its dead letter and its report', async (_, step, error) => {
    const { data }: Envelope = JSON.parse(await runOnce('failing', failing(step), '--record', 'tape.json'));
    await maestro('get', data.run_id);
    await maestro('get', data.run_id, '--json');
    await maestro('runs');
    await maestro('undo', data.run_id);

    expect(data).toMatchObject({ status: 'compensation_failed', error: { step: 'bad', error: expect.stringContaining(error) } });
    expect(arrived.map(({ url }) => url.split('/how/')[1]).filter((path) => path === 'json/undone')).toHaveLength(1);
    expect(readFileSync(join(folder, '.maestro', 'dead-letters.jsonl'), 'utf8')).toContain('"left"');
    expectNoLeak();
  });

  test('over gRPC says none of the values either', async () => {
    const steps = '  - { id: a, service: rpc, method: Reserve, output: a }\n  - { id: bad, service: rpc, method: Reserve }\n';
    const { data }: Envelope = JSON.parse(await runOnce('rpcs', steps, '--record', 'tape.json'));
    await maestro('get', data.run_id);

    expect(metadata).toHaveLength(2);
    expect(data.error).toMatchObject({ step: 'bad', error: 'Maestro.ServiceRejected' });
    expectNoLeak();
  });
});
