// The built command line as a process, and a service for it to call.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');
const LAUNCHER = join(ROOT, 'bin', 'maestro.js');
/** A command that takes longer hangs. */
const LONGEST_MS = 20_000;

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Resolves when what was printed so far (both streams) holds the text. */
  said(text: string): Promise<void>;
  /** Resolves with the first line of standard output that holds the text. */
  line(text: string): Promise<string>;
}

/** Starts `maestro` with these arguments. */
export function startMaestro(args: string[], options: { cwd: string; input?: string; timeoutMs?: number }): Started {
  if (!existsSync(join(ROOT, 'dist', 'cli.js')))
    throw new Error('dist/ is missing: these tests run the built command; run `npm run build` first');
  const child = spawn(NODE, [LAUNCHER, ...args], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? LONGEST_MS,
    env: { ...process.env, NO_COLOR: '1' },
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  const heard = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    heard();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    heard();
  });
  const ended = new Promise<Ended>((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!`${stdout}${stderr}`.includes(text)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`it ended without saying ${JSON.stringify(text)}; it said:\n${stdout}\n${stderr}`)));
    });
  return {
    child,
    ended,
    said,
    async line(text) {
      await said(text);
      return stdout.split('\n').find((each) => each.includes(text)) ?? '';
    },
  };
}

/** Runs `maestro` to its end. */
export function maestro(args: string[], options: { cwd: string; input?: string }): Promise<Ended> {
  return startMaestro(args, options).ended;
}

export interface MockService {
  url: string;
  /** `METHOD path idempotency-key`, in the order received. */
  log: string[];
  /** Answers to a path are held back until it is released. Resolves when such a request has come. */
  hold(path: string): { arrived: Promise<void>; release(): void };
  close(): Promise<void>;
}

/** A service that does whatever is asked: `/fail…` is refused with 422, everything else is answered `{n}`, the number of the request. */
export async function startService(): Promise<MockService> {
  const log: string[] = [];
  const held = new Map<string, { arrived: () => void; waiting: (() => void)[] }>();
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url?.startsWith('/fail')) return void response.writeHead(422).end('refused');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ n: log.length }));
  };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      log.push(`${request.method} ${request.url} ${request.headers['idempotency-key'] ?? ''}`);
      const hold = held.get(request.url ?? '');
      if (!hold) return answer(request, response);
      hold.waiting.push(() => answer(request, response));
      hold.arrived();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    log,
    hold(path) {
      const arrived = Promise.withResolvers<void>();
      const hold = { arrived: arrived.resolve, waiting: [] as (() => void)[] };
      held.set(path, hold);
      return {
        arrived: arrived.promise,
        release() {
          held.delete(path);
          for (const go of hold.waiting) go();
        },
      };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A new folder with these files; removed by the returned function. */
export function folder(files: { [name: string]: string | Uint8Array }): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'maestro-test-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Five calls in a row. */
export function fiveCalls(url: string): string {
  const steps = ['a', 'b', 'c', 'd', 'e'].map((id) => `  - { id: ${id}, service: s, method: "POST /${id}", output: ${id} }`);
  return `name: five\nversion: "1"\nservices:\n  s: { type: http, endpoint: "${url}" }\nsteps:\n${steps.join('\n')}\noutput: { last: "{{ .e.n }}" }\n`;
}

/** Two calls that can be undone, then one that fails. */
export function saga(url: string): string {
  return `name: saga
version: "1"
services:
  s: { type: http, endpoint: "${url}" }
steps:
  - { id: a, service: s, method: "POST /a", output: a, compensate: { method: "POST /undo-a", input: { n: "{{ .a.n }}" }, on_unknown: true } }
  - { id: b, service: s, method: "POST /b", output: b, compensate: { method: "POST /undo-b", on_unknown: true } }
  - { id: f, service: s, method: "POST /fail" }
`;
}
