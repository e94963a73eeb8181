import type { Key, KeyRequest, Scope } from '../../sdk/index.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { SERVICE_OPTIONS, withService } from '../remote/service.ts';
import { dim, red } from '../text/style.ts';
import { table } from '../text/table.ts';

const SCOPES: readonly Scope[] = ['run', 'read', 'admin'];

const spec: CommandSpec = {
  name: 'keys',
  usage: 'create NAME | list | revoke ID',
  positionals: { min: 1, max: 2 },
  options: [
    { name: 'scopes', value: 'LIST', help: `create: what it may do, of ${SCOPES.join(', ')} (default run,read)` },
    { name: 'tenant', value: 'TENANT', help: "whose keys (default: your own key's tenant; another is for the operator)" },
    { name: 'expires-in', value: 'DURATION', help: 'create: how long it is good, such as 720h (default: for ever)' },
    { name: 'rate-limit', value: 'NUMBER', help: 'create: requests a minute' },
    ...SERVICE_OPTIONS,
  ],
  description: [
    'API keys of a service, with a key of scope admin. `create` prints the key alone on standard output, this once: the service keeps',
    'only its hash. A revoked key is refused from then on.',
  ].join('\n'),
  examples: [
    'maestro keys create ci --scopes run --expires-in 720h',
    'MAESTRO_API_KEY=$(maestro keys create laptop) maestro runs --url http://127.0.0.1:8080',
    'maestro keys revoke 9413e30a815fa8bc',
  ],
};

/** `maestro keys`. */
export const keysCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const [action, name] = args.positionals;
  if (action === 'list' && name === undefined) return list(args, io);
  if (action === 'create' && name !== undefined) return create(name, args, io);
  if (action === 'revoke' && name !== undefined) return revoke(name, args, io);
  if (action === 'create') throw usage(spec, 'create: NAME is missing; expected a name to know the key by, such as `ci`');
  if (action === 'revoke') throw usage(spec, 'revoke: ID is missing; `maestro keys list` shows the ids');
  throw usage(spec, `"${args.positionals.join(' ')}" is none of: ${spec.usage}`);
}

async function create(name: string, args: Arguments, io: Io): Promise<number> {
  const request = readRequest(name, args);
  const key = await withService(args, io, spec.name, (maestro) => maestro.keys.create(request));
  if (args.flag('json')) io.out(`${JSON.stringify(key, null, 2)}\n`);
  else {
    io.err(`key ${key.id} (${key.name}) of tenant ${key.tenant}: ${key.scopes.join(', ')}. It is shown this once; keep it now.\n`);
    io.out(`${key.key}\n`);
  }
  return EXIT_DONE;
}

function readRequest(name: string, args: Arguments): KeyRequest {
  const scopes = (args.text('scopes') ?? 'run,read').split(',').map((given) => {
    const scope = SCOPES.find((each) => each === given.trim());
    if (scope === undefined) throw usage(spec, `--scopes has "${given}"; expected a list such as run,read of ${SCOPES.join(', ')}`);
    return scope;
  });
  const [expiresIn, rateLimit] = [args.text('expires-in'), args.text('rate-limit')];
  const perMinute = Number(rateLimit ?? 1);
  if (!Number.isInteger(perMinute) || perMinute < 1)
    throw usage(spec, `--rate-limit is "${rateLimit}"; expected a number of requests a minute`);
  return {
    name,
    scopes,
    ...ofTenant(args),
    ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
    ...(rateLimit === undefined ? {} : { rate_limit: perMinute }),
  };
}

async function list(args: Arguments, io: Io): Promise<number> {
  const keys = await withService(args, io, spec.name, (maestro) => maestro.keys.list(ofTenant(args)));
  if (args.flag('json')) io.out(`${JSON.stringify(keys, null, 2)}\n`);
  else if (keys.data.length === 0) io.err('no keys\n');
  else io.out(table(keys.data.map((key) => keyRow(key, io.color.out))));
  return EXIT_DONE;
}

async function revoke(id: string, args: Arguments, io: Io): Promise<number> {
  const key = await withService(args, io, spec.name, (maestro) => maestro.keys.revoke(id, ofTenant(args)));
  if (args.flag('json')) io.out(`${JSON.stringify(key, null, 2)}\n`);
  else io.err(`key ${id}: revoked\n`);
  return EXIT_DONE;
}

function ofTenant(args: Arguments): { tenant?: string } {
  const tenant = args.text('tenant');
  return tenant === undefined ? {} : { tenant };
}

function keyRow({ id, name, tenant, scopes, created_at, expires_at, revoked_at }: Key, color: boolean): string[] {
  const state = revoked_at !== null ? red(`revoked ${revoked_at}`, color) : expires_at === null ? '' : `expires ${expires_at}`;
  return [id, name, tenant, scopes.join(','), dim(created_at, color), state];
}
