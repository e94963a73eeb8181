import type { ListQuery, RunList } from '../../sdk/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { RUN_STATUSES } from '../../shared/contract/index.ts';
import { parseDuration } from '../../shared/workflow/index.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { orNothing, withRuns } from '../remote/run-source.ts';
import { SERVICE_OPTIONS } from '../remote/service.ts';
import { durationText } from '../text/duration.ts';
import { statusText } from '../text/status.ts';
import { dim } from '../text/style.ts';
import { table } from '../text/table.ts';

const spec: CommandSpec = {
  name: 'runs',
  usage: '',
  positionals: { min: 0, max: 0 },
  options: [
    { name: 'status', value: 'STATUS', help: `only runs with this status: ${RUN_STATUSES.join(', ')}` },
    { name: 'workflow', value: 'NAME', help: 'only runs of this workflow' },
    { name: 'since', value: 'DURATION', help: 'only runs begun within this time, such as 2h or 30m' },
    { name: 'limit', short: 'n', value: 'NUMBER', help: 'at most this many (1 to 100, default 20)' },
    { name: 'cursor', value: 'CURSOR', help: 'go on where an earlier page ended' },
    ...SERVICE_OPTIONS,
  ],
  description: 'Lists runs, newest first: of a service, or of the data folder where no service is.',
  examples: ['maestro runs', 'maestro runs --status compensation_failed --since 24h', 'maestro runs --json | jq .data[0].id'],
};

/** `maestro runs`. */
export const runsCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const query = readQuery(args);
  const list = await withRuns(args, io, spec.name, (source) => source.list(query)).catch(
    orNothing<RunList>({ object: 'list', data: [], cursor: null }, args, io),
  );
  if (args.flag('json')) io.out(`${JSON.stringify(list, null, 2)}\n`);
  else if (list.data.length === 0) io.err('no runs\n');
  else {
    const color = io.color.out;
    const rows = list.data.map((each) => [
      each.id,
      each.workflow,
      statusText(each.status, color),
      each.created_at,
      each.duration_ms === null ? '' : dim(durationText(each.duration_ms), color),
    ]);
    io.out(table(rows));
    if (list.cursor !== null) io.err(`there is more: --cursor '${list.cursor}'\n`);
  }
  return EXIT_DONE;
}

function readQuery(args: Arguments): ListQuery {
  const [status, since, limit] = [args.text('status'), args.text('since'), args.text('limit')];
  const known = RUN_STATUSES.find((each) => each === status);
  if (status !== undefined && known === undefined) throw usage(spec, `--status is "${status}"; it can be ${RUN_STATUSES.join(', ')}`);
  const sinceMs = since === undefined ? undefined : parseDuration(since);
  if (sinceMs === null) throw usage(spec, `--since is "${since}"; expected a duration such as 2h or 30m`);
  const most = limit === undefined ? undefined : Number(limit);
  if (most !== undefined && !(Number.isInteger(most) && most >= 1 && most <= 100))
    throw usage(spec, `--limit is "${limit}"; it can be 1 to 100`);
  const [workflow, cursor] = [args.text('workflow'), args.text('cursor')];
  return {
    ...(known === undefined ? {} : { status: known }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(sinceMs === undefined ? {} : { since: new Date(systemClock.now() - sinceMs).toISOString() }),
    ...(most === undefined ? {} : { limit: most }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}
