import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { runText } from '../live/run-text.ts';
import { withRuns } from '../remote/run-source.ts';
import { SERVICE_OPTIONS } from '../remote/service.ts';

const spec: CommandSpec = {
  name: 'get',
  usage: 'RUN',
  positionals: { min: 1, max: 1 },
  options: SERVICE_OPTIONS,
  description: [
    'Shows everything that is on record about a run (or a job: then its current run): its steps, its output or failure, what was undone,',
    'and what it waits for. Of a service, or of the data folder where no service is.',
  ].join('\n'),
  examples: ['maestro get run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V', 'maestro get run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --json'],
};

/** `maestro get`. */
export const getCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const envelope = await withRuns(args, io, spec.name, (source) => source.get(args.positionals[0] ?? ''));
  io.out(args.flag('json') ? `${JSON.stringify(envelope, null, 2)}\n` : runText(envelope, io.color.out));
  return EXIT_DONE;
}
