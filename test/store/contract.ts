// What every `Store` must do, run on each adapter.

import { describe, expect, it } from 'vitest';
import type { Store } from '../../shared/store/index.ts';

/** Declares the suite; `open` gives an empty store, or a fresh view on the same one when it is called again within a test. */
export function storeContract(name: string, open: () => Promise<Store> | Store): void {
  let tests = 0;
  const partition = () => `P${tests++}`;

  describe(`${name}: the store contract`, () => {
    it('reads items in the order asked, undefined where there is none', async () => {
      const store = await open();
      const pk = partition();
      await store.put({ pk, sk: 'a' }, { n: 1 });
      await store.put({ pk, sk: 'b' }, { n: 2 });

      expect(
        await store.read([
          { pk, sk: 'b' },
          { pk, sk: 'x' },
          { pk, sk: 'a' },
        ]),
      ).toEqual([{ n: 2 }, undefined, { n: 1 }]);
      expect(await store.read([{ pk, sk: 'a' }])).toEqual([{ n: 1 }]);
      expect(await store.read([])).toEqual([]);
    });

    it('reads the same key twice in one request', async () => {
      const store = await open();
      const pk = partition();
      await store.put({ pk, sk: 'a' }, { n: 1 });

      expect(
        await store.read([
          { pk, sk: 'a' },
          { pk, sk: 'a' },
        ]),
      ).toEqual([{ n: 1 }, { n: 1 }]);
    });

    it('keeps any JSON value as it was', async () => {
      const store = await open();
      const pk = partition();
      const deep = JSON.parse(`${'['.repeat(60)}1${']'.repeat(60)}`);
      const body = {
        text: 'ü€😀\u2028"\\',
        empty: '',
        zero: 0,
        tiny: 5e-324,
        huge: 1.7976931348623157e308,
        exact: 9007199254740991,
        half: 0.1,
        no: false,
        nothing: null,
        list: [],
        object: {},
        nested: { a: [{ b: null }, [], ''], 'a.b': 1, '': 2 },
        deep,
        pk: 'mine',
        sk: 'mine',
        ttl: 'mine',
        'odd name #:é': 1,
      };
      await store.put({ pk, sk: 'a' }, body);

      const fresh = await open();
      expect(await fresh.read([{ pk, sk: 'a' }])).toEqual([body]);
      expect((await fresh.list(pk))[0]?.body).toEqual(body);
    });

    it('replaces the whole item on put', async () => {
      const store = await open();
      const pk = partition();
      await store.put({ pk, sk: 'a' }, { old: 1 });
      await store.put({ pk, sk: 'a' }, { fresh: 1 });

      expect(await store.read([{ pk, sk: 'a' }])).toEqual([{ fresh: 1 }]);
    });

    it('puts under a condition, or says false and changes nothing', async () => {
      const store = await open();
      const pk = partition();
      const key = { pk, sk: 'a' };

      expect(await store.put(key, { n: 0 }, { present: true })).toBe(false);
      expect(await store.put(key, { n: 1, owner: 'me', free: null }, { absent: true })).toBe(true);
      expect(await store.put(key, { n: 2 }, { absent: true })).toBe(false);
      expect(await store.put(key, { n: 3 }, { equals: { owner: 'you' } })).toBe(false);
      expect(await store.put(key, { n: 3 }, { equals: { owner: null } })).toBe(false);
      expect(await store.put(key, { n: 3 }, { oneOf: { owner: ['you', 'her'] } })).toBe(false);
      expect(await store.put(key, { n: 3 }, { oneOf: { n: [] } })).toBe(false);
      expect(await store.put(key, { n: 3 }, { atLeast: { n: 2 } })).toBe(false);
      expect(await store.read([key])).toEqual([{ n: 1, owner: 'me', free: null }]);
      expect(
        await store.put(
          key,
          { n: 4 },
          { present: true, equals: { owner: 'me', free: null, gone: null, n: 1 }, oneOf: { owner: ['you', 'me'] }, atLeast: { n: 1 } },
        ),
      ).toBe(true);
      expect(await store.read([key])).toEqual([{ n: 4 }]);
    });

    it('takes a missing item as one without fields', async () => {
      const store = await open();
      const pk = partition();

      expect(await store.put({ pk, sk: 'a' }, { n: 1 }, { equals: { state: null } })).toBe(true);
      expect(await store.put({ pk, sk: 'b' }, { n: 1 }, { equals: { state: 'x' } })).toBe(false);
      expect(await store.put({ pk, sk: 'b' }, { n: 1 }, { atLeast: { n: 0 } })).toBe(false);
      expect(await store.update({ pk, sk: 'c' }, { add: { n: 2 } }, { absent: true })).toEqual({ n: 2 });
    });

    it('changes fields and answers the item after the change', async () => {
      const store = await open();
      const pk = partition();
      const key = { pk, sk: 'a' };
      await store.put(key, { a: 1, b: 'x', c: { d: 1 }, e: [1] });

      expect(await store.update(key, { set: { b: 'y', f: { g: [2] }, h: null }, add: { a: 2, n: -1 }, remove: ['c', 'zzz'] })).toEqual({
        a: 3,
        b: 'y',
        e: [1],
        f: { g: [2] },
        h: null,
        n: -1,
      });
      expect(await store.update(key, { add: { a: 1 } }, { atLeast: { a: 4 } })).toBeUndefined();
      expect(await store.update(key, { set: { z: 1 } }, { absent: true })).toBeUndefined();
      expect((await (await open()).read([key]))[0]).toEqual({ a: 3, b: 'y', e: [1], f: { g: [2] }, h: null, n: -1 });
    });

    it('counts every addition of many at once, and gives a permit to exactly as many as there are', async () => {
      const store = await open();
      const pk = partition();
      const key = { pk, sk: 'a' };
      await store.put(key, { n: 0, permits: 3 });

      await Promise.all(Array.from({ length: 40 }, () => store.update(key, { add: { n: 1 } })));
      const permits = await Promise.all(
        Array.from({ length: 40 }, () => store.update(key, { add: { permits: -1 } }, { atLeast: { permits: 1 } })),
      );

      expect(permits.filter(Boolean)).toHaveLength(3);
      expect(await store.read([key])).toEqual([{ n: 40, permits: 0 }]);
    });

    it('lets exactly one of many create an item', async () => {
      const store = await open();
      const pk = partition();

      const made = await Promise.all(Array.from({ length: 30 }, (_, n) => store.put({ pk, sk: 'a' }, { n }, { absent: true })));

      expect(made.filter(Boolean)).toHaveLength(1);
      expect(await store.read([{ pk, sk: 'a' }])).toEqual([{ n: made.indexOf(true) }]);
    });

    it('deletes, under a condition too', async () => {
      const store = await open();
      const pk = partition();
      const key = { pk, sk: 'a' };
      await store.put(key, { n: 1 });

      expect(await store.delete(key, { equals: { n: 2 } })).toBe(false);
      expect(await store.delete(key, { present: true })).toBe(true);
      expect(await store.delete(key, { present: true })).toBe(false);
      expect(await store.delete(key)).toBe(true);
      expect(await store.read([key])).toEqual([undefined]);
      expect(await store.list(pk)).toEqual([]);
    });

    it('lists a partition in byte order, from both ends, in pages', async () => {
      const store = await open();
      const pk = partition();
      const sks = ['A#1', 'A#10', 'A#2', 'A#é', 'A#\uFFFD', 'A#😀', 'B#1', 'B'];
      for (const sk of sks) await store.put({ pk, sk }, { sk });
      const listed = async (options: Parameters<Store['list']>[1]) => (await store.list(pk, options)).map((item) => item.sk);
      const inOrder = ['A#1', 'A#10', 'A#2', 'A#é', 'A#\uFFFD', 'A#😀', 'B', 'B#1'];

      expect(await listed({})).toEqual(inOrder);
      expect(await listed({ reverse: true })).toEqual(inOrder.toReversed());
      expect(await listed({ prefix: 'A#' })).toEqual(inOrder.slice(0, 6));
      expect(await listed({ prefix: 'A#', reverse: true, limit: 2 })).toEqual(['A#😀', 'A#\uFFFD']);
      expect(await listed({ prefix: 'A#', after: 'A#10', limit: 2 })).toEqual(['A#2', 'A#é']);
      expect(await listed({ prefix: 'A#', after: 'A#2', reverse: true })).toEqual(['A#10', 'A#1']);
      expect(await listed({ after: 'A#3' })).toEqual(inOrder.slice(3));
      expect(await listed({ prefix: 'B', after: 'A' })).toEqual(['B', 'B#1']);
      expect(await listed({ prefix: 'A', after: 'B' })).toEqual([]);
      expect(await listed({ prefix: 'A', after: 'C', reverse: true, limit: 1 })).toEqual(['A#😀']);
      expect(await listed({ prefix: 'B', after: 'A', reverse: true })).toEqual([]);
      expect(await store.list(pk, { limit: 1 })).toEqual([{ pk, sk: 'A#1', body: { sk: 'A#1' } }]);
    });

    it('sees its own writes at once, everywhere', async () => {
      const store = await open();
      const pk = partition();
      for (let n = 0; n < 5; n++) {
        await store.put({ pk, sk: `${n}` }, { n });
        expect(
          await store.read([
            { pk, sk: `${n}` },
            { pk, sk: `${n + 1}` },
          ]),
        ).toEqual([{ n }, undefined]);
        expect(await store.list(pk)).toHaveLength(n + 1);
      }
      await store.durable();
    });

    it('accepts a time of expiry on put and on update', async () => {
      const store = await open();
      const pk = partition();

      expect(await store.put({ pk, sk: 'a' }, { n: 1 }, undefined, 4_102_444_800)).toBe(true);
      expect(await store.update({ pk, sk: 'a' }, { set: { n: 2 }, expiresAt: 4_102_444_801 })).toEqual({ n: 2 });
      expect(await (await open()).read([{ pk, sk: 'a' }])).toEqual([{ n: 2 }]);
    });

    it('reads a hundred items in one request', async () => {
      const store = await open();
      const pk = partition();
      const keys = Array.from({ length: 100 }, (_, n) => ({ pk, sk: String(n) }));
      for (const [n, key] of keys.entries()) await store.put(key, { n });

      expect(await store.read(keys)).toEqual(keys.map((_, n) => ({ n })));
    });
  });
}
