// Servers on loopback and requests to them, for the tests of calls.

import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net';
import type { Caller, CallOutcome, CallRequest } from '../../shared/calls/index.ts';
import { type CallerOptions, createCaller, createEnvironment } from '../../shared/calls/index.ts';
import { systemClock } from '../../shared/clock.ts';
import type { ServiceConfig } from '../../shared/protocol/step-message.ts';

export const RUN_ID = 'run_01J00000000000000000000000';

const open: (() => Promise<void>)[] = [];

/** Closes everything that a test opened. To be called after each test. */
export async function closeAll(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

/** Something to close after the test. */
export function onClose(close: () => Promise<void>): void {
  open.push(close);
}

/** A caller with a local environment; closed after the test. */
export function newCaller(variables: Record<string, string> = {}, options: Partial<CallerOptions> = {}): Caller {
  const caller = createCaller({
    environment: createEnvironment({ kind: 'local', variables }),
    egress: { allowPrivate: true },
    clock: systemClock,
    ...options,
  });
  onClose(() => caller.close());
  return caller;
}

/** An HTTP server; answers its port. */
export async function httpServer(listener: RequestListener): Promise<number> {
  return listen(createHttpServer(listener));
}

/** A TCP server that does as it likes with each connection; answers its port. */
export async function rawServer(onConnection: (socket: Socket) => void): Promise<number> {
  return listen(
    createNetServer((socket) => {
      socket.on('error', () => undefined);
      onConnection(socket);
    }),
  );
}

/** Listens on loopback; the server and its connections are closed after the test. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onClose(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return portOf(server);
}

export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address.port;
}

/** A port that nothing listens on. */
export async function deadPort(): Promise<number> {
  const server = createNetServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

export function http(port: number, more: Partial<ServiceConfig> = {}): ServiceConfig {
  return { name: 'shop', type: 'http', endpoint: [`http://127.0.0.1:${port}`], ...more };
}

export function request(service: ServiceConfig, more: Partial<CallRequest> = {}): CallRequest {
  return {
    service,
    ...(service.type === 'http' ? { verb: 'POST', method: ['/orders'] } : {}),
    idempotencyKey: `${RUN_ID}/0001`,
    runId: RUN_ID,
    stepId: 'order',
    attempt: 0,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    timeoutMs: 5_000,
    ...more,
  };
}

/** Reads a request's body. */
export async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

export function json(response: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** The outcome without its words. */
export function brief(outcome: CallOutcome): unknown {
  return outcome.outcome === 'done' ? { outcome: 'done', value: outcome.value } : { outcome: outcome.outcome, error: outcome.error };
}
