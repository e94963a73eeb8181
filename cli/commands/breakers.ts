import type { BreakerList } from '../../sdk/index.ts';
import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { orNothing, withRuns } from '../remote/run-source.ts';
import { SERVICE_OPTIONS } from '../remote/service.ts';
import { statusText } from '../text/status.ts';
import { table } from '../text/table.ts';

const spec: CommandSpec = {
  name: 'breakers',
  usage: '',
  positionals: { min: 0, max: 0 },
  options: [{ name: 'reset', value: 'ORIGIN', help: 'close this breaker by hand' }, ...SERVICE_OPTIONS],
  description: 'Lists the circuit breakers of a service, or of the data folder where no service is: one for each origin that ever failed.',
  examples: ['maestro breakers', 'maestro breakers --reset http://127.0.0.1:4710'],
};

/** `maestro breakers`. */
export const breakersCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const origin = args.text('reset');
  const asked = withRuns(args, io, spec.name, async (source) => {
    if (origin !== undefined && !(await source.resetBreaker(origin))) {
      throw new CommandError('not_found', `breaker ${origin}: there is none of that origin. \`maestro breakers\` lists them.`);
    }
    return source.breakers();
  });
  const list = origin === undefined ? await asked.catch(orNothing<BreakerList>({ object: 'list', data: [] }, args, io)) : await asked;
  if (args.flag('json')) io.out(`${JSON.stringify(list, null, 2)}\n`);
  else if (list.data.length === 0) io.err('no breaker ever counted a failure\n');
  else
    io.out(
      table(
        list.data.map((each) => [
          each.origin,
          statusText(each.state, io.color.out),
          each.retry_at === null ? '' : `until ${each.retry_at}`,
        ]),
      ),
    );
  return EXIT_DONE;
}
