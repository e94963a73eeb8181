// The Step Functions wire API (AWS JSON 1.0) on a local port.
//
// Owns: HTTP, body limits, error names. Does not own: what an operation does (`operations.ts`, the engine).
//
//   E1. Signatures are not checked, so it listens on loopback only, whatever address the API has.
//   E2. A web page reaches it as little as another machine: what it sends of itself carries no `x-amz-target`, which a browser asks leave for
//       and gets none; and a page whose own name was made to point here (DNS rebinding) names that in `Host`.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ZodError } from 'zod';
import { type Engine, ServiceError } from '../engine/index.ts';
import { OPERATIONS } from './operations.ts';

/** AWS: 1 MB per request; a definition of 1 MB grows when it is put into JSON. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const TARGET = /^AWSStepFunctions\.(\w+)$/;
const HOST = '127.0.0.1';
/** An address or a name that no DNS server answers for (RFC 6761, section 6.3); SDKs put `sync-` before it for StartSyncExecution. */
const OWN_NAME = /^(sync-)?(localhost|\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;

export interface EndpointOptions {
  engine: Engine;
  /** Default 8083; 0 takes a free one. */
  port?: number;
  /** Request ids. Default: a running number. */
  requestId?: () => string;
  /** Told of errors that are the endpoint's own fault. */
  onError?: (error: unknown) => void;
}

export interface Endpoint {
  /** `http://host:port`. */
  url: string;
  close(): Promise<void>;
}

/** Answers requests with the engine. Rejects when the port cannot be bound. */
export async function createEndpoint(options: EndpointOptions): Promise<Endpoint> {
  let count = 0;
  const requestId = options.requestId ?? (() => `local-${++count}`);
  const server = createServer((request, response) => {
    handle(request, options).then(
      (body) => send(response, 200, body, requestId()),
      (error: unknown) => refuse(response, error, requestId(), options.onError),
    );
  });
  // Clients keep connections alive; one that is slow to send its headers is not waited for.
  server.keepAliveTimeout = 60_000;
  server.headersTimeout = 65_000;
  await listen(server, options.port ?? 8083);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A refusal by the protocol, before any operation. */
class ProtocolError extends Error {
  constructor(
    name: 'AccessDeniedException' | 'SerializationException' | 'UnknownOperationException' | 'ValidationException',
    message: string,
  ) {
    super(message);
    this.name = name;
  }
}

async function handle(request: IncomingMessage, { engine }: EndpointOptions): Promise<unknown> {
  const text = await readBody(request);
  if (!OWN_NAME.test(request.headers.host ?? ''))
    throw new ProtocolError('AccessDeniedException', 'The host is not an address of this machine; use http://127.0.0.1 and the port');
  const header = request.headers['x-amz-target'];
  const name = TARGET.exec(typeof header === 'string' ? header : '')?.[1];
  const run = request.method === 'POST' && name !== undefined ? OPERATIONS.get(name) : undefined;
  if (!run)
    throw new ProtocolError(
      'UnknownOperationException',
      name === undefined ? 'The request names no operation' : `The operation ${name} is not supported by this endpoint`,
    );
  return run(engine, parseBody(text));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // The rest is read and dropped, so that the answer can be sent.
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (bytes > MAX_BODY_BYTES) throw new ProtocolError('ValidationException', `The request body is larger than ${MAX_BODY_BYTES} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(text: string): unknown {
  let body: unknown;
  try {
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    throw new ProtocolError('SerializationException', 'The request body is not valid JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ProtocolError('SerializationException', 'The request body must be a JSON object');
  return body;
}

function refuse(response: ServerResponse, error: unknown, id: string, onError?: (error: unknown) => void): void {
  if (error instanceof ServiceError || error instanceof ProtocolError)
    return send(response, 400, { __type: error.name, message: error.message }, id, error.name);
  if (error instanceof ZodError) {
    const message = error.issues
      .map((issue) => `Value at '${issue.path.join('.')}' failed to satisfy constraint: ${issue.message}`)
      .join('; ');
    return send(
      response,
      400,
      { __type: 'ValidationException', message: `${error.issues.length} validation error(s) detected: ${message}` },
      id,
      'ValidationException',
    );
  }
  onError?.(error);
  send(response, 500, { __type: 'InternalFailure', message: 'The endpoint could not answer' }, id, 'InternalFailure');
}

function send(response: ServerResponse, status: number, body: unknown, id: string, errorType?: string): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': bytes.length,
    'x-amzn-requestid': id,
    ...(errorType === undefined ? {} : { 'x-amzn-errortype': errorType }),
  });
  response.end(bytes);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
