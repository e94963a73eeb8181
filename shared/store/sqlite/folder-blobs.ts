// Large values as files below one folder: a reader sees a whole file or none, also after a power loss.

import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Blobs } from '../ports.ts';

/** What a key may look like: names joined by slashes, none of which begins with a dot. So no key leads out of the folder. */
const KEY = /^[A-Za-z0-9_][A-Za-z0-9_.=-]*(\/[A-Za-z0-9_][A-Za-z0-9_.=-]*)*$/;

export interface FolderBlobs extends Blobs {
  /** First names of the keys that there are, and when (epoch ms) something with that name was last added or removed. */
  owners(): Promise<{ name: string; changedMs: number }[]>;
  /** Deletes every value whose key begins with this name. */
  drop(name: string): Promise<void>;
}

/** @param folder the data folder's `blobs`; created when it is first written to */
export function createFolderBlobs(folder: string): FolderBlobs {
  let writes = 0;

  function path(key: string): string {
    if (!KEY.test(key)) throw new Error(`blob key: found ${JSON.stringify(key.slice(0, 80))}, expected names joined by "/"`);
    return join(folder, key);
  }

  return {
    async put(key, bytes) {
      const file = path(key);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const temporary = `${file}.${process.pid}.${writes++}.tmp`;
      try {
        await writeSynced(temporary, bytes);
        await rename(temporary, file);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await syncFolder(dirname(file));
    },
    async get(key) {
      try {
        return await readFile(path(key));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async owners() {
      const names = await readdir(folder).catch((error: unknown) => (isMissing(error) ? [] : Promise.reject(error)));
      return Promise.all(names.map(async (name) => ({ name, changedMs: (await stat(join(folder, name))).mtimeMs })));
    },
    drop: (name) => rm(path(name), { recursive: true, force: true }),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The rename is in the folder, and the folder has a buffer of its own. Windows has no handle for a folder: there NTFS's journal does this. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
