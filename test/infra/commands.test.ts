// The code asks AWS for what commands it has; the roles allow actions. Both are read here, and have to be the same.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { statementsOf } from './iam.ts';
import { ROOT, type Synthesised, synthesise, withProps } from './support.ts';

const FUNCTIONS = ['ingress', 'stream', 'step', 'checkpoint', 'recorder', 'starter'];

/** How a command is made in our own code. The SDK's modules are no help: what is imported dynamically is bundled whole. */
const COMMAND = /new (?:\w+\.)?(\w+)Command\(/g;

/** Clients by the prefix of their actions. */
const CLIENTS: { readonly [prefix: string]: string } = {
  dynamodb: 'dynamodb',
  events: 'eventbridge',
  lambda: 'lambda',
  s3: 's3',
  secretsmanager: 'secrets-manager',
  sqs: 'sqs',
  ssm: 'ssm',
  states: 'sfn',
};
const RENAMED: { readonly [action: string]: string } = { 'lambda:Invoke': 'lambda:InvokeFunction' };

/** Actions that no code asks for by name, and who does. */
const WITHOUT_COMMAND: { readonly [action: string]: string } = {
  'logs:CreateLogStream': 'Lambda, for what is printed',
  'logs:PutLogEvents': 'Lambda, for what is printed',
  'xray:PutTraceSegments': 'Lambda, for its traces',
  'xray:PutTelemetryRecords': 'Lambda, for its traces',
  's3:ListBucket': 'S3, so that what is not there is "not found"',
  'iam:PassRole': 'Step Functions, when a machine is made that has the role',
  'sqs:ReceiveMessage': 'the event source of the starter',
  'sqs:DeleteMessage': 'the event source of the starter',
  'sqs:GetQueueAttributes': 'the event source of the starter',
};

let commands: Map<string, Set<string>>;
let synthesised: Synthesised | undefined;

beforeAll(async () => {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(FUNCTIONS.map((name) => [name, join('functions', name, 'handler.ts')])),
    outdir: 'out',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    logLevel: 'error',
  });
  commands = new Map(FUNCTIONS.map((name) => [name, commandsIn(metafile, `out/${name}.js`)]));
}, 60_000);

describe('the commands in the bundles, and the actions that are allowed', () => {
  it.each(FUNCTIONS)('%s is allowed nothing that its code cannot ask for', (name) => {
    const asked = commands.get(name) ?? new Set();

    const surplus = [...actionsOf(name)].filter((action) => !asked.has(action) && !(action in WITHOUT_COMMAND));

    expect(asked.size).toBeGreaterThan(5);
    expect(surplus).toEqual([]);
  });

  it('no command is asked for by code that nobody is allowed to run it', () => {
    const asked = [...commands].flatMap(([name, all]) => [...all].map((action) => ({ name, action })));
    const allowed = new Map(FUNCTIONS.map((name) => [name, actionsOf(name)]));

    const missing = new Set(
      asked
        .filter(({ action }) => !asked.some((other) => other.action === action && allowed.get(other.name)?.has(action)))
        .map(({ action }) => action),
    );

    expect([...missing].sort()).toEqual([]);
  });

  it('each exception is one: somebody is allowed it, and no code asks for it', () => {
    const allowed = new Set(FUNCTIONS.flatMap((name) => [...actionsOf(name)]));
    const asked = new Set([...commands.values()].flatMap((all) => [...all]));

    expect(Object.keys(WITHOUT_COMMAND).filter((action) => !allowed.has(action) || asked.has(action))).toEqual([]);
  });
});

/** Of all our own modules in a bundle. */
function commandsIn({ outputs }: Metafile, output: string): Set<string> {
  const own = Object.entries(outputs[output]?.inputs ?? {}).filter(
    ([path, { bytesInOutput }]) => bytesInOutput > 0 && !path.includes('node_modules'),
  );
  const names = own.flatMap(([path]) => [...readFileSync(join(ROOT, path), 'utf8').matchAll(COMMAND)].map(([, name = '']) => name));
  return new Set(names.map(actionOf));
}

/** The action of a command, by the one client that has it. */
function actionOf(command: string): string {
  const prefixes = Object.entries(CLIENTS).filter(([, client]) =>
    existsSync(join(ROOT, 'node_modules', '@aws-sdk', `client-${client}`, 'dist-es', 'commands', `${command}Command.js`)),
  );
  const [[prefix] = [], ...others] = prefixes;
  if (prefix === undefined || others.length > 0) throw new Error(`${command}Command: found in ${prefixes.length} clients, expected one`);
  const action = `${prefix}:${command}`;
  return RENAMED[action] ?? action;
}

/** With all that can be switched on. */
function everything(): Synthesised {
  synthesised ??= synthesise({ build: withProps({ allowDeploy: true }) });
  return synthesised;
}

function actionsOf(name: string): Set<string> {
  const holder = `Maestro/${name[0]?.toUpperCase()}${name.slice(1)}/Role`;
  const statements = statementsOf(everything().template).filter((one) => one.holder === holder && one.kind === 'identity');
  return new Set(statements.flatMap(({ actions }) => actions));
}
