import { type Audit, type AuditKey, createAudit, hmacKey, type NewReceipt } from '../../shared/audit/index.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Item, Key, Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { jumpingClock } from '../step/world.ts';

export const TENANT = 'acme';

export interface AuditWorld {
  store: Store;
  clock: Clock;
  key: AuditKey;
  audit: Audit;
  /** Another process on the same store. */
  another(): Audit;
  /** Appends so many receipts, one after the other. */
  fill(count: number): Promise<void>;
}

export function auditWorld(store: Store = createSqliteStore(openDatabase({ path: ':memory:' }))): AuditWorld {
  const clock = jumpingClock();
  const key = hmacKey('a secret of at least 128 bits');
  const another = (): Audit => createAudit({ store, clock, key });
  const audit = another();
  return {
    store,
    clock,
    key,
    audit,
    another,
    async fill(count) {
      for (let n = 0; n < count; n++) await audit.append(receipt(n));
    },
  };
}

export function receipt(n: number, more: Partial<NewReceipt> = {}): NewReceipt {
  return {
    requestId: `req_${n}`,
    authMode: 'api_key',
    method: 'POST',
    route: '/api/v2/orchestrate/run',
    tenant: TENANT,
    subject: { action: 'run', run_id: `run_${n}`, by: 'key_1' },
    ...more,
  };
}

/** All receipts of a tenant as they are in the store, chain after chain. */
export async function stored(store: Store, tenant = TENANT): Promise<Item[]> {
  const chains = await Promise.all(Array.from({ length: 16 }, (_, chain) => store.list(`AUDIT#${tenant}#${chain}`)));
  return chains.flat();
}

export function keyOf({ pk, sk }: Item): Key {
  return { pk, sk };
}
