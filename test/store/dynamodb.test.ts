import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { createDynamoStore } from '../../shared/store/dynamodb/index.ts';
import { storeContract } from './contract.ts';
import { type DynaliteServer, startDynalite } from './dynalite-server.ts';

let server: DynaliteServer;
beforeAll(async () => {
  server = await startDynalite();
});
afterAll(() => server.close());

storeContract('dynamodb over the wire', () => server.store());

describe('dynamodb store', () => {
  it('writes the time of expiry where the table looks for it, and keeps it on a change that names none', async () => {
    const store = server.store();
    const key = { pk: 'ttl', sk: 'a' };
    await store.put(key, { ttl: 'mine' }, undefined, 4_102_444_800);
    await store.update(key, { set: { n: 1 } });

    const { Item } = await server.client.send(new GetItemCommand({ TableName: server.table, Key: { pk: { S: 'ttl' }, sk: { S: 'a' } } }));

    expect(Item?.['ttl']).toEqual({ N: '4102444800' });
    expect(await store.read([key])).toEqual([{ ttl: 'mine', n: 1 }]);
  });

  it('reads on past the 1 MB that one answer holds', async () => {
    const store = server.store();
    const text = 'x'.repeat(200_000);
    for (let n = 0; n < 12; n++) await store.put({ pk: 'large', sk: String(n).padStart(2, '0') }, { text, n });

    const items = await store.list('large');
    const some = await store.list('large', { limit: 8, reverse: true });

    expect(items.map(({ body }) => body['n'])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(some.map(({ body }) => body['n'])).toEqual([11, 10, 9, 8, 7, 6, 5, 4]);
  });

  it('asks again for the keys that a throttled table left out', async () => {
    const store = server.store();
    const keys = [0, 1, 2].map((n) => ({ pk: 'throttled', sk: String(n) }));
    for (const [n, key] of keys.entries()) await store.put(key, { n });
    let sent = 0;
    const stingy = Object.create(server.client) as DynamoDBClient;
    stingy.send = (async (command: { input: { RequestItems: { [table: string]: { Keys: unknown[] } } } }) => {
      sent++;
      const { Keys } = command.input.RequestItems[server.table] ?? { Keys: [] };
      const [first, ...rest] = Keys;
      command.input.RequestItems = { [server.table]: { ...command.input.RequestItems[server.table], Keys: [first] } };
      const answer = await server.client.send(command as never);
      return { ...(answer as object), UnprocessedKeys: rest.length > 0 ? { [server.table]: { Keys: rest } } : {} };
    }) as never;

    const read = await createDynamoStore({ client: stingy, table: server.table, clock: systemClock }).read(keys);

    expect(read).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
    expect(sent).toBe(3);
  });

  it('throws what is no failed condition', async () => {
    const store = createDynamoStore({ client: server.client, table: 'no-such-table', clock: systemClock });

    await expect(store.put({ pk: 'a', sk: 'a' }, {}, { absent: true })).rejects.toThrow('not found');
  });
});

describe('a conditional write whose answer was lost on the way', () => {
  /** A client whose next answer is lost after DynamoDB has done what it was asked. */
  function losing(): { client: DynamoDBClient; lose(): void } {
    const client = new DynamoDBClient({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    let lost = false;
    client.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        if (lost) {
          lost = false;
          throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET', name: 'TimeoutError' });
        }
        return answer;
      },
      { step: 'finalizeRequest', priority: 'low', name: 'losing' },
    );
    return { client, lose: () => void (lost = true) };
  }

  it('was made, says the next try, where the item is what was to be written', async () => {
    const { client, lose } = losing();
    const store = createDynamoStore({ client, table: server.table, clock: systemClock });
    const key = { pk: 'lost', sk: 'a' };

    lose();
    expect(await store.put(key, { owner: 'me', list: [1, { a: null }] }, { absent: true })).toBe(true);
    expect(await store.put(key, { owner: 'me', list: [1, { a: null }] }, { absent: true })).toBe(false);
    lose();
    expect(await store.put(key, { owner: 'other' }, { absent: true })).toBe(false);
    client.destroy();
  });
});
