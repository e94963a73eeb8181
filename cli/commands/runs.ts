import type { RunList } from '../../sdk/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { RUN_STATUSES, type RunStatus } from '../../shared/runs/index.ts';
import { parseDuration } from '../../shared/workflow/index.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { DATA_OPTION, withData } from '../data-folder.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
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
    DATA_OPTION,
  ],
  description: 'Lists runs of this data folder, newest first.',
  examples: ['maestro runs', 'maestro runs --status compensation_failed --since 24h', 'maestro runs --json | jq .data[0].id'],
};

/** `maestro runs`. */
export const runsCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const request = readRequest(args);
  const list: RunList = await withData(args, io, spec.name, (operations) => operations.list(request)).catch((error: unknown) => {
    if (error instanceof CommandError && error.code === 'no_data') return { object: 'list', data: [], cursor: null } as const;
    throw error;
  });
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
  }
  return EXIT_DONE;
}

function readRequest(args: Arguments): { status?: RunStatus; workflow?: string; sinceMs?: number; limit?: number } {
  const [status, workflow, since, limit] = [args.text('status'), args.text('workflow'), args.text('since'), args.text('limit')];
  const known = RUN_STATUSES.find((each) => each === status);
  if (status !== undefined && known === undefined) throw usage(spec, `--status is "${status}"; it can be ${RUN_STATUSES.join(', ')}`);
  const sinceMs = since === undefined ? undefined : parseDuration(since);
  if (sinceMs === null) throw usage(spec, `--since is "${since}"; expected a duration such as 2h or 30m`);
  const most = limit === undefined ? undefined : Number(limit);
  if (most !== undefined && !(Number.isInteger(most) && most >= 1 && most <= 100))
    throw usage(spec, `--limit is "${limit}"; it can be 1 to 100`);
  return {
    ...(known === undefined ? {} : { status: known }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(sinceMs === undefined ? {} : { sinceMs: systemClock.now() - sinceMs }),
    ...(most === undefined ? {} : { limit: most }),
  };
}
