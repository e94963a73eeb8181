// The audit chain: who did what, when and how, so that nobody who can write the table can change it unseen.
//
//   A1. A tenant's receipts form 16 chains by hash of the request id. Each is an HMAC over itself and the hash before it; the key is not where
//       the receipts are.
//   A2. A receipt is appended by a conditional write of the next number, and never written again. Nothing of it expires.
//   A3. What was appended after the last signed head may be cut off unseen; nothing before it.

import { type Clock, sleep } from '../clock.ts';
import { ApiError, type AuditHead, type Receipt } from '../contract/index.ts';
import type { JsonObject } from '../json.ts';
import type { Item, Store } from '../store/index.ts';
import {
  asReceipt,
  CHAINS,
  chainOf,
  chainPartition,
  GENESIS,
  headKey,
  headsPartition,
  receiptKey,
  receiptSk,
  seqOf,
  signHead,
  signReceipt,
  TENANTS,
} from './records.ts';
import { createTails, type Tail } from './tails.ts';
import type { Audit, AuditKey } from './types.ts';
import { verifyTenant } from './verify.ts';

/** Conflicts with other processes before it is given up; one of those who meet always gets on. */
const MAX_CONFLICTS = 200;
/** ms between tries, after the first few: growing to 20 times as much. */
const PAUSE_MS = 5;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 500;
/** Tenants read at once for their heads. */
const TENANTS_PAGE = 100;

export interface AuditOptions {
  store: Store;
  key: AuditKey;
  clock: Clock;
}

/** A receipt is durable when the store is (`Store.durable`): whoever appends awaits that before anything leaves the process. */
export function createAudit(options: AuditOptions): Audit {
  const { store, key, clock } = options;
  const tails = createTails();
  const tenants = new Set<string>();

  async function append(chain: number, receipt: JsonObject & { tenant: string }): Promise<Receipt> {
    const { tenant } = receipt;
    const name = chainPartition(tenant, chain);
    let tail = tails.known(name);
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      tail ??= await readTail(store, tenant, chain);
      const unsigned = { ...receipt, chain, seq: tail.seq + 1, previous_hash: tail.hash };
      const body = { ...unsigned, hash: await signReceipt(key, unsigned) };
      // A write whose answer was lost may have been made: then the next one finds its number taken, and looks.
      tails.remember(name, undefined);
      if (await store.put(receiptKey(tenant, chain, body.seq), body, { absent: true })) {
        tails.remember(name, { seq: body.seq, hash: body.hash });
        return asReceipt(body);
      }
      tail = undefined;
      if (conflicts > 2) await sleep(clock, PAUSE_MS * Math.min(conflicts, 20));
    }
    throw new Error(`audit chain ${name}: others were quicker ${MAX_CONFLICTS} times`);
  }

  async function knowTenant(tenant: string): Promise<void> {
    if (tenants.has(tenant)) return;
    await store.put({ pk: TENANTS, sk: tenant }, {}, { absent: true });
    tenants.add(tenant);
  }

  return {
    async append({ requestId, authMode, method, route, tenant, subject }) {
      await knowTenant(tenant);
      const chain = chainOf(requestId);
      return tails.inTurn(chainPartition(tenant, chain), () =>
        append(chain, {
          object: 'audit_receipt',
          request_id: requestId,
          auth_mode: authMode,
          source: { method, route },
          tenant,
          created_at: new Date(clock.now()).toISOString(),
          subject,
        }),
      );
    },
    async list(tenant, { limit = DEFAULT_LIMIT, cursor }) {
      const from = readCursor(cursor);
      const found: Item[] = [];
      let { chain, after } = from;
      const wanted = Math.min(limit, MAX_LIMIT);
      for (; chain < CHAINS; chain++, after = 0) {
        found.push(...(await store.list(chainPartition(tenant, chain), { after: receiptSk(after), limit: wanted - found.length })));
        if (found.length >= wanted) break;
      }
      const last = found.at(-1);
      return {
        data: found.map(({ body }) => asReceipt(body)),
        heads: (await readHeads(store, tenant)).map(({ head }) => head),
        cursor: chain < CHAINS && last ? `${chain}.${seqOf(last) ?? 0}` : null,
      };
    },
    verify: (tenant) => verifyTenant(store, key, tenant),
    async signHeads() {
      let signed = 0;
      for (let after: string | undefined; ; ) {
        const page = await store.list(TENANTS, { limit: TENANTS_PAGE, ...(after === undefined ? {} : { after }) });
        for (const { sk: tenant } of page) {
          const heads = new Map((await readHeads(store, tenant)).map(({ chain, head }) => [chain, head]));
          for (let chain = 0; chain < CHAINS; chain++) {
            const known = tails.known(chainPartition(tenant, chain));
            if (await signChain(options, tenant, chain, heads.get(chain), known)) signed++;
          }
        }
        if (page.length < TENANTS_PAGE) return signed;
        after = page.at(-1)?.sk;
      }
    },
  };
}

/** Signs the end of a chain that has grown. False where it has not, or where its end is not genuine: an alteration is not to be confirmed. */
async function signChain(
  { store, key, clock }: AuditOptions,
  tenant: string,
  chain: number,
  before: AuditHead | undefined,
  known: Tail | undefined,
): Promise<boolean> {
  const [last] = await store.list(chainPartition(tenant, chain), { reverse: true, limit: 1 });
  let tail: Tail | undefined = known;
  // What this process appended itself, it knows better than the table says.
  if (last && (seqOf(last) ?? 0) > (known?.seq ?? 0)) {
    const { seq, hash } = asReceipt(last.body);
    tail = seq === seqOf(last) && hash === (await signReceipt(key, last.body)) ? { seq, hash } : undefined;
  }
  if (!tail || tail.seq <= (before?.seq ?? 0)) return false;
  const head = { chain, seq: tail.seq, hash: tail.hash, created_at: new Date(clock.now()).toISOString() };
  const signature = await signHead(key, tenant, head);
  // Another process may have signed a later one.
  return store.put(headKey(tenant, chain), { ...head, signature }, { equals: { seq: before?.seq ?? null } });
}

async function readTail(store: Store, tenant: string, chain: number): Promise<Tail> {
  const [last] = await store.list(chainPartition(tenant, chain), { reverse: true, limit: 1 });
  if (!last) return { seq: 0, hash: GENESIS };
  // By its place: whatever the body says, the next number is the one that is free.
  return { seq: seqOf(last) ?? 0, hash: String(last.body['hash']) };
}

async function readHeads(store: Store, tenant: string): Promise<{ chain: number; head: AuditHead }[]> {
  const items = await store.list(headsPartition(tenant));
  return items.map(({ sk, body }) => ({ chain: Number(sk), head: body as unknown as AuditHead }));
}

/** `<chain>.<number>`: the last receipt that was given out. */
function readCursor(cursor: string | undefined): { chain: number; after: number } {
  if (cursor === undefined) return { chain: 0, after: 0 };
  const [, chain, after] = /^(\d{1,2})\.(\d{1,12})$/.exec(cursor) ?? [];
  if (chain === undefined || after === undefined || Number(chain) >= CHAINS)
    throw new ApiError('invalid', 'cursor: it is none that was given out.', {
      details: [{ path: ['cursor'], message: 'expected one from an earlier answer' }],
    });
  return { chain: Number(chain), after: Number(after) };
}
