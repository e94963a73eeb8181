import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { DATA_OPTION, withData } from '../data-folder.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { statusText } from '../text/status.ts';
import { table } from '../text/table.ts';

const spec: CommandSpec = {
  name: 'breakers',
  usage: '',
  positionals: { min: 0, max: 0 },
  options: [{ name: 'reset', value: 'ORIGIN', help: 'close this breaker by hand' }, DATA_OPTION],
  description: 'Lists the circuit breakers of this data folder: one for each origin that ever failed.',
  examples: ['maestro breakers', 'maestro breakers --reset http://127.0.0.1:4710'],
};

/** `maestro breakers`. */
export const breakersCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const origin = args.text('reset');
  const breakers = await withData(args, io, spec.name, async (operations) => {
    if (origin !== undefined && !(await operations.resetBreaker(origin))) {
      throw new CommandError('not_found', `breaker ${origin}: there is none of that origin. \`maestro breakers\` lists them.`);
    }
    return operations.breakers();
  }).catch((error: unknown) => {
    if (origin === undefined && error instanceof CommandError && error.code === 'no_data') return [];
    throw error;
  });
  if (args.flag('json')) io.out(`${JSON.stringify({ breakers }, null, 2)}\n`);
  else if (breakers.length === 0) io.err('no breaker ever counted a failure\n');
  else
    io.out(
      table(
        breakers.map((each) => [each.origin, statusText(each.state, io.color.out), each.retry_at === null ? '' : `until ${each.retry_at}`]),
      ),
    );
  return EXIT_DONE;
}
