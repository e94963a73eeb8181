import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import type { Io } from '../io.ts';
import { SERVICE_OPTIONS, withService } from '../remote/service.ts';
import { showRun, watchRun } from '../remote/show-run.ts';

const spec: CommandSpec = {
  name: 'retry',
  usage: 'RUN',
  positionals: { min: 1, max: 1 },
  options: [{ name: 'follow', short: 'f', help: 'show the new run live, to its end' }, ...SERVICE_OPTIONS],
  description: [
    'Runs a job again that has failed: a new run, with the same input. It goes on from the failed step where nothing was undone and',
    'nothing is in doubt; else it begins anew.',
  ].join('\n'),
  examples: ['maestro runs --status failed', 'maestro retry run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --follow'],
};

/** `maestro retry`. */
export const retryCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const json = args.flag('json');
  return withService(args, io, spec.name, async (maestro) => {
    const envelope = await maestro.orchestrate.retry(args.positionals[0] ?? '');
    if (!args.flag('follow')) return showRun(envelope, io, json);
    return watchRun(maestro, (signal) => maestro.orchestrate.stream(envelope.data.run_id, { signal }), io, json);
  });
}
