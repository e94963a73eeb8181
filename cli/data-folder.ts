// Opening the data folder, with everything a run needs.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LambdaClient } from '../local/endpoint/index.ts';
import { type Opened, openRuntime, type RunOperations, type Runtime, type RuntimeOptions, RuntimeProblem } from '../local/runtime/index.ts';
import { type Caller, createCaller, createEnvironment } from '../shared/calls/index.ts';
import { systemClock } from '../shared/clock.ts';
import { type Arguments, type OptionSpec, usage } from './arguments.ts';
import { DATA_OPTION, dataFolder } from './data-option.ts';
import { CommandError, EXIT_FAILED, EXIT_USAGE } from './exit.ts';
import type { Io } from './io.ts';
import { VERSION } from './version.ts';

export const STORAGE_OPTIONS: OptionSpec[] = [
  DATA_OPTION,
  { name: 'ephemeral', help: 'keep nothing: everything in memory, gone when the process ends' },
  { name: 'durability', value: 'LEVEL', help: 'power (default: survives power loss) or process (survives kill -9, writes less)' },
];

export interface OpenOptions {
  command: string;
  role: string;
  /** What calls the services. Default: real calls, with the environment and the `.env` file of the current folder. */
  caller?: Caller;
  urls?: { [name: string]: string };
  lambdaEndpoint?: string | undefined;
  /** Default: the address at which other commands ask the holder of the folder. */
  callbackUrl?: NonNullable<RuntimeOptions['callbackUrl']>;
  onRunEvent?: NonNullable<RuntimeOptions['onRunEvent']>;
  onProblem?: NonNullable<RuntimeOptions['onProblem']>;
}

/**
 * Opens the data folder that the arguments mean.
 * @throws CommandError when it cannot be used
 */
export async function openData(args: Arguments, io: Io, options: OpenOptions): Promise<Opened> {
  const durability = args.text('durability') ?? 'power';
  if (durability !== 'power' && durability !== 'process') {
    throw usage({ name: options.command }, `--durability is "${durability}"; it can be power or process`);
  }
  if (args.flag('ephemeral') && args.text('data') !== undefined)
    throw usage({ name: options.command }, '--ephemeral and --data exclude each other');
  return told(() =>
    openRuntime(dataFolder(args, io), () => ({
      durability,
      caller: options.caller ?? localCaller(io, options.lambdaEndpoint),
      holder: { version: VERSION, role: options.role, urls: options.urls ?? {} },
      // Only there triggers can match it.
      announceEnds: options.role === 'dev',
      ...(options.lambdaEndpoint === undefined ? {} : { foreignLambda: foreignLambda(options.lambdaEndpoint) }),
      ...(options.callbackUrl ? { callbackUrl: options.callbackUrl } : {}),
      ...(options.onRunEvent ? { onRunEvent: options.onRunEvent } : {}),
      ...(options.onProblem ? { onProblem: options.onProblem } : {}),
    })),
  );
}

/** State machines that name a function directly have it called at the Lambda endpoint. Loaded when one does. */
function foreignLambda(endpoint: string): NonNullable<RuntimeOptions['foreignLambda']> {
  let client: Promise<LambdaClient> | undefined;
  return async (call) => {
    client ??= import('../local/endpoint/index.ts').then(({ createLambdaClient }) => createLambdaClient({ endpoint }));
    return (await client).lambda(call);
  };
}

/** Calls services from this machine: private addresses allowed, `env.` and `secret.` from the environment and `.env`. */
export function localCaller(io: Io, lambdaEndpoint?: string): Caller {
  const file = join(io.cwd, '.env');
  const environment = createEnvironment({
    kind: 'local',
    variables: io.env,
    ...(existsSync(file) ? { dotenv: readFileSync(file, 'utf8') } : {}),
  });
  return createCaller({
    environment,
    egress: { allowPrivate: true },
    clock: systemClock,
    ...(lambdaEndpoint === undefined ? {} : { lambda: { endpoint: lambdaEndpoint } }),
  });
}

/**
 * Asks the data folder something: its holder, where there is one, else it is opened for as long as `ask` takes.
 * @param ask gets the runtime where this process is the holder
 * @throws CommandError `no_data` when there is no such folder
 */
export async function withData<T>(
  args: Arguments,
  io: Io,
  command: string,
  ask: (operations: RunOperations, runtime: Runtime | null) => Promise<T>,
): Promise<T> {
  const folder = dataFolder(args, io);
  if (folder === null || !existsSync(folder)) {
    throw new CommandError(
      'no_data',
      `data folder ${folder}: there is none. Runs are kept where \`maestro dev\` or \`maestro execute\` was started; name that folder with --data.`,
    );
  }
  const opened = await openData(args, io, { command, role: command });
  if (opened.kind === 'guest') return told(() => ask(opened.operations, null));
  try {
    return await told(() => ask(opened.runtime, opened.runtime));
  } finally {
    await opened.runtime.close();
  }
}

/** Problems of the runtime as this command's: what the user can do something about is wrong usage, the rest a failure. */
export async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RuntimeProblem)
      throw new CommandError(error.code, error.message, error.code === 'holder' ? EXIT_FAILED : EXIT_USAGE);
    throw error;
  }
}
