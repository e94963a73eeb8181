// The loopback address at which the holder of a data folder answers other commands.
//
//   S1. Only who can read `control.json` (mode 600) knows the token; without it every request is refused before it is read.
//       An answer to a callback is the exception: its one-time token, in the path, is the permission.
//   S2. Requests are checked like any other input; a bad one is answered and changes nothing.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod';
import type { Json } from '../../shared/json.ts';
import { CALLBACK_PATH } from './callbacks.ts';
import { listSchema, type RunOperations, startSchema } from './operations.ts';
import { RuntimeProblem } from './problem.ts';
import type { Runtime } from './runtime.ts';

/** A compiled definition has at most 1 MB, an input a few; several workflows may come in one request. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface ControlServer {
  url: string;
  token: string;
  close(): Promise<void>;
}

/** HTTP status of what is wrong with an answer to a callback. */
const CALLBACK_STATUS: { [code: string]: number } = { not_found: 404, conflict: 409 };

const oneRun = z.object({ runId: z.string() });
const cancelSchema = z.object({ runId: z.string(), force: z.boolean().exactOptional() });
const watchSchema = z.object({ runId: z.string(), after: z.number() });
const oneOrigin = z.object({ origin: z.string() });

/** What the server answers with. */
export type ControlTarget = RunOperations & Pick<Runtime, 'answerCallback'>;

/**
 * Starts the server on loopback. It does not keep the process alive.
 * @param port the one to take if it is free; 0 or one that is not free: another
 */
export async function startControlServer(runtime: ControlTarget, port: number): Promise<ControlServer> {
  return listen(runtime, port).catch((error: unknown) => (port === 0 ? Promise.reject(error) : listen(runtime, 0)));
}

function listen(runtime: ControlTarget, wanted: number): Promise<ControlServer> {
  const token = randomBytes(32).toString('hex');
  const server = createServer((request, response) => {
    answer(request, response, runtime, token).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: wanted }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      resolve({
        url: `http://127.0.0.1:${port}`,
        token,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, operations: ControlTarget, token: string): Promise<void> {
  if (request.method === 'POST' && request.url?.startsWith(CALLBACK_PATH)) return takeCallback(request, response, operations);
  if (!mayAsk(request, token))
    return send(response, 401, { error: { code: 'unauthorized', message: 'the token of control.json is needed' } });
  const method = (request.url ?? '').slice(1);
  try {
    const params = await readBody(request);
    if (method === 'watch') return await watch(watchSchema.parse(params), response, operations);
    const result = await call(method, params, operations);
    send(response, 200, { result });
  } catch (error) {
    if (response.headersSent) return void response.destroy();
    send(response, 400, { error: problemOf(error) });
  }
}

async function takeCallback(request: IncomingMessage, response: ServerResponse, { answerCallback }: ControlTarget): Promise<void> {
  try {
    await answerCallback(decodeURIComponent((request.url ?? '').slice(CALLBACK_PATH.length)), await readBody(request));
    send(response, 202, { accepted: true });
  } catch (error) {
    const problem = problemOf(error);
    send(response, CALLBACK_STATUS[problem.code] ?? 400, { error: problem });
  }
}

async function call(method: string, params: unknown, operations: RunOperations): Promise<unknown> {
  switch (method) {
    case 'status':
      return operations.status();
    case 'start':
      return operations.start(startSchema.parse(params));
    case 'list':
      return operations.list(listSchema.parse(params));
    case 'get':
      return operations.get(oneRun.parse(params).runId);
    case 'cancel':
      return (await cancel(params, operations)) ?? null;
    case 'undo':
      return operations.undo(oneRun.parse(params).runId);
    case 'breakers':
      return operations.breakers();
    case 'resetBreaker':
      return operations.resetBreaker(oneOrigin.parse(params).origin);
    default:
      throw new RuntimeProblem(
        'not_found',
        `control: there is no method ${JSON.stringify(method.slice(0, 40))}; the two processes may be of different versions`,
      );
  }
}

function cancel(params: unknown, operations: RunOperations): Promise<void> {
  const { runId, ...options } = cancelSchema.parse(params);
  return operations.cancel(runId, options);
}

/** One line of JSON per event, then one with the run. */
async function watch({ runId, after }: z.infer<typeof watchSchema>, response: ServerResponse, operations: RunOperations): Promise<void> {
  const line = (value: object): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    if (!response.destroyed) response.write(`${JSON.stringify(value)}\n`);
  };
  try {
    const run = await operations.watch(runId, (event) => line({ event }), after);
    line({ run });
  } catch (error) {
    line({ error: problemOf(error) });
  }
  response.end();
}

function mayAsk(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const expected = Buffer.from(`Bearer ${token}`);
  return request.method === 'POST' && given.length === expected.length && timingSafeEqual(given, expected);
}

async function readBody(request: IncomingMessage): Promise<Json> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    const buffer = Buffer.from(part);
    bytes += buffer.length;
    if (bytes > MAX_BODY_BYTES) throw new RuntimeProblem('invalid_input', `control: the request is longer than ${MAX_BODY_BYTES} bytes`);
    parts.push(buffer);
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8') || '{}') as Json;
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function problemOf(error: unknown): { code: string; message: string } {
  if (error instanceof RuntimeProblem) return { code: error.code, message: error.message };
  if (error instanceof SyntaxError || error instanceof URIError)
    return { code: 'invalid_input', message: 'control: the request is not JSON' };
  if (error instanceof z.ZodError)
    return { code: 'invalid_input', message: `control: the request is not as expected: ${z.prettifyError(error)}` };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}
