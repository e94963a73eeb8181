// How contestants without an HTTP client of their own call the mock service.

import { Pool } from 'undici';

/** Connections to the mock service. The same for everybody; more brought nothing on 2 cores. */
const MOCK_CONNECTIONS = 64;

/** The body of every call: about what a small step sends. */
const BODY = JSON.stringify({ order_id: 'A-1001', amount_cents: 11_400, currency: 'EUR' });

export interface MockClient {
  /** POSTs and gives the status and the JSON of the answer. */
  post(path: string): Promise<{ status: number; value: unknown }>;
  close(): Promise<void>;
}

/** A pooled client, keep-alive, no pipelining. */
export function mockClient(url: string): MockClient {
  const pool = new Pool(url, { connections: MOCK_CONNECTIONS });
  return {
    async post(path) {
      const answer = await pool.request({ path, method: 'POST', headers: { 'content-type': 'application/json' }, body: BODY });
      return { status: answer.statusCode, value: await answer.body.json() };
    },
    close: () => pool.close(),
  };
}
