import { createHash } from 'node:crypto';
import { createKeys, type Keys } from '../../shared/keys/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { jumpingClock, type TestClock } from '../step/world.ts';

export const TENANT = 'acme';
export const REQUEST = { name: 'ci', tenant: TENANT, scopes: ['run', 'read'] as ('run' | 'read')[] };

export interface KeysWorld {
  store: Store;
  clock: TestClock;
  keys: Keys;
  /** Another process on the same store. */
  another(store?: Store): Keys;
}

export function keysWorld(options: { store?: Store; defaultRateLimit?: number | null } = {}): KeysWorld {
  const store = options.store ?? createSqliteStore(openDatabase({ path: ':memory:' }));
  const clock = jumpingClock();
  let made = 0;
  const ids = { secret: () => createHash('sha256').update(String(made++)).digest('base64url') };
  const another = (on = store): Keys => createKeys({ store: on, clock, ids, defaultRateLimit: options.defaultRateLimit ?? null });
  return { store, clock, keys: another(), another };
}
