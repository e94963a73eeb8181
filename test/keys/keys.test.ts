import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyIdSchema, keySchema, newKeySchema } from '../../shared/contract/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { type DynaliteServer, startDynalite } from '../store/dynalite-server.ts';
import { keysWorld, REQUEST, TENANT } from './support.ts';

const DAY = 86_400_000;

describe('a key', () => {
  it('is what it was made as, until it is revoked or expires', async () => {
    const { keys, clock } = keysWorld({ defaultRateLimit: 60 });
    const made = await keys.create({ ...REQUEST, expiresAtMs: clock.now() + DAY });

    expect(newKeySchema.parse(made)).toEqual(made);
    expect(made.key).toMatch(/^mk_[0-9a-f]{16}[A-Za-z0-9_-]{43}$/);
    expect(keyIdSchema.parse(made.id)).toBe(made.id);
    expect(await keys.check(made.key)).toEqual({ ok: true, keyId: made.id, tenant: TENANT, scopes: ['run', 'read'], rateLimit: 60 });

    clock.set(clock.now() + DAY);
    expect(await keys.check(made.key)).toEqual({ ok: false, reason: 'expired' });
    expect(await keys.revoke(TENANT, made.id)).toBe(true);
    expect(await keys.check(made.key)).toEqual({ ok: false, reason: 'revoked' });
  });

  it('has its own limit, none, or the default one', async () => {
    const { keys } = keysWorld({ defaultRateLimit: 60 });

    expect(await keys.create(REQUEST)).toMatchObject({ rate_limit: 60 });
    expect(await keys.create({ ...REQUEST, rateLimit: null })).toMatchObject({ rate_limit: null });
    expect(await keys.create({ ...REQUEST, rateLimit: 5 })).toMatchObject({ rate_limit: 5 });
  });

  it('is listed for its tenant only, by time, without its text, also when it was revoked', async () => {
    const { keys, clock } = keysWorld();
    const texts: string[] = [];
    for (let n = 0; n < 205; n++) {
      clock.set(clock.now() + 1);
      texts.push((await keys.create({ ...REQUEST, name: `key ${n}` })).key);
    }
    await keys.create({ ...REQUEST, tenant: 'other' });
    const [first] = await keys.list(TENANT);
    await keys.revoke(TENANT, first?.id ?? '');

    const listed = await keys.list(TENANT);
    expect(listed.map(({ name }) => name)).toEqual(texts.map((_, n) => `key ${n}`));
    expect(listed[0]?.revoked_at).not.toBeNull();
    for (const key of listed) expect(keySchema.strict().parse(key)).toEqual(key);
    expect(await keys.list('other')).toHaveLength(1);
    expect(await keys.list('nobody')).toEqual([]);
  });

  it('is revoked by its own tenant only, once', async () => {
    const { keys, clock } = keysWorld();
    const { id, key } = await keys.create(REQUEST);

    expect(await keys.revoke('other', id)).toBe(false);
    expect(await keys.revoke(TENANT, 'none')).toBe(false);
    expect(await keys.check(key)).toMatchObject({ ok: true });
    expect(await keys.revoke(TENANT, id)).toBe(true);
    const [{ revoked_at: at } = { revoked_at: null }] = await keys.list(TENANT);
    clock.set(clock.now() + DAY);
    expect(await keys.revoke(TENANT, id)).toBe(true);
    expect(await keys.list(TENANT)).toMatchObject([{ revoked_at: at }]);
  });

  it('is in the store by its hash only', async () => {
    const { keys, store } = keysWorld();
    const written: string[] = [];
    const { put, update } = store;
    store.put = (...given) => {
      written.push(JSON.stringify(given));
      return put(...given);
    };
    store.update = (...given) => {
      written.push(JSON.stringify(given));
      return update(...given);
    };
    const { key, id } = await keys.create(REQUEST);
    await keys.check(key);
    await keys.take(id, 3);
    await keys.revoke(TENANT, id);

    expect(written.length).toBeGreaterThanOrEqual(4);
    const secret = key.slice('mk_'.length + id.length);
    for (const text of written) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret, 'base64url').toString('hex'));
    }
  });
});

