// The HTTP server in front of the API: requests become API Gateway events, answers are written as they come.
//
// Owns: sockets, sizes, time limits, backpressure. Does not own: routes, authentication, the meaning of anything.
//
//   F1. Whatever a client sends, the process goes on: an error ends at most its own connection.
//   F2. A client that goes away aborts its request's signal; one that reads slowly slows only its own stream, and one that does not read at
//       all is gone after a while.
//   F3. `close` takes no new request, and lets those that are under way be answered for as long as it is told.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { type ApiResponse, MAX_BODY_BYTES } from '../../functions/http/index.ts';
import type { Clock } from '../../shared/clock.ts';
import { ERROR_STATUS, type ErrorCode } from '../../shared/contract/index.ts';
import { toProxyEvent } from './proxy-event.ts';
import { readBody } from './read-body.ts';

/** ms for a request's headers, and for all of it. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const TIMEOUT_CHECK_MS = 2_000;
/** ms that a connection without a request is kept: longer than clients keep theirs, so that none is closed in their hands. */
const KEEP_ALIVE_MS = 75_000;
/** ms in which nothing moves on a connection while a request is answered: streams have a beat, nothing else takes so long. */
const IDLE_MS = 60_000;
/** ms in which a client that sends too much can take its answer, before the connection is cut. */
const LINGER_MS = 500;

export interface FrontOptions {
  handle(event: APIGatewayProxyEvent, options: { signal: AbortSignal }): Promise<ApiResponse>;
  host: string;
  /** 0: a free one. */
  port: number;
  clock: Clock;
  /** A new request's id, `req_…`. */
  requestId(): string;
  /** Longest time in which no byte moves while a request is answered, ms; default a minute. */
  idleMs?: number;
  /** Told of what should not have happened. */
  onError(error: unknown): void;
}

export interface Front {
  /** Without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** @param graceMs how long requests that are under way may take; then they are cut */
  close(graceMs: number): Promise<void>;
}

/** Starts the server. @throws Error of node:net (`EADDRINUSE` …) when it cannot listen there */
export async function startFront(options: FrontOptions): Promise<Front> {
  const { host, port, clock } = options;
  let closing = false;
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Node's own refusal has no body.
      requireHostHeader: false,
    },
    take,
  );

  function take(request: IncomingMessage, response: ServerResponse): void {
    const requestId = options.requestId();
    if (request.headers.host === undefined && request.httpVersion !== '1.0')
      return refuse(response, 'bad_request', 'header host: it is missing; expected it once', requestId);
    // While closing, a connection has no further use once it is answered.
    response.on('close', () => closing && setImmediate(() => server.closeIdleConnections()));
    answer(options, request, response, requestId).catch((error: unknown) => {
      options.onError(error);
      if (response.headersSent) response.destroy();
      else refuse(response, 'internal', 'the request could not be answered; try again', requestId);
    });
  }

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseSocket(socket, error, options.requestId()));
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (Number(request.headers['content-length'] ?? 0) <= MAX_BODY_BYTES) response.writeContinue();
    take(request, response);
  });
  // What else a client may expect is for us to ignore (RFC 9110, section 10.1.1).
  server.on('checkExpectation', take);
  server.setTimeout(options.idleMs ?? IDLE_MS);
  await listen(server, host, port);
  server.on('error', options.onError);
  const address = server.address();
  const taken = typeof address === 'object' && address ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    port: taken,
    close(graceMs) {
      closing = true;
      return new Promise((resolve) => {
        const cut = clock.setTimer(graceMs, () => server.closeAllConnections());
        server.close(() => {
          cut.cancel();
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function answer(options: FrontOptions, request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => response.writableFinished || gone.abort());
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body.kind === 'gone') return;
  if (body.kind === 'too_large') {
    response.setHeader('connection', 'close');
    refuse(
      response,
      'too_large',
      `the body has more than ${MAX_BODY_BYTES} bytes; send less, or pass large values by reference`,
      requestId,
    );
    // What still comes is dropped for a moment: a connection that is cut at once takes the answer with it.
    request.resume();
    options.clock.setTimer(LINGER_MS, () => request.destroy());
    return;
  }
  const event = toProxyEvent(request, body.bytes, requestId, options.clock.now());
  const answered = await options.handle(event, { signal: gone.signal });
  if (typeof answered.body === 'string') {
    const bytes = Buffer.from(answered.body);
    // A length where there is no body would be another answer's (RFC 9110, section 8.6).
    const bodiless = request.method === 'HEAD' || answered.statusCode === 204;
    response.writeHead(answered.statusCode, { ...answered.headers, ...(bodiless ? {} : { 'content-length': bytes.length }) });
    response.end(bytes);
  } else {
    response.writeHead(answered.statusCode, answered.headers);
    response.flushHeaders();
    await stream(answered.body, response, gone.signal);
  }
}

/** Writes the parts as they come. The reader's pace is the writer's: nothing is asked for before there is room for it. */
async function stream(parts: AsyncIterable<string>, response: ServerResponse, gone: AbortSignal): Promise<void> {
  for await (const part of parts) {
    if (gone.aborted) return;
    if (!response.write(part)) await room(response);
  }
  response.end();
}

function room(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

function refuse(response: ServerResponse, code: ErrorCode, message: string, requestId: string): void {
  const body = JSON.stringify({ error: { code, message, request_id: requestId } });
  response.writeHead(ERROR_STATUS[code], { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** A request that is not HTTP, or did not come to its end in time. */
function refuseSocket(socket: Socket, error: NodeJS.ErrnoException, requestId: string): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, message] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'the request took too long to arrive; send it again']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', 'the headers are too large; send fewer or shorter ones']
        : ['400 Bad Request', 'this is not an HTTP/1.1 request'];
  const body = JSON.stringify({ error: { code: 'bad_request', message, request_id: requestId } });
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
