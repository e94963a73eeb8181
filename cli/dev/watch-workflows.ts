// Workflow files → state machines of the engine, now and after every save.

import { statSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Runtime } from '../../local/runtime/index.ts';
import { systemClock, type Timer } from '../../shared/clock.ts';
import { compileFile } from '../compile-loaded.ts';
import { CommandError } from '../exit.ts';
import type { Io } from '../io.ts';
import { isValid, loadWorkflows } from '../load-workflows.ts';
import { registrationsOf } from '../registrations.ts';
import { printDiagnostics } from '../report-diagnostics.ts';
import type { DevLog } from './dev-log.ts';

/** An editor saves in several steps; what happens within this time is one change. */
const SETTLE_MS = 80;

/**
 * Compiles and registers the files, and again whenever one changes. An invalid file is reported and left as it was registered.
 * @throws CommandError when a path does not exist
 */
export async function watchWorkflows(paths: readonly string[], io: Io, runtime: Runtime, log: DevLog): Promise<{ close(): void }> {
  await registerAll(paths, io, runtime, log, true);
  let timer: Timer | undefined;
  let working = Promise.resolve();
  const changed = (): void => {
    timer?.cancel();
    timer = systemClock.setTimer(SETTLE_MS, () => {
      working = working.then(() => registerAll(paths, io, runtime, log, false));
    });
  };
  const watchers = foldersOf(paths, io).map((folder) =>
    watch(folder, (_event, name) => (name === null || /\.(ya?ml|proto)$/i.test(name)) && changed()),
  );
  return {
    close() {
      timer?.cancel();
      for (const watcher of watchers) watcher.close();
    },
  };
}

async function registerAll(paths: readonly string[], io: Io, runtime: Runtime, log: DevLog, first: boolean): Promise<void> {
  try {
    const set = loadWorkflows(paths, io);
    for (const loaded of [...set.children, ...set.files]) {
      const file = await compileFile(loaded, set, io);
      if (!isValid(loaded)) printDiagnostics(loaded, io, ['error']);
      if (!file) {
        log.problem(`${loaded.file}: not registered; correct it and save, it is compiled again`);
        continue;
      }
      const [registration] = registrationsOf([file]);
      if (registration && (await runtime.registry.register(registration))) log.registered([registration.name], loaded.file);
    }
  } catch (error) {
    if (first && error instanceof CommandError && error.code !== 'no_workflows') throw error;
    log.problem(error instanceof Error ? error.message : String(error));
  }
}

/** The folders to watch: files are replaced when they are saved, so a watch on the file itself would end. */
function foldersOf(paths: readonly string[], io: Pick<Io, 'cwd'>): string[] {
  const folders = paths.map((path) => {
    const full = resolve(io.cwd, path);
    return statSync(full, { throwIfNoEntry: false })?.isDirectory() ? full : dirname(full);
  });
  return [...new Set(folders)];
}
