// Workflow files → state machines of the engine, now and after every save.

import { statSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Registry } from '../../local/runtime/index.ts';
import { systemClock, type Timer } from '../../shared/clock.ts';
import { compileFile } from '../compile-loaded.ts';
import { CommandError } from '../exit.ts';
import type { Io } from '../io.ts';
import { isValid, type LoadedSet, loadWorkflows } from '../load-workflows.ts';
import { registrationsOf } from '../registrations.ts';
import { printDiagnostics } from '../report-diagnostics.ts';
import type { DevLog } from './dev-log.ts';

/** An editor saves in several steps; what happens within this time is one change. */
const SETTLE_MS = 80;

export interface WatchOptions {
  /** Files, or folders of them. */
  paths: readonly string[];
  io: Io;
  registry: Registry;
  log: DevLog;
  /** Told after workflows have come, gone or changed. */
  onChange: () => void;
}

/**
 * Compiles and registers the files, and again whenever one changes. An invalid file is reported and left as it was registered; the workflow of
 * one that is gone is no longer started.
 * @throws CommandError when a path does not exist
 */
export async function watchWorkflows(options: WatchOptions): Promise<{ close(): void }> {
  const { paths, io } = options;
  /** Files by the workflow that they gave. */
  const given = new Map<string, string>();
  await registerAll(options, given, true);
  let timer: Timer | undefined;
  let working = Promise.resolve();
  const changed = (): void => {
    timer?.cancel();
    timer = systemClock.setTimer(SETTLE_MS, () => {
      working = working.then(() => registerAll(options, given, false));
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

async function registerAll(options: WatchOptions, given: Map<string, string>, first: boolean): Promise<void> {
  const { io, registry, log } = options;
  let changed = false;
  try {
    const set = loadIfAny(options);
    const files = [...set.children, ...set.files];
    for (const loaded of files) {
      const file = await compileFile(loaded, set, io);
      if (!isValid(loaded)) printDiagnostics(loaded, io, ['error']);
      if (!file) {
        const before = [...given.values()].includes(loaded.file) ? '; the one before stays in use' : '';
        log.problem(`${loaded.file}: not registered${before}; correct it and save, it is compiled again`);
        continue;
      }
      const [registration] = registrationsOf([file]);
      if (!registration) continue;
      given.set(registration.name, loaded.file);
      if (!(await registry.register(registration))) continue;
      changed = true;
      log.registered([registration.name], loaded.file);
    }
    const present = new Set(files.map(({ file }) => file));
    for (const [name, file] of given) {
      if (present.has(file)) continue;
      given.delete(name);
      changed = registry.forget(name) || changed;
      log.note(`${name}: its file ${file} is gone; nothing starts it any more, its runs go on`);
    }
  } catch (error) {
    if (first && error instanceof CommandError) throw error;
    log.problem(error instanceof Error ? error.message : String(error));
  }
  if (changed) options.onChange();
}

/** A folder without workflows is one to which they may come. */
function loadIfAny({ paths, io, log }: WatchOptions): LoadedSet {
  try {
    return loadWorkflows(paths, io);
  } catch (error) {
    if (!(error instanceof CommandError && error.code === 'no_workflows')) throw error;
    log.note(error.message);
    return { files: [], children: [] };
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
