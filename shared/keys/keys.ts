// API keys: made, checked, revoked.
//
//   K1. The text of a key is in the answer to its making and nowhere else; the record has the hash of its secret.
//   K2. A check does the same work whatever the text is: one read, one hash, one comparison of equal lengths. Whether a key has expired or was
//       revoked is told only to who has its secret.
//   K3. A tenant sees and revokes its own keys only.

import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { KeyView, Scope } from '../contract/index.ts';
import type { JsonObject } from '../json.ts';
import type { Key, Store } from '../store/index.ts';
import { hashSecret, makeKeyText, readKeyText } from './key-text.ts';
import { createRateLimits } from './rate-limit.ts';
import type { Keys } from './types.ts';

/** Keys read at once. */
const BATCH = 100;
/** Against what the hash of a secret is compared where there is no such key. */
const NO_HASH = Buffer.alloc(32);

export interface KeysOptions {
  store: Store;
  clock: Clock;
  /** Chance: 128 bits or more, another each time. */
  ids: { secret(): string };
  /** Requests a minute of a key that was made without saying; null: no limit. */
  defaultRateLimit: number | null;
}

interface KeyRecord {
  id: string;
  tenant: string;
  name: string;
  scopes: Scope[];
  /** SHA-256 of the secret, hex. */
  hash: string;
  createdAtMs: number;
  /** null: never. */
  expiresAtMs: number | null;
  revokedAtMs?: number;
  rateLimit: number | null;
}

export function createKeys({ store, clock, ids, defaultRateLimit }: KeysOptions): Keys {
  const limits = createRateLimits(store, clock);
  return {
    async create({ name, tenant, scopes, expiresAtMs = null, rateLimit = defaultRateLimit }) {
      for (;;) {
        const { id, secret, text } = makeKeyText(ids.secret(), ids.secret());
        const createdAtMs = clock.now();
        const hash = hashSecret(secret).toString('hex');
        const record: KeyRecord = { id, tenant, name, scopes, hash, createdAtMs, expiresAtMs, rateLimit };
        // On the list first: a key that works can be found and revoked.
        await store.put({ pk: listPartition(tenant), sk: listSk(record) }, { id });
        if (!(await store.put(recordKey(id), { ...record }, { absent: true }))) continue;
        return { ...keyView(record), key: text };
      }
    },
    async list(tenant) {
      const entries = await store.list(listPartition(tenant));
      const views: KeyView[] = [];
      for (let from = 0; from < entries.length; from += BATCH) {
        const bodies = await store.read(entries.slice(from, from + BATCH).map(({ body }) => recordKey(String(body['id']))));
        // An entry without a record: whoever made it died before the key was.
        for (const key of bodies.flatMap((body) => (body ? [asKey(body)] : []))) if (key.tenant === tenant) views.push(keyView(key));
      }
      return views;
    },
    async revoke(tenant, id) {
      const key = recordKey(id);
      if (await store.update(key, { set: { revokedAtMs: clock.now() } }, { equals: { tenant, revokedAtMs: null } })) return true;
      const [body] = await store.read([key]);
      return body !== undefined && asKey(body).tenant === tenant;
    },
    async check(text) {
      const { id, secret } = readKeyText(text);
      const [body] = await store.read([recordKey(id)]);
      const key = body && asKey(body);
      const same = timingSafeEqual(hashSecret(secret), key ? Buffer.from(key.hash, 'hex') : NO_HASH);
      if (!key || !same) return { ok: false, reason: 'unknown' };
      if (key.revokedAtMs !== undefined) return { ok: false, reason: 'revoked' };
      if (key.expiresAtMs !== null && clock.now() >= key.expiresAtMs) return { ok: false, reason: 'expired' };
      return { ok: true, keyId: id, tenant: key.tenant, scopes: key.scopes, rateLimit: key.rateLimit };
    },
    take: (keyId, rateLimit) => (rateLimit === null ? Promise.resolve(0) : limits.take(keyId, rateLimit)),
  };
}

/** By the first digit of the id: so that not one partition takes the check of every request. */
function recordKey(id: string): Key {
  return { pk: `KEYS#${id.slice(0, 1)}`, sk: id };
}

function listPartition(tenant: string): string {
  return `TENANT_KEYS#${tenant}`;
}

function listSk({ createdAtMs, id }: KeyRecord): string {
  return `${String(createdAtMs).padStart(14, '0')}#${id}`;
}

/** A KEY body from the store; our own writes are believed, a body of another kind is not. */
function asKey(body: JsonObject): KeyRecord {
  if (typeof body['hash'] !== 'string' || typeof body['tenant'] !== 'string') throw new Error('key record: found an item of another kind');
  return body as unknown as KeyRecord;
}

function keyView({ id, name, tenant, scopes, createdAtMs, expiresAtMs, revokedAtMs, rateLimit }: KeyRecord): KeyView {
  return {
    object: 'key',
    id,
    name,
    tenant,
    scopes,
    created_at: new Date(createdAtMs).toISOString(),
    expires_at: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    revoked_at: revokedAtMs === undefined ? null : new Date(revokedAtMs).toISOString(),
    rate_limit: rateLimit,
  };
}
