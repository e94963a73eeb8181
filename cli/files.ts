// Files that a person names on the command line, read with messages that say what to do.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { CommandError } from './exit.ts';
import type { Io } from './io.ts';

/** Bytes of a workflow file; the parser refuses more than this too, but a huge one should not even be read. */
const MAX_WORKFLOW_BYTES = 1_048_576;
const WORKFLOW_NAME = /\.ya?ml$/i;
const SCENARIO_NAME = /\.scenario\.ya?ml$/i;

/**
 * The text of a workflow file. One byte over the limit is read at most; a file over it is refused here.
 * @throws CommandError when it is missing, a folder, unreadable, too large or not UTF-8
 */
export function readWorkflowFile(path: string, io: Pick<Io, 'cwd'>): string {
  const bytes = readBytes(path, io, 'a workflow file (YAML)', MAX_WORKFLOW_BYTES);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError('not_text', `${path}: this is not UTF-8 text. A workflow is a YAML file in UTF-8; save it in that encoding.`);
  }
}

/**
 * The bytes of a file.
 * @param expected what it should have been, for messages
 * @param maxBytes larger files are refused unread
 */
export function readBytes(path: string, io: Pick<Io, 'cwd'>, expected: string, maxBytes: number): Uint8Array {
  try {
    const full = resolve(io.cwd, path);
    const { size } = statSync(full);
    if (size > maxBytes) {
      throw new CommandError(
        'too_large',
        `${path}: it has ${size} bytes, and ${expected} has at most ${maxBytes}. Split it, for example into workflows that call each other.`,
      );
    }
    const bytes = readFileSync(full);
    // A pipe or a device has no size beforehand.
    if (bytes.length > maxBytes)
      throw new CommandError('too_large', `${path}: it is longer than ${maxBytes} bytes, the most that ${expected} may have.`);
    return bytes;
  } catch (error) {
    throw error instanceof CommandError ? error : fileProblem(path, error, expected);
  }
}

/** The workflow files that arguments mean: a file stands for itself, a folder for the workflow files in it (not below it), in name order. */
export function workflowFiles(paths: readonly string[], io: Pick<Io, 'cwd'>): string[] {
  return paths.flatMap((path) => {
    const full = resolve(io.cwd, path);
    if (!statSync(full, { throwIfNoEntry: false })?.isDirectory()) return [path];
    const found = workflowFilesIn(full);
    if (found.length === 0)
      throw new CommandError(
        'no_workflows',
        `${path}: this folder has no workflow files (*.yaml). Name a file, or make one with \`maestro init\`.`,
      );
    return found.map((file) => relative(io.cwd, file) || file);
  });
}

/** Workflow files directly in a folder, in name order; scenario files are not workflows. */
export function workflowFilesIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => WORKFLOW_NAME.test(name) && !SCENARIO_NAME.test(name));
  return names.sort().map((name) => join(folder, name));
}

function fileProblem(path: string, error: unknown, expected: string): CommandError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const what: { [code: string]: string } = {
    ENOENT: `there is no such file; expected ${expected}. Check the path`,
    ENOTDIR: `a part of this path is a file, not a folder; expected ${expected}. Check the path`,
    EISDIR: `this is a folder; expected ${expected}. Name the file in it`,
    EACCES: 'it may not be read by this user. Change its permissions, or run as its owner',
    EPERM: 'it may not be read by this user. Change its permissions, or run as its owner',
  };
  return new CommandError(
    'file',
    `${path}: ${what[code] ?? `it could not be read (${error instanceof Error ? error.message : String(error)})`}.`,
  );
}
