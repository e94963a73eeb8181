import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { DATA_OPTION, withData } from '../data-folder.ts';
import { followRun, printEnd } from '../follow-run.ts';
import type { Io } from '../io.ts';

const spec: CommandSpec = {
  name: 'undo',
  usage: 'RUN',
  positionals: { min: 1, max: 1 },
  options: [DATA_OPTION],
  description: [
    'Tries again to undo what a run left: undos that failed are called again, in the same order and with the same',
    'keys; what is undone already is not touched. Only for runs that ended as compensation_failed.',
  ].join('\n'),
  examples: ['maestro runs --status compensation_failed', 'maestro undo run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V'],
};

/** `maestro undo`. */
export const undoCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const runId = args.positionals[0] ?? '';
  const json = args.flag('json');
  return withData(args, io, spec.name, async (operations) => {
    const { after } = await operations.undo(runId);
    return printEnd(await followRun(operations, runId, io, json, after), ['compensated', 'cancelled', 'failed'], io, json);
  });
}