describe('on DynamoDB', () => {
  let server: DynaliteServer;
  beforeAll(async () => {
    server = await startDynalite();
  });
  afterAll(() => server.close());

  it('a key is made, checked, listed, limited and revoked', async () => {
    const { keys } = keysWorld({ store: server.store() });
    const { id, key } = await keys.create({ ...REQUEST, rateLimit: 2 });

    expect(await keys.check(key)).toMatchObject({ ok: true, rateLimit: 2 });
    expect([await keys.take(id, 2), await keys.take(id, 2), (await keys.take(id, 2)) > 0]).toEqual([0, 0, true]);
    expect(await keys.list(TENANT)).toMatchObject([{ id, revoked_at: null }]);
    expect(await keys.revoke(TENANT, id)).toBe(true);
    expect(await keys.revoke('other', id)).toBe(false);
    expect(await keys.check(key)).toEqual({ ok: false, reason: 'revoked' });
  });
});

describe('a text that is no key', () => {
  it('is unknown, whatever it is', async () => {
    const { keys } = keysWorld();
    const { key, id } = await keys.create(REQUEST);
    const near = fc.nat(key.length - 1).chain((at) =>
      fc.oneof(
        fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }).map((char) => key.slice(0, at) + char + key.slice(at + 1)),
        fc.constant(key.slice(0, at)),
        fc.string({ minLength: 1 }).map((more) => key.slice(0, at) + more + key.slice(at)),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), near, fc.constantFrom(id, `mk_${id}`, `mk_${'0'.repeat(59)}`)),
        async (text) => {
          fc.pre(text !== key);
          expect(await keys.check(text)).toEqual({ ok: false, reason: 'unknown' });
        },
      ),
      { numRuns: 500 },
    );
  });

  it('tells nothing of a key that is revoked or expired', async () => {
    const { keys, clock } = keysWorld();
    const revoked = await keys.create(REQUEST);
    const expired = await keys.create({ ...REQUEST, expiresAtMs: clock.now() });
    await keys.revoke(TENANT, revoked.id);

    for (const { id } of [revoked, expired])
      expect(await keys.check(`mk_${id}${'A'.repeat(43)}`)).toEqual({ ok: false, reason: 'unknown' });
  });

  it('that is too long for a key costs no more', async () => {
    expect(await keysWorld().keys.check(`mk_${'a'.repeat(1_000_000)}`)).toEqual({ ok: false, reason: 'unknown' });
  });
});

describe('a check', () => {
  it('asks the store the same, whatever the text is', async () => {
    const world = keysWorld();
    const { clock, keys } = world;
    const good = await keys.create(REQUEST);
    const revoked = await keys.create(REQUEST);
    const expired = await keys.create({ ...REQUEST, expiresAtMs: clock.now() });
    await keys.revoke(TENANT, revoked.id);
    const asked: string[] = [];
    const tell =
      <Given extends unknown[], Result>(name: string, operation: (...given: Given) => Result) =>
      (...given: Given): Result => {
        asked.push(`${name} ${JSON.stringify(given).length}`);
        return operation(...given);
      };
    const { read, list, put, update } = world.store;
    const watched: Store = {
      ...world.store,
      read: tell('read', read),
      list: tell('list', list),
      put: tell('put', put),
      update: tell('update', update),
    };
    const texts = [good.key, revoked.key, expired.key, `${good.key.slice(0, -1)}_`, `mk_${'f'.repeat(59)}`, 'mk_', '', 'Bearer'];
    const work: string[][] = [];
    for (const text of texts) {
      await world.another(watched).check(text);
      work.push(asked.splice(0));
    }

    expect(work).toEqual(texts.map(() => [`read ${JSON.stringify([[{ pk: 'KEYS#0', sk: good.id }]]).length}`]));
  });
});
