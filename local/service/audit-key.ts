// The key of the audit chain on one machine: a file of its own in the data folder, readable by its owner only.

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditKey, hmacKey } from '../../shared/audit/index.ts';
import type { Store } from '../../shared/store/index.ts';

const KEY_FILE = 'audit.key';
const KEY_BYTES = 32;
/** Characters of so many bytes in base64url. */
const KEY_TEXT = /^[A-Za-z0-9_-]{43}$/;

/**
 * The key in the data folder, made where there is none.
 * @param dataFolder null: a key that lives as long as this process
 * @throws Error when the file is there and holds no key: a new one would make every receipt so far look altered
 */
export function localAuditKey(dataFolder: string | null): AuditKey {
  const made = randomBytes(KEY_BYTES).toString('base64url');
  if (dataFolder === null) return hmacKey(made);
  const file = join(dataFolder, KEY_FILE);
  const text = (read(file) ?? create(dataFolder, file, made)).trim();
  if (!KEY_TEXT.test(text))
    throw new Error(
      `${file}: found ${text.length} characters, expected the 43 of an audit key. Restore the file: no other key verifies what was signed with it.`,
    );
  return hmacKey(text);
}

/** Where the store keeps what its key makes of a known text. */
const CHECK = { pk: 'AUDIT_KEY', sk: 'CHECK' };
const CHECK_TEXT = 'the key of the audit chain';

/** Whether this is the key that the receipts of this store are signed with; the first one that is asked about is. */
export async function isKeyOf(store: Store, key: AuditKey): Promise<boolean> {
  const signed = await key.sign(CHECK_TEXT);
  if (await store.put(CHECK, { signed }, { absent: true })) return true;
  const [known] = await store.read([CHECK]);
  return known?.['signed'] === signed;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whole or not at all, and once: of two that make it at the same moment, both have the first one's. */
function create(folder: string, file: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const handle = openSync(temporary, 'w', 0o600);
    writeSync(handle, text);
    fsyncSync(handle);
    closeSync(handle);
    linkSync(temporary, file);
    return text;
  } catch (error) {
    const other = isCode(error, 'EEXIST') ? read(file) : undefined;
    if (other === undefined) throw error;
    return other;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
