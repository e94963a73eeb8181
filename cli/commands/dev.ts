import { createEndpoint, type Endpoint } from '../../local/endpoint/index.ts';
import type { Runtime } from '../../local/runtime/index.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { dataFolder, openData, STORAGE_OPTIONS, told } from '../data-folder.ts';
import { createDevLog } from '../dev/dev-log.ts';
import { watchWorkflows } from '../dev/watch-workflows.ts';
import { CommandError, EXIT_DONE, EXIT_FAILED } from '../exit.ts';
import type { Io } from '../io.ts';

const DEFAULT_PORT = 8083;

const spec: CommandSpec = {
  name: 'dev',
  usage: '[FILE...]',
  positionals: { min: 0, max: 1000 },
  options: [
    { name: 'port', short: 'p', value: 'PORT', help: `port of the Step Functions API (default ${DEFAULT_PORT}; 0 takes a free one)` },
    { name: 'host', value: 'ADDRESS', help: 'address to listen at (default 127.0.0.1: only this machine)' },
    { name: 'lambda-endpoint', value: 'URL', help: "a Lambda Invoke API for functions that are not maestro's own" },
    ...STORAGE_OPTIONS,
  ],
  description: [
    'Keeps the engine running over a data folder and serves the AWS Step Functions API, so that the AWS CLI and SDKs',
    'work with `--endpoint-url`. Workflow files are registered as state machines and compiled again whenever they are',
    'saved; FILE may be a folder (default: this one). Runs that an earlier process left go on. `maestro execute`,',
    '`get`, `cancel` and the others ask this process while it runs. Ctrl-C drains: calls in flight end and are recorded;',
    'everything else goes on at the next start.',
  ].join('\n'),
  examples: [
    'maestro dev workflows/',
    'maestro dev order.yaml --data /var/lib/maestro --port 8083',
    'aws stepfunctions list-state-machines --endpoint-url http://127.0.0.1:8083 --region us-east-1',
  ],
};

/** `maestro dev`. */
export const devCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const port = readPort(args.text('port'));
  const log = createDevLog(io, args.flag('json'));
  const urls: { [name: string]: string } = {};
  const opened = await openData(args, io, {
    command: spec.name,
    role: 'dev',
    urls,
    lambdaEndpoint: args.text('lambda-endpoint'),
    onRunEvent: (runId, event) => log.event(runId, event),
    onProblem: (error) => log.problem(error.message),
  });
  if (opened.kind === 'guest') {
    const { pid, role } = await told(() => opened.operations.status());
    throw new CommandError(
      'busy',
      `data folder ${dataFolder(args, io)}: \`maestro ${role}\` (pid ${pid}) holds it. Stop that process, or use another folder with --data.`,
    );
  }
  const { runtime } = opened;
  let endpoint: Endpoint | undefined;
  try {
    endpoint = await listen(runtime, args.text('host') ?? '127.0.0.1', port, (error) => log.problem(error));
    urls['step_functions'] = endpoint.url;
    const watch = await watchWorkflows(args.positionals.length > 0 ? args.positionals : ['.'], io, runtime, log);
    const left = await runtime.recover();
    log.ready({ urls, dataFolder: dataFolder(args, io), left: left.length });
    const status = await untilStopped(runtime, io, log);
    watch.close();
    return status;
  } finally {
    await endpoint?.close();
    await runtime.close();
    log.close();
  }
}

/** Resolves on Ctrl-C, or when storage fails. The second Ctrl-C does not wait. */
function untilStopped(runtime: Runtime, io: Io, log: ReturnType<typeof createDevLog>): Promise<number> {
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

async function listen(runtime: Runtime, host: string, port: number, onError: (message: string) => void): Promise<Endpoint> {
  try {
    return await createEndpoint({
      engine: runtime.engine,
      host,
      port,
      onError: (error) => onError(error instanceof Error ? error.message : String(error)),
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    const why = code === 'EADDRINUSE' ? 'it is in use' : error instanceof Error ? error.message : String(error);
    throw new CommandError(
      'port',
      `${host}:${port}: the Step Functions API cannot listen there (${why}). Choose another port with --port; 0 takes a free one.`,
    );
  }
}

function readPort(given: string | undefined): number {
  const port = given === undefined ? DEFAULT_PORT : Number(given);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usage(spec, `--port is "${given}"; it can be 0 to 65535`);
  return port;
}
