// From file names to checked workflows: the named files, and the workflows that they call, found beside them.

import { dirname, relative, resolve } from 'node:path';
import { checkWorkflowSet, type Diagnostic, parseWorkflow, type Step, type Workflow, walkSteps } from '../shared/workflow/index.ts';
import { readWorkflowFile, workflowFiles, workflowFilesIn } from './files.ts';
import type { Io } from './io.ts';

/** A file after parsing. `workflow` is null where an error stopped it. */
export interface LoadedFile {
  /** As the person named it. */
  file: string;
  text: string;
  workflow: Workflow | null;
  diagnostics: Diagnostic[];
}

export interface LoadedSet {
  /** The files that were named, in order. */
  files: LoadedFile[];
  /** Files beside them that hold workflows which they call, directly or through others. */
  children: LoadedFile[];
}

/**
 * Reads and checks workflow files and everything that they call.
 * @param paths files, or folders of workflow files
 * @throws CommandError when a named file cannot be read. What is wrong inside a file is in its `diagnostics`.
 */
export function loadWorkflows(paths: readonly string[], io: Pick<Io, 'cwd'>): LoadedSet {
  const files = workflowFiles(paths, io).map((file) => loadFile(file, io));
  const children = findChildren(files, io);
  const all = [...files, ...children];
  const workflows = all.flatMap(({ workflow }) => workflow ?? []);
  if (workflows.length > 0) {
    for (const diagnostic of checkWorkflowSet(workflows)) all.find(({ file }) => file === diagnostic.file)?.diagnostics.push(diagnostic);
  }
  return { files, children };
}

/** True when nothing stops the file from being compiled. */
export function isValid(loaded: LoadedFile): boolean {
  return loaded.workflow !== null && !loaded.diagnostics.some(({ severity }) => severity === 'error');
}

/** Names of the workflows that a workflow calls. */
export function childNames(workflow: Workflow): string[] {
  const names = new Set<string>();
  walkSteps(workflow.steps, (step: Step) => {
    if (step.kind === 'workflow') names.add(step.workflow);
  });
  return [...names];
}

function loadFile(file: string, io: Pick<Io, 'cwd'>): LoadedFile {
  const text = readWorkflowFile(file, io);
  return { file, text, ...parseWorkflow(text, { file }) };
}

/** A called workflow that was not named is looked for beside its caller, by the `name:` in its file. */
function findChildren(files: readonly LoadedFile[], io: Pick<Io, 'cwd'>): LoadedFile[] {
  const found: LoadedFile[] = [];
  const known = new Set(files.flatMap(({ workflow }) => workflow?.name ?? []));
  const queue = [...files];
  const folders = new Map<string, Map<string, string>>();
  for (let caller = queue.shift(); caller; caller = queue.shift()) {
    if (!caller.workflow) continue;
    for (const name of childNames(caller.workflow)) {
      if (known.has(name)) continue;
      const folder = dirname(resolve(io.cwd, caller.file));
      const names = folders.get(folder) ?? namesIn(folder, io);
      folders.set(folder, names);
      const path = names.get(name);
      if (path === undefined) continue;
      known.add(name);
      const child = loadFile(path, io);
      found.push(child);
      queue.push(child);
    }
  }
  return found;
}

/** Workflow name → file, read from the `name:` line alone: a broken neighbour is no reason to refuse this file. */
function namesIn(folder: string, io: Pick<Io, 'cwd'>): Map<string, string> {
  const names = new Map<string, string>();
  for (const path of workflowFilesIn(folder)) {
    const file = relative(io.cwd, path);
    let text: string;
    try {
      text = readWorkflowFile(file, io);
    } catch {
      continue;
    }
    const name = /^name:[ \t]*["']?([A-Za-z][A-Za-z0-9_-]*)/m.exec(text)?.[1];
    if (name !== undefined && !names.has(name)) names.set(name, file);
  }
  return names;
}
