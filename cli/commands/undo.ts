import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { followRun, printEnd } from '../follow-run.ts';
import type { Io } from '../io.ts';
import { withRuns } from '../remote/run-source.ts';
import { SERVICE_OPTIONS } from '../remote/service.ts';

const spec: CommandSpec = {
  name: 'undo',
  usage: 'RUN',
  positionals: { min: 1, max: 1 },
  options: SERVICE_OPTIONS,
  description: [
    'Tries again to undo what a run left: undos that failed are called again, in the same order and with the same',
    'keys; what is undone already is not touched. Only for runs that ended as compensation_failed.',
  ].join('\n'),
  examples: ['maestro runs --status compensation_failed', 'maestro undo run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V'],
};

/** `maestro undo`. */
export const undoCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const id = args.positionals[0] ?? '';
  const json = args.flag('json');
  return withRuns(args, io, spec.name, async (source) => {
    const after = await source.undo(id);
    return printEnd(await followRun(source, id, io, json, after), ['compensated', 'cancelled', 'failed'], io, json);
  });
}
