import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_DONE } from '../exit.ts';
import { followRun, printEnd } from '../follow-run.ts';
import type { Io } from '../io.ts';
import { withRuns } from '../remote/run-source.ts';
import { SERVICE_OPTIONS } from '../remote/service.ts';

const spec: CommandSpec = {
  name: 'cancel',
  usage: 'RUN',
  positionals: { min: 1, max: 1 },
  options: [
    { name: 'force', help: 'end it at once without undoing: what is owed is listed as left, and `maestro undo` can do it later' },
    { name: 'no-wait', help: 'return when the request is on record, not when the run has ended' },
    ...SERVICE_OPTIONS,
  ],
  description: [
    'Cancels a run: a call in flight ends, nothing new is begun, and what was done is undone in reverse. A service, or the process that',
    'holds the data folder, is asked to; else the run is taken up here for as long as its undo takes.',
    'A run that has ended, or is being undone already, cannot be cancelled.',
  ].join('\n'),
  examples: ['maestro cancel run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V', 'maestro cancel run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --force'],
};

/** `maestro cancel`. */
export const cancelCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const id = args.positionals[0] ?? '';
  const [json, force] = [args.flag('json'), args.flag('force')];
  return withRuns(args, io, spec.name, async (source) => {
    await source.cancel(id, { force });
    if (args.flag('no-wait') && !source.here) {
      if (json) io.out(`${JSON.stringify(await source.get(id), null, 2)}\n`);
      else io.err(`${id}: cancelling\n`);
      return EXIT_DONE;
    }
    const good = force ? ['cancelled', 'compensation_failed'] : ['cancelled'];
    return printEnd(await followRun(source, id, io, json), good, io, json);
  });
}
