// The floor: the same calls with nothing around them. Not durable, nothing recorded, nothing survives.

import type { BenchContext, Contestant, Shape } from '../contestant.ts';
import { type MockClient, mockClient } from './mock-client.ts';

/** Makes the contestant that only calls. */
export function bare({ mockUrl }: BenchContext): Contestant {
  let client: MockClient | undefined;
  return {
    name: 'bare calls',
    setup: 'undici, no durability',
    async start() {
      client = mockClient(mockUrl);
    },
    async run(shape) {
      if (client === undefined) throw new Error('bare: run before start');
      await RUN[shape](client);
    },
    async close() {
      await client?.close();
    },
  };
}

const RUN: { [shape in Shape]: (client: MockClient) => Promise<void> } = {
  async sequence(client) {
    for (let step = 1; step <= 5; step++) await call(client, `/call/${step}`);
  },
  async parallel(client) {
    await Promise.all([1, 2, 3, 4].map((step) => call(client, `/call/${step}`)));
    await call(client, '/call/5');
  },
  async saga(client) {
    const done: number[] = [];
    for (let step = 1; step <= 3; step++) {
      await call(client, `/call/${step}`);
      done.push(step);
    }
    const { status } = await client.post('/refuse');
    if (status !== 422) throw new Error(`bare: the last call of the saga must be refused, found ${status}`);
    for (const step of done.reverse()) await call(client, `/undo/${step}`);
  },
};

async function call(client: MockClient, path: string): Promise<void> {
  const { status } = await client.post(path);
  if (status !== 200) throw new Error(`bare: ${path} answered ${status}, expected 200`);
}
