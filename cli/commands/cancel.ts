import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { DATA_OPTION, withData } from '../data-folder.ts';
import { EXIT_DONE } from '../exit.ts';
import { followRun, printEnd } from '../follow-run.ts';
import type { Io } from '../io.ts';

const spec: CommandSpec = {
  name: 'cancel',
  usage: 'RUN',
  positionals: { min: 1, max: 1 },
  options: [{ name: 'no-wait', help: 'return when the request is on record, not when the run has ended' }, DATA_OPTION],
  description: [
    'Cancels a run: a call in flight ends, nothing new is begun, and what was done is undone in reverse. Where another',
    'process holds the data folder it is asked to; else the run is taken up here for as long as its undo takes.',
    'A run that has ended, or is being undone already, cannot be cancelled.',
  ].join('\n'),
  examples: ['maestro cancel run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V'],
};

/** `maestro cancel`. */
export const cancelCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const runId = args.positionals[0] ?? '';
  const json = args.flag('json');
  return withData(args, io, spec.name, async (operations, runtime) => {
    await operations.cancel(runId);
    // The request is on record; without a process at work it takes this one to carry it out.
    await runtime?.recover();
    if (args.flag('no-wait') && !runtime) {
      if (json) io.out(`${JSON.stringify({ id: runId, cancel_requested: true })}\n`);
      else io.err(`${runId}: cancelling\n`);
      return EXIT_DONE;
    }
    return printEnd(await followRun(operations, runId, io, json), ['cancelled'], io, json);
  });
}
