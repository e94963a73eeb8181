import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localAuditKey } from '../../local/service/audit-key.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'maestro-audit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the audit key of a data folder', () => {
  it('is made once, readable by its owner only, and the same from then on', async () => {
    const first = await localAuditKey(folder).sign('text');

    expect(await localAuditKey(folder).sign('text')).toBe(first);
    expect(readdirSync(folder)).toEqual(['audit.key']);
    if (process.platform !== 'win32') expect(statSync(join(folder, 'audit.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'audit.key'), 'utf8')).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('is another in every folder, and without one in every process', async () => {
    const signed = await Promise.all(
      [localAuditKey(folder), localAuditKey(join(folder, 'new')), localAuditKey(null), localAuditKey(null)].map((key) => key.sign('text')),
    );

    expect(new Set(signed).size).toBe(4);
  });

  it('that was cut short is not replaced, and the message does not hold it', () => {
    writeFileSync(join(folder, 'audit.key'), 'secret-rest');

    expect(() => localAuditKey(folder)).toThrow(/audit\.key: found 11 characters, expected the 43/);
    expect(() => localAuditKey(folder)).not.toThrow(/secret-rest/);
  });
});
