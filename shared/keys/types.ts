// API keys as others see them.

import type { KeyView, NewKey, Scope } from '../contract/index.ts';

export interface NewKeyRequest {
  name: string;
  tenant: string;
  scopes: Scope[];
  /** Epoch ms; left out: never. */
  expiresAtMs?: number;
  /** Requests a minute; left out: the default of whoever made this `Keys`. null: no limit. */
  rateLimit?: number | null;
}

/** What a key turned out to be. */
export type KeyCheck =
  | { ok: true; keyId: string; tenant: string; scopes: Scope[]; rateLimit: number | null }
  | { ok: false; reason: 'unknown' | 'expired' | 'revoked' };

export interface Keys {
  /** Makes a key. Its text is in the answer and is not kept. */
  create(request: NewKeyRequest): Promise<NewKey>;
  /** Of one tenant, revoked ones too, by time of making. */
  list(tenant: string): Promise<KeyView[]>;
  /** False: this tenant has no such key. Revoking twice is one revocation. */
  revoke(tenant: string, id: string): Promise<boolean>;
  /** Checks a key's text; takes the same time whether the id is known, the secret right or wrong. */
  check(key: string): Promise<KeyCheck>;
  /** Counts a request. Seconds to wait when the key's limit is used up, else 0. */
  take(keyId: string, rateLimit: number | null): Promise<number>;
}
