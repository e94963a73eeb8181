// `--record FILE` and `--replay FILE`: what the services answered, kept and given again.

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Caller } from '../shared/calls/index.ts';
import { type CassetteCall, cassetteText, parseCassette, recordingCaller, replayingCaller } from '../shared/observe/index.ts';
import { CommandError, EXIT_FAILED } from './exit.ts';
import { readBytes } from './files.ts';
import type { Io } from './io.ts';

/** The most that a cassette may have. */
const MAX_CASSETTE_BYTES = 256 * 1024 * 1024;

/** A caller that answers from a cassette and never from the network. @throws CommandError when the file is none */
export function replayFrom(file: string, io: Io): Caller {
  const text = new TextDecoder().decode(readBytes(file, io, 'a cassette', MAX_CASSETTE_BYTES));
  try {
    return replayingCaller(parseCassette(text));
  } catch (error) {
    throw new CommandError('cassette', `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Records what a caller is answered. `save` writes the file; it is tried once with nothing in it, so that a run is not made in vain. */
export function recordTo(file: string, caller: Caller, io: Io): { caller: Caller; save(): void } {
  const calls: CassetteCall[] = [];
  const save = (): void => {
    try {
      writeFileSync(resolve(io.cwd, file), cassetteText(calls));
    } catch (error) {
      throw new CommandError(
        'file',
        `${file}: the cassette could not be written (${error instanceof Error ? error.message : String(error)}).`,
        calls.length > 0 ? EXIT_FAILED : undefined,
      );
    }
  };
  save();
  return { caller: recordingCaller(caller, (call) => void calls.push(call)), save };
}
