// One process per data folder.
//
//   L1. The lock is an exclusive SQLite lock (fcntl) on the file `lock`: the operating system lets go of it when the process ends, however
//       it ends. Nothing has to be cleaned up after a kill -9, and a file that was left behind means nothing.
//   L2. Beside it, `control.json` says where the holder listens and which token it wants (mode 600). It is believed only while the lock is held.

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { RuntimeProblem } from './problem.ts';

const LOCK_FILE = 'lock';
const CONTROL_FILE = 'control.json';
const PORT_FILE = 'port';
/** SQLite's result code for a lock that somebody else holds. */
const SQLITE_BUSY = 5;

const addressSchema = z.object({ pid: z.number(), url: z.string(), token: z.string() });

/** Where the process that holds a data folder can be asked. */
export type ControlAddress = z.infer<typeof addressSchema>;

/** A data folder that this process holds. */
export interface FolderLock {
  /** Tells others where to ask (L2). */
  announce(address: ControlAddress): void;
  /** The port of the last holder, so that callback URLs that it handed out stay good; undefined where there was none. */
  lastPort(): number | undefined;
  release(): void;
}

/**
 * Takes the lock of a data folder, which is made if it is not there.
 * @returns the lock, or undefined when another process holds it
 * @throws RuntimeProblem when the folder cannot be made or written
 */
export function lockFolder(folder: string): FolderLock | undefined {
  let database: DatabaseSync | undefined;
  try {
    makeFolder(folder);
    const path = join(folder, LOCK_FILE);
    database = new DatabaseSync(path);
    database.exec('PRAGMA busy_timeout=0; PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE');
    chmodSync(path, 0o600);
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    throw folderProblem(folder, error);
  }
  const held = database;
  const controlFile = join(folder, CONTROL_FILE);
  rmSync(controlFile, { force: true });
  const portFile = join(folder, PORT_FILE);
  return {
    lastPort() {
      const port = existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0;
      return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
    },
    announce(address) {
      writeFileSync(portFile, new URL(address.url).port, { mode: 0o600 });
      const temporary = `${controlFile}.new`;
      rmSync(temporary, { force: true });
      writeFileSync(temporary, JSON.stringify(address), { mode: 0o600, flag: 'wx' });
      renameSync(temporary, controlFile);
    },
    release() {
      rmSync(controlFile, { force: true });
      held.close();
    },
  };
}

/** The address of the process that holds the folder; undefined while it has not told it. Only of use when `lockFolder` found it taken. */
export function holderOf(folder: string): ControlAddress | undefined {
  const file = join(folder, CONTROL_FILE);
  if (!existsSync(file)) return undefined;
  try {
    const parsed = addressSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Makes a folder and those above it. (`recursive` of Node's own mkdir never returns where the file system answers ENOENT for the last part, as /proc does.) */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have made it in the meantime.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST' && statSync(folder).isDirectory())) throw error;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function folderProblem(folder: string, error: unknown): RuntimeProblem {
  const message = error instanceof Error ? error.message : String(error);
  return new RuntimeProblem(
    'data_folder',
    `data folder ${folder}: it cannot be used (${message}). It must be a folder that this user may write, on a disk with space left; name another one with --data, or keep nothing with --ephemeral.`,
    { cause: error },
  );
}
