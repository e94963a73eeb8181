// The service that outlives the process: answers after a moment, refuses `/refused`, and writes every request down.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hash } from '../property/outcomes.ts';

export interface ServedRequest {
  key: string;
  path: string;
  body: string;
  /** How many times the process had been killed when it came. */
  kills: number;
}

export interface MockService {
  url: string;
  /** In the order in which they came. */
  requests: ServedRequest[];
  /** To be counted up at every kill. */
  kills: number;
  close(): Promise<void>;
}

/** Starts it on a free loopback port. */
export async function startMockService(): Promise<MockService> {
  const requests: ServedRequest[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const key = String(request.headers['idempotency-key']);
      const path = request.url ?? '';
      requests.push({ key, path, body, kills: service.kills });
      const refused = path === '/refused';
      setTimeout(
        () => {
          response.writeHead(refused ? 422 : 200, { 'content-type': 'application/json' });
          response.end(JSON.stringify(refused ? { error: 'no' } : { made: key }));
        },
        5 + (hash(key) % 60),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const service: MockService = {
    url: `http://127.0.0.1:${port}`,
    requests,
    kills: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return service;
}
