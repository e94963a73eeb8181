import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Keys } from '../../shared/keys/index.ts';
import { keysWorld } from './support.ts';

const MINUTE = 60_000;

async function admitted(keys: Keys, count: number, limit: number): Promise<number> {
  let passed = 0;
  for (let n = 0; n < count; n++) if ((await keys.take('key_1', limit)) === 0) passed++;
  return passed;
}

describe('the rate limit of a key', () => {
  it('lets through as many as it says in a minute, and tells how long to wait', async () => {
    const { keys, clock } = keysWorld();
    clock.set(Math.ceil(clock.now() / MINUTE) * MINUTE + 12_345);

    expect(await admitted(keys, 500, 100)).toBe(100);
    expect(await keys.take('key_1', 100)).toBe(48);
    expect(await keys.take('key_2', 100)).toBe(0);
    clock.set(clock.now() + 47_654);
    expect(await keys.take('key_1', 100)).toBe(1);
    clock.set(clock.now() + 1);
    expect(await admitted(keys, 500, 100)).toBe(100);
  });

  it('is none where there is none', async () => {
    const { keys, store } = keysWorld();
    store.update = () => Promise.reject(new Error('asked'));

    expect(await keys.take('key_1', null)).toBe(0);
  });

  it('costs few writes, and none when it is used up', async () => {
    const { keys, store } = keysWorld();
    let writes = 0;
    const { update } = store;
    store.update = (...given) => {
      writes++;
      return update(...given);
    };
    await admitted(keys, 10_000, 5_000);

    expect(writes).toBeLessThan(16);
  });

  it('is shared by processes: never exceeded, and never refused before half of it was used', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.nat(7), { minLength: 1, maxLength: 1_200 }),
        fc.boolean(),
        async (limit, order, together) => {
          const { another } = keysWorld();
          const processes = Array.from({ length: 8 }, () => another());
          const take = async (which: number): Promise<boolean> => (await (processes[which] ?? another()).take('key_1', limit)) === 0;
          const passed: boolean[] = [];
          if (together) passed.push(...(await Promise.all(order.map(take))));
          else for (const which of order) passed.push(await take(which));

          const count = passed.filter(Boolean).length;
          expect(count).toBeLessThanOrEqual(limit);
          expect(count).toBeGreaterThanOrEqual(Math.min(order.length, Math.ceil(limit / 2)));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is used to the last by one process, also when all ask at once', async () => {
    const { keys } = keysWorld();
    const waits = await Promise.all(Array.from({ length: 1_000 }, () => keys.take('key_1', 250)));

    expect(waits.filter((wait) => wait === 0)).toHaveLength(250);
  });

  it('goes on when the store could not be asked once', async () => {
    const { keys, store } = keysWorld();
    const { update } = store;
    store.update = () => {
      store.update = update;
      return Promise.reject(new Error('throttled'));
    };

    await expect(keys.take('key_1', 2)).rejects.toThrow('throttled');
    expect(await admitted(keys, 5, 2)).toBe(2);
  });

  it('has counters that expire', async () => {
    const { keys, store, clock } = keysWorld();
    const expiries: (number | undefined)[] = [];
    const { update } = store;
    store.update = (key, change, condition) => {
      expiries.push(change.expiresAt);
      return update(key, change, condition);
    };
    await keys.take('key_1', 2);

    expect(expiries).toHaveLength(1);
    expect(expiries[0]).toBeGreaterThan(clock.now() / 1_000 + 60);
    expect(expiries[0]).toBeLessThan(clock.now() / 1_000 + 3_600);
  });
});
