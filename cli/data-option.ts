// Where the data folder is. (Opening it is `data-folder.ts`, which loads the engine.)

import { resolve } from 'node:path';
import type { Arguments, OptionSpec } from './arguments.ts';
import type { Io } from './io.ts';

/** Where data are kept unless `--data` or MAESTRO_DATA says otherwise. */
const DEFAULT_FOLDER = '.maestro';

export const DATA_OPTION: OptionSpec = { name: 'data', value: 'FOLDER', help: 'the data folder (default .maestro, or $MAESTRO_DATA)' };

/** The data folder that the arguments mean; null with `--ephemeral`. */
export function dataFolder(args: Arguments, io: Io): string | null {
  if (args.flag('ephemeral')) return null;
  return resolve(io.cwd, args.text('data') ?? io.env['MAESTRO_DATA'] ?? DEFAULT_FOLDER);
}
