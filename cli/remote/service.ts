// Which Maestro service a command speaks to: the one that is named, else the `maestro dev` that holds the data folder.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Maestro } from '../../sdk/index.ts';
import { type Arguments, type OptionSpec, usage } from '../arguments.ts';
import { DATA_OPTION, dataFolder } from '../data-option.ts';
import { CommandError } from '../exit.ts';
import type { Io } from '../io.ts';
import { told } from './refusals.ts';

/** Where `maestro dev` keeps its first key. */
const KEY_FILE = 'api-key';

/** Who waits at a terminal wants to know soon that there is nobody. */
const RETRIES = 2;

/** Of every command that asks a service. */
export const SERVICE_OPTIONS: OptionSpec[] = [
  { name: 'url', value: 'URL', help: 'the service (default $MAESTRO_URL, else the `maestro dev` that holds the data folder)' },
  { name: 'key', value: 'KEY', help: 'its API key (better in $MAESTRO_API_KEY, where other users of this machine do not see it)' },
  DATA_OPTION,
];

export interface Remote {
  url: string;
  maestro: Maestro;
}

/**
 * The service that the arguments mean; undefined where none is named and no `maestro dev` holds the data folder.
 * @throws CommandError for a URL or a key that cannot be one
 */
export async function findService(args: Arguments, io: Io, command: string): Promise<Remote | undefined> {
  const named = args.text('url');
  if (named !== undefined && args.text('data') !== undefined) throw usage({ name: command }, '--url and --data exclude each other');
  const fromEnvironment = args.text('data') === undefined ? io.env['MAESTRO_URL'] : undefined;
  const url = named ?? (fromEnvironment === '' ? undefined : fromEnvironment);
  if (url !== undefined) return connect(url, args.text('key') ?? io.env['MAESTRO_API_KEY'], command);
  const folder = dataFolder(args, io);
  if (folder === null || !existsSync(folder)) return undefined;
  // Loaded only now: who speaks to a service elsewhere does not pay for the engine.
  const { findHolder } = await import('../../local/runtime/index.ts');
  const holder = await findHolder(folder);
  const api = (await holder?.status())?.urls['api'];
  return api === undefined ? undefined : connect(api, args.text('key') ?? keyOf(folder), command);
}

/**
 * Does something with the service that the arguments mean.
 * @throws CommandError `no_service` where there is none, and for whatever the service refuses
 */
export async function withService<T>(args: Arguments, io: Io, command: string, work: (maestro: Maestro) => Promise<T>): Promise<T> {
  const remote = await findService(args, io, command);
  if (remote) return told(remote.url, () => work(remote.maestro));
  throw new CommandError(
    'no_service',
    `maestro ${command}: no service was named, and no \`maestro dev\` holds the data folder ${dataFolder(args, io)}. Start \`maestro dev\` there, or name a service with --url (or MAESTRO_URL).`,
  );
}

function connect(url: string, key: string | undefined, command: string): Remote {
  try {
    return { url, maestro: new Maestro({ baseUrl: url, retries: RETRIES, ...(key ? { apiKey: key } : {}) }) };
  } catch (error) {
    throw usage({ name: command }, error instanceof Error ? error.message : String(error));
  }
}

function keyOf(folder: string): string | undefined {
  const file = join(folder, KEY_FILE);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}
