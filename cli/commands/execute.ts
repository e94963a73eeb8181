import type { RunOperations, Runtime, StartRequest } from '../../local/runtime/index.ts';
import type { Envelope } from '../../sdk/index.ts';
import type { Caller } from '../../shared/calls/index.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import { recordTo, replayFrom } from '../cassette-files.ts';
import type { Command } from '../command.ts';
import { type CompiledFile, compileSet } from '../compile-loaded.ts';
import { localCaller, openData, STORAGE_OPTIONS, told } from '../data-folder.ts';
import { CommandError, EXIT_DONE, EXIT_FAILED } from '../exit.ts';
import type { Io } from '../io.ts';
import { createProgress } from '../live/progress.ts';
import { runResultText } from '../live/run-result.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { localLimits } from '../local-limits.ts';
import { INPUT_HELP, readInput } from '../read-input.ts';
import { finishLeftRuns } from '../recover-runs.ts';
import { registrationsOf } from '../registrations.ts';

const spec: CommandSpec = {
  name: 'execute',
  usage: 'FILE',
  positionals: { min: 1, max: 1 },
  options: [
    { name: 'input', short: 'i', value: 'JSON', help: INPUT_HELP },
    { name: 'record', value: 'CASSETTE', help: 'keep what the services answer in a file' },
    { name: 'replay', value: 'CASSETTE', help: 'answer from such a file instead of calling the services' },
    { name: 'no-recover', help: 'leave runs that an earlier process did not finish where they are' },
    { name: 'lambda-endpoint', value: 'URL', help: 'where Lambda functions are invoked (default: as the AWS SDK finds it)' },
    ...STORAGE_OPTIONS,
  ],
  description: [
    'Runs a workflow on this machine, against the services it names, and waits for the end. The compiled definition',
    'runs on the embedded engine: the same steps, retries and undos as on AWS, and every step is on disk before it',
    'is called. What an earlier process did not finish is finished first. Where `maestro dev` holds the data folder,',
    'the run is handed to it. Ctrl-C cancels the run, which undoes what was done; a second one (or a SIGTERM) leaves',
    'it to be finished later.',
  ].join('\n'),
  examples: [
    `maestro execute order.yaml --input '{"order_id": "A-1"}'`,
    'maestro execute order.yaml -i @input.json --json',
    'maestro execute order.yaml -i @input.json --record order.cassette.json',
  ],
};

/** `maestro execute`. */
export const executeCommand: Command = { spec, run };

/** The caller to use, and what is to be done when the run is over. */
interface Calls {
  caller: Caller | undefined;
  save(): void;
}

async function run(args: Arguments, io: Io): Promise<number> {
  const json = args.flag('json');
  const [main, ...children] = await compileSet(loadWorkflows(args.positionals, io), io, json);
  if (!main) throw new CommandError('no_workflow', `${args.positionals[0]}: no workflow in it.`);
  const input = await readInput(args.text('input'), main.workflow, io);
  if (!json) for (const note of localLimits([main, ...children].map(({ workflow }) => workflow))) io.err(`note: ${note}\n`);
  const calls = prepareCalls(args, io);
  const request: StartRequest = {
    registrations: registrationsOf([main, ...children]),
    workflow: main.workflow.name,
    input,
    file: main.loaded.file,
  };
  const opened = await openData(args, io, {
    command: spec.name,
    role: 'execute',
    lambdaEndpoint: args.text('lambda-endpoint'),
    ...(calls.caller ? { caller: calls.caller } : {}),
  });
  if (opened.kind === 'guest') return handOver(opened.operations, request, main, args, io);
  const { runtime } = opened;
  try {
    if (!args.flag('no-recover')) await finishLeftRuns(runtime, io, json);
    const view = await orStorageFailure(runtime, follow(runtime, request, io, json));
    return finish(view, io, json);
  } finally {
    calls.save();
    await runtime.close();
  }
}

function prepareCalls(args: Arguments, io: Io): Calls {
  const { record, replay } = { record: args.text('record'), replay: args.text('replay') };
  if (record !== undefined && replay !== undefined) throw usage(spec, '--record and --replay exclude each other');
  if (replay !== undefined) return { caller: replayFrom(replay, io), save: () => {} };
  if (record !== undefined) return recordTo(record, localCaller(io, args.text('lambda-endpoint')), io);
  return { caller: undefined, save: () => {} };
}

/** Another process holds the data folder: the run is its own from here on, and this one only watches. */
async function handOver(operations: RunOperations, request: StartRequest, main: CompiledFile, args: Arguments, io: Io): Promise<number> {
  const only = ['record', 'replay', 'lambda-endpoint'].find((name) => args.text(name) !== undefined);
  const { pid, role } = await told(() => operations.status());
  if (only !== undefined) {
    throw new CommandError(
      'busy',
      `${main.loaded.file}: \`maestro ${role}\` (pid ${pid}) holds the data folder and makes the calls, so --${only} cannot be used here. Use another folder with --data, or --ephemeral.`,
    );
  }
  if (!args.flag('json')) io.err(`handed to \`maestro ${role}\` (pid ${pid}), which holds the data folder\n`);
  const view = await told(() => follow(operations, request, io, args.flag('json')));
  return finish(view, io, args.flag('json'));
}

/** Starts the run, shows it, and waits for its end. */
async function follow(operations: RunOperations, request: StartRequest, io: Io, json: boolean): Promise<Envelope> {
  const { runId } = await told(() => operations.start(request));
  const progress = json ? undefined : createProgress(io);
  const stopListening = cancelOnInterrupt(operations, runId, io, (text) => (progress ? progress.note(text) : io.err(`${text}\n`)));
  try {
    return await told(() => operations.watch(runId, (event) => progress?.event(event)));
  } finally {
    stopListening();
    progress?.end();
  }
}

function cancelOnInterrupt(operations: RunOperations, runId: string, io: Io, note: (text: string) => void): () => void {
  let asked = false;
  return io.onInterrupt((signal) => {
    // A request to terminate comes from a machine that goes down: there is no time for an undo, and what is on disk is finished later.
    if (asked || signal === 'SIGTERM') {
      note(`left as it is: ${runId} goes on with the next \`maestro execute\` or \`maestro dev\``);
      io.exitNow(EXIT_FAILED);
      return;
    }
    asked = true;
    note('cancelling: what was done is being undone (press again to leave it to be finished later)');
    operations.cancel(runId).catch((error: unknown) => note(error instanceof Error ? error.message : String(error)));
  });
}

/** A run cannot end when nothing can be written any more. */
async function orStorageFailure(runtime: Runtime, view: Promise<Envelope>): Promise<Envelope> {
  const failed = runtime.storageFailure.then((error) => {
    throw new CommandError(
      'storage',
      `data folder: it could not be written (${error.message}), so the run was stopped where it was. Nothing that was recorded is lost: make room, or make it writable, and the next \`maestro execute\` or \`maestro dev\` finishes the run.`,
      EXIT_FAILED,
    );
  });
  view.catch(() => {});
  return Promise.race([view, failed]);
}

function finish(view: Envelope, io: Io, json: boolean): number {
  if (json) io.out(`${JSON.stringify(view, null, 2)}\n`);
  else {
    io.err(runResultText(view, io.color.err));
    if (view.data.status === 'completed') io.out(`${JSON.stringify(view.data.output, null, 2)}\n`);
  }
  return view.data.status === 'completed' ? EXIT_DONE : EXIT_FAILED;
}
