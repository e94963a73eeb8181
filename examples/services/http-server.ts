// The HTTP side: the operations' routes, and the control API under `/_...`.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ZodError } from 'zod';
import type { Dispatcher, Reply } from './dispatcher.ts';
import { isJsonObject, type Json } from './json.ts';
import { misbehaviourSchema } from './misbehaviour.ts';
import type { OperationTable } from './operation.ts';

/** Bytes of a request body; more is refused. */
const MAX_BODY_BYTES = 1_000_000;

export type Wait = (delayMs: number) => Promise<unknown>;

/** Makes the server; it does not listen yet. */
export function createHttpServer(table: OperationTable, dispatcher: Dispatcher, wait: Wait): Server {
  return createServer((request, response) => {
    handle(request, response, table, dispatcher, wait).catch((error: unknown) => {
      if (!response.headersSent) send(response, 500, { error: error instanceof Error ? error.message : 'unknown' });
    });
  });
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  table: OperationTable,
  dispatcher: Dispatcher,
  wait: Wait,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://demo');
  const verb = request.method ?? 'GET';
  const body = await readJson(request);
  if (body === undefined) {
    send(response, 400, { error: 'the body is not JSON, or is too large' });
    return;
  }
  if (url.pathname.startsWith('/_')) {
    control(`${verb} ${url.pathname}`, body, response, dispatcher);
    return;
  }
  const found = table.byRoute(verb, url.pathname);
  if (found === undefined) {
    send(response, 404, { error: `no demo service answers ${verb} ${url.pathname}` });
    return;
  }
  const reply = dispatcher.dispatch({
    transport: 'http',
    operation: found.operation,
    input: { ...Object.fromEntries(url.searchParams), ...(isJsonObject(body) ? body : {}), ...found.fromPath },
    key: header(request, 'idempotency-key'),
    run: header(request, 'x-maestro-run-id'),
    step: header(request, 'x-maestro-step-id'),
  });
  await act(reply, response, wait);
}

async function act(reply: Reply, response: ServerResponse, wait: Wait): Promise<void> {
  switch (reply.kind) {
    case 'answer':
      if (reply.delayMs > 0) await wait(reply.delayMs);
      send(response, 200, reply.value);
      return;
    case 'reject':
    case 'fail':
      send(response, reply.status, { error: reply.message });
      return;
    case 'stall':
      // The connection stays open without an answer until the caller or the host closes it.
      return;
    case 'lost':
      response.destroy();
  }
}

function control(route: string, body: Json, response: ServerResponse, dispatcher: Dispatcher): void {
  switch (route) {
    case 'GET /_log':
      send(response, 200, dispatcher.log());
      return;
    case 'GET /_state':
      send(response, 200, dispatcher.state());
      return;
    case 'POST /_reset':
      dispatcher.reset();
      send(response, 200, { reset: true });
      return;
    case 'POST /_control':
      try {
        dispatcher.misbehave(misbehaviourSchema.parse(body));
        send(response, 200, { accepted: true });
        return;
      } catch (error) {
        if (!(error instanceof ZodError)) throw error;
        const found = error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ');
        send(response, 400, { error: found });
        return;
      }
    default:
      send(response, 404, { error: `expected GET /_log, GET /_state, POST /_control or POST /_reset, found ${route}` });
      return;
  }
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

/** The body as JSON; `{}` when there is none, undefined when it cannot be used. */
async function readJson(request: IncomingMessage): Promise<Json | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
