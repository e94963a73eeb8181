import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CommandError } from './exit.ts';
import type { Io } from './io.ts';

/**
 * Writes a command's result to a file, or to standard output where none is named.
 * @throws CommandError when the file cannot be written
 */
export function writeResult(text: string, file: string | undefined, io: Io): void {
  if (file === undefined) return io.out(text);
  try {
    writeFileSync(resolve(io.cwd, file), text);
  } catch (error) {
    throw new CommandError(
      'file',
      `${file}: it could not be written (${error instanceof Error ? error.message : String(error)}). Check that the folder exists and may be written.`,
    );
  }
}
