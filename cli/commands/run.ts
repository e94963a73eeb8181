import { type Maestro, MaestroError } from '../../sdk/index.ts';
import { isJsonObject, type JsonObject } from '../../shared/json.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { CommandError } from '../exit.ts';
import type { Io } from '../io.ts';
import { nearest } from '../nearest.ts';
import { INPUT_HELP, readJson } from '../read-input.ts';
import { SERVICE_OPTIONS, withService } from '../remote/service.ts';
import { showRun, watchRun } from '../remote/show-run.ts';

const LOOKS_LIKE_A_FILE = /[/\\]|\.ya?ml$/i;

const MODES = ['sync', 'async', 'queued'] as const;

const spec: CommandSpec = {
  name: 'run',
  usage: 'WORKFLOW',
  positionals: { min: 1, max: 1 },
  options: [
    { name: 'input', short: 'i', value: 'JSON', help: INPUT_HELP },
    { name: 'follow', short: 'f', help: 'show the run live, to its end' },
    { name: 'mode', value: 'MODE', help: 'sync (default: waits for the end, a checkpoint, or 25 s), async or queued (answered at once)' },
    { name: 'idempotency-key', value: 'KEY', help: 'the same key and request is the same run, however often it is asked for' },
    { name: 'metadata', value: 'JSON', help: 'an object that is kept with the run' },
    ...SERVICE_OPTIONS,
  ],
  description: [
    'Starts a workflow of a Maestro service by its name: one that `maestro dev` serves, or one on AWS. Prints its output when it has',
    'ended, or its id when it goes on; with --follow its steps as they happen. Ctrl-C stops watching, and the run goes on.',
    '(`maestro execute` runs a file on this machine.)',
  ].join('\n'),
  examples: [
    `maestro run order --input '{"order_id": "A-1"}' --follow`,
    'maestro run order -i @input.json --mode async --url https://maestro.example.com',
    'maestro run order -i @input.json --idempotency-key order-A-1 --json | jq .data.status',
  ],
};

/** `maestro run`. */
export const runCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const [workflow = ''] = args.positionals;
  if (LOOKS_LIKE_A_FILE.test(workflow)) {
    throw usage(
      spec,
      `"${workflow}" looks like a file, and a workflow is started by its name. \`maestro execute FILE\` runs a file here, \`maestro deploy FILE\` gives it to a service`,
    );
  }
  const given = args.text('mode');
  const mode = MODES.find((each) => each === given);
  if (given !== undefined && mode === undefined) throw usage(spec, `--mode is "${given}"; it can be ${MODES.join(', ')}`);
  const metadata = args.text('metadata') === undefined ? undefined : await readObject('metadata', args, io);
  const idempotencyKey = args.text('idempotency-key');
  const request = {
    workflow,
    input: await readJson('input', args.text('input'), io),
    ...(mode === undefined ? {} : { mode }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
  const json = args.flag('json');
  return withService(args, io, spec.name, async (maestro) => {
    try {
      if (!args.flag('follow')) return showRun(await maestro.orchestrate.run(request), io, json);
      return await watchRun(maestro, (signal) => maestro.orchestrate.run({ ...request, stream: true }, { signal }), io, json);
    } catch (error) {
      throw error instanceof MaestroError && error.status === 404 ? await unknownWorkflow(maestro, workflow, error) : error;
    }
  });
}

/** A name that the service does not know, with those that it does; the service's own error where they cannot be had. */
async function unknownWorkflow(maestro: Maestro, name: string, refused: MaestroError): Promise<Error> {
  const names = await maestro.workflows.list().then(
    ({ data }) => data.map((each) => each.name),
    () => undefined,
  );
  if (names === undefined) return refused;
  const meant = nearest(name, names);
  const there = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  return new CommandError(
    refused.code,
    `workflow ${name}: the service has none of this name; ${there}.${meant === undefined ? '' : ` Did you mean ${meant}?`} \`maestro deploy FILE\` gives it another.`,
  );
}

async function readObject(option: string, args: Arguments, io: Io): Promise<JsonObject> {
  const value = await readJson(option, args.text(option), io);
  if (!isJsonObject(value)) throw usage(spec, `--${option} is no object; expected JSON such as '{"name": "value"}'`);
  return value;
}
