import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receiptSchema } from '../../shared/contract/index.ts';
import { type DynaliteServer, startDynalite } from '../store/dynalite-server.ts';
import { auditWorld, keyOf, receipt, stored, TENANT } from './support.ts';

describe('a receipt', () => {
  it('says who did what when, is numbered in its chain, and follows the one before it', async () => {
    const { audit } = auditWorld();

    const first = await audit.append(receipt(1));
    const second = await audit.append(receipt(1, { subject: { action: 'cancel' } }));

    expect(receiptSchema.parse(first)).toEqual(first);
    expect(first).toMatchObject({
      request_id: 'req_1',
      auth_mode: 'api_key',
      source: { method: 'POST', route: '/api/v2/orchestrate/run' },
      tenant: TENANT,
      created_at: '2026-01-02T03:04:05.678Z',
      seq: 1,
      previous_hash: '',
      subject: { action: 'run' },
    });
    expect(second).toMatchObject({ chain: first.chain, seq: 2, previous_hash: first.hash });
    expect(second.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is in one of 16 chains by its request, and each tenant has its own', async () => {
    const { audit } = auditWorld();
    const receipts = await Promise.all(Array.from({ length: 200 }, (_, n) => audit.append(receipt(n))));

    expect(new Set(receipts.map(({ chain }) => chain))).toEqual(new Set(Array.from({ length: 16 }, (_, chain) => chain)));
    expect(await audit.append(receipt(1, { tenant: 'other' }))).toMatchObject({ seq: 1, previous_hash: '' });
    expect(await audit.verify('other')).toEqual({ ok: true, receipts: 1, chains: 1, problems: [] });
    expect(await audit.verify('nobody')).toEqual({ ok: true, receipts: 0, chains: 0, problems: [] });
  });

  it('never expires', async () => {
    const { store, fill } = auditWorld();
    const expiries: unknown[] = [];
    const { put } = store;
    store.put = (key, body, condition, expiresAt) => {
      expiries.push(expiresAt);
      return put(key, body, condition, expiresAt);
    };
    await fill(3);

    expect(new Set(expiries)).toEqual(new Set([undefined]));
  });
});

describe('the chains on SQLite and DynamoDB', () => {
  let server: DynaliteServer;
  beforeAll(async () => {
    server = await startDynalite();
  });
  afterAll(() => server.close());

  it.each(['sqlite', 'dynamodb'])('%s: what several processes append at the same moment is one valid chain each', async (kind) => {
    const world = auditWorld(kind === 'dynamodb' ? server.store() : undefined);
    const processes = [world.audit, world.another(), world.another()];
    const count = kind === 'dynamodb' ? 120 : 600;

    const receipts = await Promise.all(
      Array.from({ length: count }, (_, n) => (processes[n % processes.length] ?? world.audit).append(receipt(n))),
    );

    expect(new Set(receipts.map(({ chain, seq }) => `${chain}.${seq}`)).size).toBe(count);
    expect(await world.audit.verify(TENANT)).toEqual({ ok: true, receipts: count, chains: 16, problems: [] });
    expect(await world.audit.signHeads()).toBe(16);
    expect(await world.another().verify(TENANT)).toMatchObject({ ok: true });
  });
});

describe('an append that others are quicker than', () => {
  it('takes the next number that is free', async () => {
    const { audit, another } = auditWorld();
    const other = another();
    await audit.append(receipt(1));
    for (let n = 0; n < 5; n++) await other.append(receipt(1));

    expect(await audit.append(receipt(1))).toMatchObject({ seq: 7 });
    expect(await audit.verify(TENANT)).toMatchObject({ ok: true, receipts: 7 });
  });

  it('whose own write was made although its answer was lost goes on after it', async () => {
    const { store, audit } = auditWorld();
    await audit.append(receipt(1));
    const { put } = store;
    store.put = async (...given) => {
      store.put = put;
      await put(...given);
      throw new Error('the connection was lost');
    };

    await expect(audit.append(receipt(1))).rejects.toThrow('the connection was lost');
    expect(await audit.append(receipt(1))).toMatchObject({ seq: 3 });
    expect(await audit.verify(TENANT)).toMatchObject({ ok: true, receipts: 3 });
  });

  it('of one process never meets its own', async () => {
    const { store, audit } = auditWorld();
    let refused = 0;
    const { put } = store;
    store.put = async (...given) => {
      await Promise.resolve();
      const written = await put(...given);
      if (!written && given[0].pk.startsWith('AUDIT#')) refused++;
      return written;
    };
    await Promise.all(Array.from({ length: 100 }, () => audit.append(receipt(1))));

    expect(refused).toBe(0);
    expect(await audit.verify(TENANT)).toMatchObject({ ok: true, receipts: 100, chains: 1 });
  });
});

describe('the list', () => {
  it('gives every receipt once, page after page, with the heads', async () => {
    const { audit, fill } = auditWorld();
    await fill(200);
    await audit.signHeads();

    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined; ; pages++) {
      const page = await audit.list(TENANT, { limit: 37, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.data.map(({ chain, seq }) => `${chain}.${seq}`));
      expect(page.heads).toHaveLength(16);
      if (page.cursor === null) break;
      cursor = page.cursor;
    }

    expect(new Set(seen).size).toBe(200);
    expect(seen).toHaveLength(200);
    expect(pages).toBeGreaterThanOrEqual(5);
  });

  it.each(['', 'x', '16.1', '1', '-1.2', '1.2.3', '1.9999999999999', '1.1 '])('refuses the cursor %j', async (cursor) => {
    await expect(auditWorld().audit.list(TENANT, { cursor })).rejects.toMatchObject({ name: 'ApiError', code: 'invalid' });
  });
});

describe('heads', () => {
  it('are signed for chains that have grown, and for no others', async () => {
    const { audit } = auditWorld();
    await audit.append(receipt(1));
    await audit.append(receipt(2, { tenant: 'other' }));
    expect(await audit.signHeads()).toBe(2);
    expect(await audit.signHeads()).toBe(0);
    const { seq, chain } = await audit.append(receipt(1));
    expect(await audit.signHeads()).toBe(1);

    expect((await audit.list(TENANT, {})).heads).toMatchObject([{ chain, seq, created_at: '2026-01-02T03:04:05.678Z' }]);
  });

  it('are signed by a process that appended nothing', async () => {
    const { fill, another } = auditWorld();
    await fill(200);

    expect(await another().signHeads()).toBe(16);
  });

  it('of more tenants than are read at once are signed too', async () => {
    const { audit } = auditWorld();
    for (let n = 0; n < 230; n++) await audit.append(receipt(1, { tenant: `tenant-${n}` }));

    expect(await audit.signHeads()).toBe(230);
  });

  it('do not confirm an end that was altered or cut off', async () => {
    const { store, audit, another } = auditWorld();
    for (let n = 0; n < 3; n++) await audit.append(receipt(1));
    const [, , last] = await stored(store);
    if (!last) throw new Error('no receipt');

    await store.put(keyOf(last), { ...last.body, tenant: 'other' });
    expect(await another().signHeads()).toBe(0);

    // The process that appended knows better than the table.
    await store.delete(keyOf(last));
    expect(await audit.signHeads()).toBe(1);
    expect(await audit.verify(TENANT)).toMatchObject({ ok: false, problems: [{ problem: 'cut', seq: 3 }] });
  });
});
