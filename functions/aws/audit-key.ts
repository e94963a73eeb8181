// The key of the audit chain: in Secrets Manager, which the readers of the table cannot read.

import { createHmac } from 'node:crypto';
import type { AuditKey } from '../../shared/audit/types.ts';
import { once, type SecretsDoor } from './clients.ts';

/** @param secretArn whose text is the key. It is read once per process: a chain is signed with one key for ever. */
export function createAuditKey(secrets: () => Promise<SecretsDoor>, secretArn: string): AuditKey {
  const read = once(async () => {
    const { sdk, client } = await secrets();
    const { SecretString } = await client.send(new sdk.GetSecretValueCommand({ SecretId: secretArn }));
    if (!SecretString) throw new Error('audit key: the secret has no text, expected the key of the audit chain');
    return SecretString;
  });
  return {
    async sign(text) {
      return createHmac('sha256', await read())
        .update(text)
        .digest('hex');
    },
  };
}
