// The demo services as one object: two ports, one world, one set of levers.

import type { Server } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { createDispatcher, type DemoControl, type LogEntry } from './dispatcher.ts';
import { loadEnvelope } from './envelope.ts';
import { bindGrpc, createGrpcServer } from './grpc-server.ts';
import { createHttpServer, type Wait } from './http-server.ts';
import { operationTable } from './operation.ts';
import { allOperations } from './operations/index.ts';

/** Where the example workflows expect the HTTP services. */
export const DEFAULT_HTTP_PORT = 4710;
/** Where the example workflows expect the gRPC services. */
export const DEFAULT_GRPC_PORT = 4711;

export interface DemoServicesOptions {
  /** Default 4710; 0 takes a free one. */
  httpPort?: number;
  /** Default 4711; 0 takes a free one. */
  grpcPort?: number;
  /** Told about every call, as it is handled. */
  log?: (entry: LogEntry) => void;
  /** How a delayed answer waits; for tests. */
  wait?: Wait;
}

export interface DemoServices {
  /** `http://127.0.0.1:4710` */
  url: string;
  /** `127.0.0.1:4711` */
  grpcAddress: string;
  control: DemoControl;
  /** Stops both servers and breaks off what is still open. */
  close(): Promise<void>;
}

/**
 * Starts every service of the examples in this process, on loopback.
 * Throws when a port is taken.
 */
export async function startDemoServices(options: DemoServicesOptions = {}): Promise<DemoServices> {
  const table = operationTable(allOperations);
  const dispatcher = createDispatcher(options.log ?? (() => {}));
  const patience = options.wait ?? wait;
  const http = createHttpServer(table, dispatcher, patience);
  const grpc = createGrpcServer(loadEnvelope(), table, dispatcher, patience);
  const httpPort = await listen(http, options.httpPort ?? DEFAULT_HTTP_PORT);
  const grpcPort = await bindGrpc(grpc, options.grpcPort ?? DEFAULT_GRPC_PORT).catch(async (error: unknown) => {
    await closeHttp(http);
    throw error;
  });
  return {
    url: `http://127.0.0.1:${httpPort}`,
    grpcAddress: `127.0.0.1:${grpcPort}`,
    control: { misbehave: dispatcher.misbehave, log: dispatcher.log, state: dispatcher.state, reset: dispatcher.reset },
    async close() {
      grpc.forceShutdown();
      await closeHttp(http);
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('the HTTP server has no port'));
      else resolve(address.port);
    });
  });
}

function closeHttp(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
