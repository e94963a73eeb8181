import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { DATA_OPTION, withData } from '../data-folder.ts';
import { EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { runText } from '../live/run-text.ts';

const spec: CommandSpec = {
  name: 'get',
  usage: 'RUN',
  positionals: { min: 1, max: 1 },
  options: [DATA_OPTION],
  description: 'Shows everything that is on record about a run: its steps, its output or failure, what was undone.',
  examples: ['maestro get run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V', 'maestro get run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --json'],
};

/** `maestro get`. */
export const getCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const view = await withData(args, io, spec.name, (operations) => operations.get(args.positionals[0] ?? ''));
  io.out(args.flag('json') ? `${JSON.stringify(view, null, 2)}\n` : runText(view, io.color.out));
  return EXIT_DONE;
}
