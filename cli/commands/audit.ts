import type { AuditVerdict, Receipt } from '../../sdk/index.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_DONE, EXIT_FAILED } from '../exit.ts';
import type { Io } from '../io.ts';
import { SERVICE_OPTIONS, withService } from '../remote/service.ts';
import { dim, green, red } from '../text/style.ts';
import { table } from '../text/table.ts';

const spec: CommandSpec = {
  name: 'audit',
  usage: 'list | verify',
  positionals: { min: 1, max: 1 },
  options: [
    { name: 'limit', short: 'n', value: 'NUMBER', help: 'list: at most this many (1 to 500)' },
    { name: 'cursor', value: 'CURSOR', help: 'list: go on where an earlier page ended' },
    ...SERVICE_OPTIONS,
  ],
  description: [
    'The audit chain: who did what, when and how, each receipt signed together with the one before it. `verify` walks all of it and',
    'finds what was altered, removed, swapped or cut off; its exit status is 1 where it finds something.',
  ].join('\n'),
  examples: ['maestro audit verify', 'maestro audit list --limit 20 --json | jq .data[].subject'],
};

/** `maestro audit`. */
export const auditCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const [action] = args.positionals;
  if (action === 'list') return list(args, io);
  if (action === 'verify') return verify(args, io);
  throw usage(spec, `"${action}" is none of: ${spec.usage}`);
}

async function list(args: Arguments, io: Io): Promise<number> {
  const [limit, cursor] = [args.text('limit'), args.text('cursor')];
  const most = Number(limit ?? 1);
  if (!Number.isInteger(most) || most < 1 || most > 500) throw usage(spec, `--limit is "${limit}"; it can be 1 to 500`);
  const query = { ...(limit === undefined ? {} : { limit: most }), ...(cursor === undefined ? {} : { cursor }) };
  const page = await withService(args, io, spec.name, (maestro) => maestro.audit.list(query));
  if (args.flag('json')) io.out(`${JSON.stringify(page, null, 2)}\n`);
  else {
    io.out(table(page.data.map((receipt) => receiptRow(receipt, io.color.out))));
    if (page.cursor !== null) io.err(`there is more: --cursor ${page.cursor}\n`);
  }
  return EXIT_DONE;
}

async function verify(args: Arguments, io: Io): Promise<number> {
  const verdict = await withService(args, io, spec.name, (maestro) => maestro.audit.verify());
  if (args.flag('json')) io.out(`${JSON.stringify(verdict, null, 2)}\n`);
  else io.out(verdictText(verdict, io.color.out));
  return verdict.ok ? EXIT_DONE : EXIT_FAILED;
}

function verdictText({ ok, receipts, chains, problems }: AuditVerdict, color: boolean): string {
  const walked = `${receipts} receipts in ${chains} chains`;
  if (ok) return `${green('✓', color)} ${walked}: every one is as it was written\n`;
  const lines = problems.map(({ chain, seq, problem, message }) => `  chain ${chain}, receipt ${seq}: ${red(problem, color)}: ${message}`);
  return [`${red('✗', color)} ${walked}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`, ...lines, ''].join('\n');
}

function receiptRow({ created_at, tenant, auth_mode, source, subject, chain, seq }: Receipt, color: boolean): string[] {
  const said = Object.entries(subject).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [dim(created_at, color), `${chain}/${seq}`, tenant, auth_mode, `${source.method} ${source.route}`, said.join(' ')];
}
