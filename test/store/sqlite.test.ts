import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createFolderBlobs, createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { storeContract } from './contract.ts';

const database = openDatabase({ path: ':memory:' });
const folder = mkdtempSync(join(tmpdir(), 'maestro-store-'));
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

storeContract('sqlite, which knows what it wrote', () => createSqliteStore(database));

/** Permissions of whoever is not the owner. */
const othersMay = (path: string): number => statSync(path).mode & 0o077;

describe('sqlite store', () => {
  it('is for its owner alone, whoever may read the folder', async () => {
    const opened = openDatabase({ path: join(folder, 'own.db') });
    await createSqliteStore(opened).put({ pk: 'p', sk: 'a' }, { n: 1 });
    await opened.committed();

    const files = readdirSync(folder).filter((name) => name.startsWith('own.db'));
    expect(files).toContain('own.db-wal');
    expect(files.map((name) => othersMay(join(folder, name)))).toEqual(files.map(() => 0));
    opened.close();
  });

  it('finds in a new process what an earlier one wrote', async () => {
    const path = join(folder, 'a.db');
    const first = openDatabase({ path });
    const store = createSqliteStore(first);
    await store.put({ pk: 'p', sk: 'a' }, { n: 1 });
    await store.durable();
    first.close();

    const second = openDatabase({ path });
    const again = createSqliteStore(second);
    expect(
      await again.read([
        { pk: 'p', sk: 'a' },
        { pk: 'p', sk: 'b' },
      ]),
    ).toEqual([{ n: 1 }, undefined]);
    expect(await again.put({ pk: 'p', sk: 'a' }, { n: 2 }, { absent: true })).toBe(false);
    second.close();
  });

  it('deletes what expired and nothing else', async () => {
    const store = createSqliteStore(database);
    await store.put({ pk: 'ttl', sk: 'old' }, { n: 1 }, undefined, 100);
    await store.put({ pk: 'ttl', sk: 'kept by an update' }, { n: 1 }, undefined, 100);
    await store.update({ pk: 'ttl', sk: 'kept by an update' }, { set: { n: 2 }, expiresAt: 300 });
    await store.put({ pk: 'ttl', sk: 'for ever' }, { n: 1 });

    expect(store.deleteExpired(200)).toBe(1);
    expect((await store.list('ttl')).map((item) => item.sk)).toEqual(['for ever', 'kept by an update']);
    expect(await store.read([{ pk: 'ttl', sk: 'old' }])).toEqual([undefined]);
  });

  it('stays right when more partitions and items are in use than it keeps in memory', async () => {
    const store = createSqliteStore(database);
    for (let n = 0; n < 1_200; n++) await store.put({ pk: `many${n}`, sk: 'a' }, { n });
    for (let n = 0; n < 2_500; n++) await store.put({ pk: 'large', sk: String(n).padStart(5, '0') }, { n }, { absent: true });

    for (const n of [0, 600, 1_199])
      expect(
        await store.read([
          { pk: `many${n}`, sk: 'a' },
          { pk: `many${n}`, sk: 'b' },
        ]),
      ).toEqual([{ n }, undefined]);
    for (const n of [0, 1_999, 2_000, 2_499])
      expect(await store.put({ pk: 'large', sk: String(n).padStart(5, '0') }, {}, { absent: true })).toBe(false);
    expect(await store.list('large')).toHaveLength(2_500);
  });
});

describe('folder blobs', () => {
  it('are for their owner alone', async () => {
    const own = join(folder, 'own-blobs');
    await createFolderBlobs(own).put('run/large', new Uint8Array([1]));

    expect([own, join(own, 'run'), join(own, 'run', 'large')].map(othersMay)).toEqual([0, 0, 0]);
  });

  it('gives back what was put, undefined for what was not, and leaves no half files', async () => {
    const blobs = createFolderBlobs(join(folder, 'blobs'));
    const bytes = new TextEncoder().encode('{"a":"ü"}');

    await blobs.put('run_1/0001', bytes);
    await blobs.put('run_1/0001', bytes);

    expect(Buffer.from((await blobs.get('run_1/0001')) ?? []).toString()).toBe('{"a":"ü"}');
    expect(await blobs.get('run_1/0002')).toBeUndefined();
    expect(readdirSync(join(folder, 'blobs', 'run_1'))).toEqual(['0001']);
  });

  it.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', '.hidden', 'a/.b', '', 'a\0b'])('refuses the key %j', async (key) => {
    const blobs = createFolderBlobs(join(folder, 'blobs'));

    await expect(blobs.get(key)).rejects.toThrow('blob key');
    await expect(blobs.put(key, new Uint8Array())).rejects.toThrow('blob key');
  });
});
