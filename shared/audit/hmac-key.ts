// A key of the audit chain from a secret text.

import { createHmac, createSecretKey } from 'node:crypto';
import type { AuditKey } from './types.ts';

/** @param secret at least 128 bits of chance; a chain is signed with one key for ever */
export function hmacKey(secret: string): AuditKey {
  const key = createSecretKey(Buffer.from(secret));
  return { sign: async (text) => createHmac('sha256', key).update(text).digest('hex') };
}
