// Workflows that the API deployed, in the table: one item each, with all that the catalogue needs.

import type { JsonObject } from '../../shared/json.ts';
import type { CatalogEntry } from '../../shared/orchestrate/ports.ts';
import type { Key, Store } from '../../shared/store/index.ts';
import type { Deployed } from './catalog.ts';

const PARTITION = 'DEPLOYED_WORKFLOWS';

export async function listDeployed(store: Store): Promise<Deployed[]> {
  const items = await store.list(PARTITION);
  return items.map(({ body }) => toDeployed(body));
}

export async function findDeployed(store: Store, name: string): Promise<Deployed | undefined> {
  const [body] = await store.read([keyOf(name)]);
  return body && toDeployed(body);
}

export async function putDeployed(store: Store, { entry, removed }: Deployed): Promise<void> {
  await store.put(keyOf(entry.name), { entry: { ...entry } as unknown as JsonObject, removed });
}

function keyOf(name: string): Key {
  return { pk: PARTITION, sk: name };
}

/** Our own writes are believed. */
function toDeployed({ entry, removed }: JsonObject): Deployed {
  return { entry: entry as unknown as CatalogEntry, removed: removed === true };
}
