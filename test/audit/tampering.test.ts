// Whoever can write the table and has no key is found out.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditVerdict, createAudit, hmacKey } from '../../shared/audit/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { Item, Store } from '../../shared/store/index.ts';
import { type AuditWorld, auditWorld, keyOf, receipt, stored, TENANT } from './support.ts';

/** Three chains with 8, 4 and 2 receipts, and signed heads. */
async function signedWorld(): Promise<AuditWorld & { items: Item[] }> {
  const world = auditWorld();
  for (const n of [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]) await world.audit.append(receipt(n));
  await world.audit.signHeads();
  const items = await stored(world.store);
  expect(new Set(items.map(({ pk }) => pk)).size).toBe(3);
  return { ...world, items };
}

async function problems({ another }: AuditWorld): Promise<string[]> {
  const verdict: AuditVerdict = await another().verify(TENANT);
  expect(verdict.ok).toBe(verdict.problems.length === 0);
  return verdict.problems.map(({ problem, seq }) => `${problem} ${seq}`);
}

/** Every path of a body that leads to a value which is no object. */
function leaves(value: Json, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function changed(body: JsonObject, [first = '', ...rest]: string[], to: Json): JsonObject {
  const inner = body[first];
  return { ...body, [first]: rest.length > 0 ? changed(inner as JsonObject, rest, to) : to };
}

describe('a single tampering with any receipt', () => {
  it('is found, whatever it is', async () => {
    const { store, items, another } = await signedWorld();
    expect(await another().verify(TENANT)).toMatchObject({ ok: true, receipts: items.length, chains: 3 });
    const which = fc.nat(items.length - 1);
    const tampering: fc.Arbitrary<(store: Store) => Promise<void>> = fc.oneof(
      which.map((at) => async (target: Store) => void (await target.delete(keyOf(itemAt(items, at))))),
      fc.tuple(which, fc.nat(), fc.jsonValue()).map(([at, leaf, to]) => async (target: Store) => {
        const item = itemAt(items, at);
        const paths = leaves(item.body);
        const path = paths[leaf % paths.length] ?? [];
        const body = changed(item.body, path, to as Json);
        fc.pre(JSON.stringify(body) !== JSON.stringify(item.body));
        await target.put(keyOf(item), body);
      }),
      fc.tuple(which, fc.string(), fc.jsonValue()).map(([at, field, to]) => async (target: Store) => {
        const item = itemAt(items, at);
        fc.pre(!Object.hasOwn(item.body, field));
        await target.put(keyOf(item), { ...item.body, [field]: to as Json });
      }),
      fc.tuple(which, fc.constantFrom('subject', 'source', 'hash', 'previous_hash')).map(([at, field]) => async (target: Store) => {
        const { [field]: _gone, ...body } = itemAt(items, at).body;
        await target.put(keyOf(itemAt(items, at)), body);
      }),
      fc.tuple(which, which).map(([a, b]) => async (target: Store) => {
        fc.pre(a !== b);
        await target.put(keyOf(itemAt(items, a)), itemAt(items, b).body);
        await target.put(keyOf(itemAt(items, b)), itemAt(items, a).body);
      }),
      fc.tuple(which, which).map(([a, b]) => async (target: Store) => {
        fc.pre(a !== b);
        await target.put(keyOf(itemAt(items, a)), itemAt(items, b).body);
      }),
      fc
        .tuple(which, fc.constantFrom('000000000000', '000000000009', '000000000002x', '~', ''))
        .map(([at, sk]) => async (target: Store) => {
          const { pk, body } = itemAt(items, at);
          fc.pre(sk !== '' && !items.some((item) => item.pk === pk && item.sk === sk));
          await target.put({ pk, sk }, body);
        }),
    );
    await fc.assert(
      fc.asyncProperty(tampering, async (tamper) => {
        try {
          await tamper(store);
          expect((await another().verify(TENANT)).ok).toBe(false);
        } finally {
          for (const { pk, sk } of await stored(store)) await store.delete({ pk, sk });
          for (const item of items) await store.put(keyOf(item), item.body);
        }
        expect((await another().verify(TENANT)).ok).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it.each<[string, (world: Awaited<ReturnType<typeof signedWorld>>) => Promise<unknown>, string[]]>([
    ['altered', ({ store, items }) => store.put(keyOf(itemAt(items, 3)), { ...itemAt(items, 3).body, tenant: 'other' }), ['altered 4']],
    ['removed', ({ store, items }) => store.delete(keyOf(itemAt(items, 3))), ['missing 4']],
    ['removed, and it was the first', ({ store, items }) => store.delete(keyOf(itemAt(items, 0))), ['missing 1']],
    ['removed, and it was the last', ({ store, items }) => store.delete(keyOf(itemAt(items, 7))), ['cut 8']],
    [
      'swapped with its neighbour',
      async ({ store, items }) => {
        await store.put(keyOf(itemAt(items, 3)), itemAt(items, 4).body);
        await store.put(keyOf(itemAt(items, 4)), itemAt(items, 3).body);
      },
      ['reordered 4', 'reordered 5'],
    ],
  ])('is named: %s', async (_, tamper, expected) => {
    const world = await signedWorld();
    const longest = world.items.filter(({ pk }) => world.items.filter((item) => item.pk === pk).length === 8);
    await tamper({ ...world, items: longest });

    expect(await problems(world)).toEqual(expected);
  });

  it('is found by nobody where the chain goes on after it as if it had not been: an end without a signed head', async () => {
    const world = auditWorld();
    await world.fill(1);
    await world.audit.append(receipt(0));
    const [, last] = await stored(world.store);
    if (last) await world.store.delete(keyOf(last));

    expect(await problems(world)).toEqual([]);
  });
});

describe('what was written under another chain of the same key', () => {
  it('is not taken for this one: another tenant, another fork', async () => {
    const world = await signedWorld();
    await world.audit.append(receipt(1, { tenant: 'other' }));
    const [foreign] = await stored(world.store, 'other');
    const item = itemAt(world.items, 0);
    await world.store.put(keyOf(item), foreign?.body ?? {});
    expect(await problems(world)).toContain('reordered 1');

    const fork = auditWorld();
    await fork.audit.append(receipt(1, { subject: { action: 'another' } }));
    const [forked] = await stored(fork.store);
    const first = world.items.find(({ pk }) => pk === forked?.pk);
    if (!first) throw new Error('no chain');
    await world.store.put(keyOf(item), item.body);
    await world.store.put(keyOf(first), forked?.body ?? {});
    expect(await problems(world)).toEqual(['reordered 2']);
  });
});

describe('a head', () => {
  it('that is forged, of another chain or of another tenant is found', async () => {
    const world = await signedWorld();
    const heads = await world.store.list(`AUDIT_HEADS#${TENANT}`);
    const head = itemAt(heads, 0);
    const other = itemAt(heads, 1);
    for (const body of [{ ...head.body, seq: 1 }, { ...head.body, hash: 'x' }, other.body, {}]) {
      await world.store.put(keyOf(head), body);
      expect((await problems(world)).map((text) => text.split(' ')[0])).toEqual(['bad_head']);
    }
    await world.store.put(keyOf(head), head.body);
    expect(await problems(world)).toEqual([]);
  });

  it('names the receipt that it was signed for', async () => {
    const world = auditWorld();
    const first = await world.audit.append(receipt(1));
    await world.audit.signHeads();
    // A chain that was begun anew with the right key: all of it is valid but for its head.
    await world.store.delete({ pk: `AUDIT#${TENANT}#${first.chain}`, sk: '000000000001' });
    await world.another().append(receipt(1, { subject: { action: 'another' } }));

    expect(await problems(world)).toEqual(['bad_head 1']);
  });
});

describe('a key that is not the one', () => {
  it('verifies nothing, and of many problems the first hundred are told', async () => {
    const { store, clock, fill } = auditWorld();
    await fill(300);

    const verdict = await createAudit({ store, clock, key: hmacKey('another secret') }).verify(TENANT);

    expect(verdict).toMatchObject({ ok: false, receipts: 300 });
    expect(verdict.problems).toHaveLength(100);
  });
});

function itemAt(items: readonly Item[], at: number): Item {
  const item = items[at];
  if (!item) throw new Error(`no item ${at}`);
  return item;
}
