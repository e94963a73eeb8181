// The key of the audit chain: in Secrets Manager, which the readers of the table cannot read.

import { type AuditKey, hmacKey } from '../../shared/audit/index.ts';
import { once, type SecretsDoor } from './clients.ts';

/** @param secretArn whose text is the key. It is read once per process: a chain is signed with one key for ever. */
export function createAuditKey(secrets: () => Promise<SecretsDoor>, secretArn: string): AuditKey {
  const key = once(async () => {
    const { sdk, client } = await secrets();
    const { SecretString } = await client.send(new sdk.GetSecretValueCommand({ SecretId: secretArn }));
    if (!SecretString) throw new Error('audit key: the secret has no text, expected the key of the audit chain');
    return hmacKey(SecretString);
  });
  return { sign: async (text) => (await key()).sign(text) };
}
