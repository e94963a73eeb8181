// The text of a key: `mk_`, its id, its secret. Fixed lengths, nothing that a URL or a header would change.

import { hash } from 'node:crypto';

const ID_CHARS = 16;
/** Of 256 bits in base64url. */
const SECRET_CHARS = 43;
const TEXT = new RegExp(`^mk_([0-9a-f]{${ID_CHARS}})([A-Za-z0-9_-]{${SECRET_CHARS}})$`);

export interface KeyText {
  /** Of the record: no secret. */
  id: string;
  secret: string;
}

/** What stands for a text that is no key: no key has this id, for it is no hash's beginning that anybody will find. */
const NOBODY: KeyText = { id: '0'.repeat(ID_CHARS), secret: '' };

/** @param idSeed of 128 bits of chance or more, as `secretSeed`, which it does not repeat */
export function makeKeyText(idSeed: string, secretSeed: string): KeyText & { text: string } {
  const id = hash('sha256', `id ${idSeed}`).slice(0, ID_CHARS);
  const secret = hash('sha256', `secret ${secretSeed}`, 'base64url');
  return { id, secret, text: `mk_${id}${secret}` };
}

/** Any text; one that is no key becomes one that nobody has, so that it is looked up like any other. */
export function readKeyText(text: string): KeyText {
  const [, id, secret] = TEXT.exec(text) ?? [];
  return id === undefined || secret === undefined ? NOBODY : { id, secret };
}

/** What is kept of a secret. It is 256 bits of chance, which no dictionary holds: a slow hash would protect nothing more. */
export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}
