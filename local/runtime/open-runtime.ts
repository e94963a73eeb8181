// Opening a data folder: as its holder, or by way of the process that holds it.

import { type Clock, sleep, systemClock } from '../../shared/clock.ts';
import { CALLBACK_PATH } from './callbacks.ts';
import { createControlClient } from './control-client.ts';
import { startControlServer } from './control-server.ts';
import { type FolderLock, holderOf, lockFolder } from './folder-lock.ts';
import type { RunOperations } from './operations.ts';
import { RuntimeProblem } from './problem.ts';
import { createRuntime, type Runtime, type RuntimeOptions } from './runtime.ts';

/** A holder that has just begun needs a moment until it can be asked. */
const HOLDER_TRIES = 100;
const HOLDER_PAUSE_MS = 30;

/** This process holds the folder, or another one does and can be asked. */
export type Opened = { kind: 'holder'; runtime: Runtime } | { kind: 'guest'; operations: RunOperations };

/**
 * Opens a data folder, which is made if it is not there. With `dataFolder: null` everything is in memory.
 * @param makeOptions called only when this process becomes the holder
 * @throws RuntimeProblem `data_folder` when it cannot be used, `busy` when its holder does not answer
 */
export async function openRuntime(dataFolder: string | null, makeOptions: () => Omit<RuntimeOptions, 'dataFolder'>): Promise<Opened> {
  if (dataFolder === null) return { kind: 'holder', runtime: await serve(makeOptions(), null, undefined) };
  for (let tries = 0; tries < HOLDER_TRIES; tries++) {
    const lock = lockFolder(dataFolder);
    if (lock) return { kind: 'holder', runtime: await serve(makeOptions(), dataFolder, lock) };
    const operations = await findHolder(dataFolder);
    if (operations) return { kind: 'guest', operations };
    // Between taking the lock and telling its address, or between its last answer and letting go.
    await sleep(systemClock satisfies Clock, HOLDER_PAUSE_MS);
  }
  throw new RuntimeProblem(
    'busy',
    `data folder ${dataFolder}: another process holds it and does not answer. Wait until it has ended, or use another folder with --data.`,
  );
}

/** The operations of whoever holds the folder, if anybody does and it answers. */
export async function findHolder(dataFolder: string): Promise<RunOperations | undefined> {
  const address = holderOf(dataFolder);
  if (!address) return undefined;
  const operations = createControlClient(address);
  try {
    await operations.status();
    return operations;
  } catch {
    return undefined;
  }
}

/** Makes the runtime and the server that answers others and takes callbacks. */
async function serve(
  options: Omit<RuntimeOptions, 'dataFolder'>,
  dataFolder: string | null,
  lock: FolderLock | undefined,
): Promise<Runtime> {
  let url = '';
  const runtime = create({ callbackUrl: (token) => `${url}${CALLBACK_PATH}${encodeURIComponent(token)}`, ...options, dataFolder }, lock);
  const server = await startControlServer(runtime, lock?.lastPort() ?? 0);
  url = server.url;
  lock?.announce({ pid: process.pid, url, token: server.token });
  let closed: Promise<void> | undefined;
  return {
    ...runtime,
    close: () => (closed ??= close()),
  };

  async function close(): Promise<void> {
    // Draining begins before anything is waited for, so that nothing more is begun; the folder is let go of last (R2 of runtime.ts).
    const drained = runtime.close();
    await server.close();
    await drained;
    lock?.release();
  }
}

function create(options: RuntimeOptions, lock: FolderLock | undefined): Runtime {
  try {
    return createRuntime(options);
  } catch (error) {
    lock?.release();
    const message = error instanceof Error ? error.message : String(error);
    throw new RuntimeProblem(
      'data_folder',
      `data folder ${options.dataFolder}: its database cannot be opened (${message}). It must be a folder that this user may write, on a disk with space left; name another one with --data.`,
      { cause: error },
    );
  }
}
