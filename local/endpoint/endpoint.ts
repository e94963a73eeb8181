// The Step Functions wire API (AWS JSON 1.0) on a local port.
//
// Owns: HTTP, body limits, error names. Does not own: what an operation does (`operations.ts`, the engine).
// Signatures are not checked: the endpoint is for this machine.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ZodError } from 'zod';
import { type Engine, ServiceError } from '../engine/index.ts';
import { OPERATIONS } from './operations.ts';

/** AWS: 1 MB per request; a definition of 1 MB grows when it is put into JSON. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const TARGET = /^AWSStepFunctions\.(\w+)$/;

export interface EndpointOptions {
  engine: Engine;
  /** Default 127.0.0.1. */
  host?: string;
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
  const host = options.host ?? '127.0.0.1';
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
  await listen(server, host, options.port ?? 8083);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A refusal by the protocol, before any operation. */
class ProtocolError extends Error {
  constructor(name: 'SerializationException' | 'UnknownOperationException' | 'ValidationException', message: string) {
    super(message);
    this.name = name;
  }
}

async function handle(request: IncomingMessage, { engine }: EndpointOptions): Promise<unknown> {
  const text = await readBody(request);
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

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
