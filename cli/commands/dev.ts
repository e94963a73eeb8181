import type { Runtime } from '../../local/runtime/index.ts';
import { ENV } from '../../shared/protocol/environment.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { openData, STORAGE_OPTIONS, told } from '../data-folder.ts';
import { dataFolder } from '../data-option.ts';
import { createDevLog, type DevLog } from '../dev/dev-log.ts';
import { type DevServer, startDevServer } from '../dev/dev-server.ts';
import { CommandError, EXIT_DONE, EXIT_FAILED } from '../exit.ts';
import type { Io } from '../io.ts';

const DEFAULT_PORT = 8080;
const DEFAULT_SFN_PORT = 8083;
const DEFAULT_HOST = '127.0.0.1';

const spec: CommandSpec = {
  name: 'dev',
  usage: '[FILE...]',
  positionals: { min: 0, max: 1000 },
  options: [
    { name: 'port', short: 'p', value: 'PORT', help: `port of the API (default ${DEFAULT_PORT}; 0 takes a free one)` },
    {
      name: 'sfn-port',
      value: 'PORT',
      help: `port of the Step Functions API (default ${DEFAULT_SFN_PORT}, or a free one with --port 0)`,
    },
    {
      name: 'host',
      value: 'ADDRESS',
      help: `address of the API (default ${DEFAULT_HOST}: only this machine, as the Step Functions API always is)`,
    },
    { name: 'lambda-endpoint', value: 'URL', help: "a Lambda Invoke API for functions that are not maestro's own" },
    ...STORAGE_OPTIONS,
  ],
  description: [
    'Maestro as a service, whole on this machine over one data folder: the API that AWS would serve, schedules and event triggers, and',
    'the AWS Step Functions API, so that the AWS CLI and SDKs work with `--endpoint-url`. Workflow files are compiled again whenever they',
    'are saved; FILE may be a folder (default: this one). Runs that an earlier process left go on. The first API key is printed and kept',
    'in the data folder, where `maestro run`, `get`, `events` and the others find it. Ctrl-C drains: calls in flight end and are',
    'recorded; everything else goes on at the next start. $MAESTRO_API_URL is where services reach the API to answer callbacks, if that is',
    'not the address it listens at.',
  ].join('\n'),
  examples: [
    'maestro dev workflows/',
    'maestro dev order.yaml --data /var/lib/maestro --port 9000',
    'aws stepfunctions list-state-machines --endpoint-url http://127.0.0.1:8083 --region us-east-1',
  ],
};

/** `maestro dev`. */
export const devCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const port = readPort(args, 'port', DEFAULT_PORT);
  const sfnPort = readPort(args, 'sfn-port', port === 0 ? 0 : DEFAULT_SFN_PORT);
  const folder = dataFolder(args, io);
  const log = createDevLog(io, args.flag('json'));
  const urls: { [name: string]: string } = {};
  const reachedAt = io.env[ENV.apiUrl]?.replace(/\/+$/, '');
  const opened = await openData(args, io, {
    command: spec.name,
    role: 'dev',
    urls,
    lambdaEndpoint: args.text('lambda-endpoint'),
    callbackUrl: (token) => `${reachedAt ?? urls['api']}/api/v2/callbacks/${encodeURIComponent(token)}`,
    onRunEvent: (runId, event) => log.event(runId, event),
    onProblem: (error) => log.problem(error.message),
  });
  if (opened.kind === 'guest') {
    const { pid, role } = await told(() => opened.operations.status());
    throw new CommandError(
      'busy',
      `data folder ${folder}: \`maestro ${role}\` (pid ${pid}) holds it. Stop that process, or use another folder with --data.`,
    );
  }
  const { runtime } = opened;
  let server: DevServer | undefined;
  try {
    server = await startDevServer({
      runtime,
      io,
      log,
      urls,
      dataFolder: folder,
      host: args.text('host') ?? DEFAULT_HOST,
      port,
      sfnPort,
      files: args.positionals.length > 0 ? args.positionals : ['.'],
    });
    log.ready({ urls, dataFolder: folder, left: server.left, apiKey: server.apiKey });
    return await untilStopped(runtime, io, log);
  } finally {
    await server?.close();
    await runtime.close();
    log.close();
  }
}

/** Resolves on Ctrl-C, or when storage fails. The second Ctrl-C does not wait. */
function untilStopped(runtime: Runtime, io: Io, log: DevLog): Promise<number> {
  return new Promise((resolve) => {
    let asked = false;
    io.onInterrupt(() => {
      if (asked) return io.exitNow(EXIT_FAILED);
      asked = true;
      log.note('draining: calls in flight end and are recorded (press again to leave at once)');
      resolve(EXIT_DONE);
    });
    void runtime.storageFailure.then((error) => {
      log.problem(
        `data folder: it could not be written (${error.message}). Nothing that was recorded is lost; make room, or make it writable, and start again.`,
      );
      resolve(EXIT_FAILED);
    });
  });
}

function readPort(args: Arguments, name: string, ifNone: number): number {
  const given = args.text(name);
  const port = given === undefined ? ifNone : Number(given);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usage(spec, `--${name} is "${given}"; it can be 0 to 65535`);
  return port;
}
