// The first API key of a data folder: made when it is first served, and kept beside the data for the command line of the same user.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Keys } from '../../shared/keys/index.ts';
import { DEFAULT_TENANT } from '../../shared/orchestrate/index.ts';
import type { Store } from '../../shared/store/index.ts';

const KEY_FILE = 'api-key';

/**
 * The key in the data folder, or a new one where there is none that is good: with every right in the default tenant, without a limit.
 * @param dataFolder null: a new one, kept nowhere
 */
export async function firstApiKey(keys: Keys, store: Pick<Store, 'durable'>, dataFolder: string | null): Promise<string> {
  const file = dataFolder === null ? null : join(dataFolder, KEY_FILE);
  if (file !== null && existsSync(file)) {
    const key = readFileSync(file, 'utf8').trim();
    if ((await keys.check(key)).ok) return key;
  }
  const { key } = await keys.create({
    name: 'maestro dev',
    tenant: DEFAULT_TENANT,
    scopes: ['run', 'read', 'admin'],
    rateLimit: null,
  });
  await store.durable();
  if (file !== null) writeFileSync(file, `${key}\n`, { mode: 0o600 });
  return key;
}
