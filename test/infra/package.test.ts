// The package as a stranger gets it: packed, installed offline in a folder of its own that has CDK and nothing else, and used by an app.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { beforeAll, describe, expect, it } from 'vitest';
import { HandlerFunction } from '../../infra/constructs/handler-function.ts';
import { Maestro } from '../../infra/index.ts';
import { object, ofType, ROOT, readTemplate, synthesise, type Template, temporaryFolder } from './support.ts';

const NODE = join(ROOT, 'node_modules', '.bin', 'node');
const FUNCTIONS = ['checkpoint', 'ingress', 'recorder', 'starter', 'step', 'stream'];
/** What the package is made of. `dist` of the clone is left alone: other tests run the command line in it. */
const SOURCES = [
  'bin',
  'cli',
  'functions',
  'infra',
  'local',
  'scripts',
  'sdk',
  'shared',
  'LICENSE',
  'README.md',
  'package.json',
  'tsconfig.json',
];

/** Of the clone; the first is CDK's own. */
const CDK = ['@aws-cdk', 'aws-cdk-lib', 'constructs'];

const WORKFLOW = `name: trip
version: "1.0"
services:
  hotel: { type: http, endpoint: "https://hotel.example" }
  billing: { type: grpc, endpoint: "billing.example:443", tls: true, proto: ./billing.proto }
steps:
  - id: book
    service: hotel
    method: POST /bookings
    compensate: { method: DELETE /bookings, on_unknown: true }
  - id: charge
    service: billing
    method: billing.Billing/Charge
`;
const PROTO = `syntax = "proto3";
package billing;
message Request { string id = 1; }
message Reply { string id = 1; }
service Billing { rpc Charge(Request) returns (Reply); }
`;
const APP = `import { App, Stack } from 'aws-cdk-lib';
import { Maestro } from 'maestro/infra';
const stack = new Stack(new App(), 'Shop');
new Maestro(stack, 'Maestro', { workflows: 'workflows' });
`;

let project: string;
let installed: string;

/** npm packs and installs as whoever runs the tests does. */
function npm(cwd: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync('npm', args, { cwd, env: { ...process.env, npm_config_loglevel: 'error' }, encoding: 'utf8', timeout: 170_000 });
}

/** No command but Node is found, Docker neither, nor AWS; and there is a proxy that leads nowhere. */
function run(command: string, args: string[], more: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  const env = { HOME: project, PATH: join(project, 'path'), HTTP_PROXY: 'http://127.0.0.1:9', HTTPS_PROXY: 'http://127.0.0.1:9', ...more };
  return spawnSync(command, args, { cwd: project, env, encoding: 'utf8', timeout: 60_000 });
}

// A build of everything: some seconds of a processor, and CI may have less than one.
beforeAll(() => {
  project = temporaryFolder();
  installed = join(project, 'node_modules', 'maestro');
  const clone = temporaryFolder();
  const isSource = (file: string): boolean => !['dist', 'node_modules'].includes(basename(file));
  for (const name of SOURCES) cpSync(join(ROOT, name), join(clone, name), { recursive: true, filter: isSource });
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  // A chunk that an earlier build has left.
  mkdirSync(join(clone, 'dist'));
  writeFileSync(join(clone, 'dist', 'chunk-OLD.js'), '');
  const packed = npm(clone, 'pack', '--pack-destination', project);
  const tarball = globSync('*.tgz', { cwd: project })[0] ?? '';
  writeFileSync(join(project, 'package.json'), '{ "name": "stranger", "private": true, "type": "module" }');
  const added = npm(project, 'install', '--offline', '--no-audit', '--no-fund', `./${tarball}`);

  expect([packed, added].map(({ status, stderr }) => [status, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  for (const name of CDK) symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  mkdirSync(join(project, 'path'));
  symlinkSync(NODE, join(project, 'path', 'node'));
  mkdirSync(join(project, 'workflows'));
  writeFileSync(join(project, 'workflows', 'trip.yaml'), WORKFLOW);
  writeFileSync(join(project, 'workflows', 'billing.proto'), PROTO);
}, 180_000);

describe('the package', () => {
  it('installs alone, and asks for CDK of those that have an app', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));

    expect(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([...CDK, 'maestro']);
    expect(manifest).not.toHaveProperty('dependencies');
    expect(Object.keys(manifest.peerDependencies)).toEqual(['aws-cdk-lib', 'constructs']);
    expect(manifest.private).toBe(true);
    // With a command in it, `npx maestro` in the clone would install the clone into npm's own folder first.
    expect(manifest).not.toHaveProperty('bin');
  });

  it('holds one build, and no sources', () => {
    expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'README.md', 'bin', 'dist', 'package.json']);
    expect(globSync('**/*.ts', { cwd: installed }).filter((name) => !name.endsWith('.d.ts'))).toEqual([]);
    expect(globSync('dist/functions/*/*', { cwd: installed }).sort()).toEqual(
      FUNCTIONS.flatMap((name) => [`dist/functions/${name}/index.mjs`, `dist/functions/${name}/index.mjs.map`]),
    );
    expect(existsSync(join(installed, 'dist', 'chunk-OLD.js'))).toBe(false);
    expect(existsSync(join(installed, 'dist', 'cli.js'))).toBe(true);
  });

  it('has declarations that name nothing but each other and CDK', () => {
    const declarations = globSync('dist/**/*.d.ts', { cwd: installed });

    const named = declarations.flatMap((name) => {
      const text = readFileSync(join(installed, name), 'utf8');
      return [...text.matchAll(/(?:from |import\()['"]([^'"]+)/g)].map(([, to = '']) =>
        to.startsWith('.') ? join(dirname(name), to) : to,
      );
    });
    const others = named.filter((name) => !/^(?:aws-cdk-lib|constructs)/.test(name));

    expect(declarations).toContain('dist/infra/index.d.ts');
    expect(others.length).toBeGreaterThan(0);
    expect(others.filter((name) => !declarations.includes(name.replace(/\.js$/, '.d.ts')))).toEqual([]);
  });

  it('has the command line', () => {
    const { status, stdout, stderr } = run(NODE, [join(installed, 'bin', 'maestro.js'), 'validate', 'workflows']);

    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('trip');
  });
});

describe('an app with the package, without esbuild and Docker', () => {
  let out: string;
  let template: Template;

  beforeAll(() => {
    out = join(project, 'out');
    writeFileSync(join(project, 'app.mjs'), APP);
    // CDK looks for esbuild from where it is: from this project, not from the clone that it is linked to.
    const { status, stderr } = run(NODE, ['--preserve-symlinks', 'app.mjs'], { CDK_OUTDIR: out, CDK_VALIDATION: 'false' });
    expect([status, stderr]).toEqual([0, '']);
    template = readTemplate(join(out, 'Shop.template.json'));
  }, 60_000);

  it('synthesises the stack that the sources give, state machines and all', () => {
    const build = (stack: Stack): Maestro[] => [new Maestro(stack, 'Maestro', { workflows: join(project, 'workflows') })];
    const fromSources = synthesise({ flags: {}, build }).template;

    expect(ofType(template, 'AWS::StepFunctions::StateMachine')).toHaveLength(2);
    expect(settled(template)).toEqual(settled(fromSources));
  });

  it('takes the functions as they were bundled, with their source maps', () => {
    const codes = new Map(
      ofType(template, 'AWS::Lambda::Function').map(([, { Properties }]) => {
        const name = /^Maestro: /.test(String(Properties['Description'])) ? String(object(Properties['Code'])['S3Key']) : '';
        return [name.replace('.zip', ''), Properties];
      }),
    );

    expect(codes.size).toBe(FUNCTIONS.length);
    for (const { Handler } of codes.values()) expect(Handler).toBe('index.handler');
    const bundles = [...codes.keys()].map((hash) => readFileSync(join(out, `asset.${hash}`, 'index.mjs'), 'utf8'));
    const packed = FUNCTIONS.map((name) => readFileSync(join(installed, 'dist', 'functions', name, 'index.mjs'), 'utf8'));
    expect(bundles.sort()).toEqual(packed.sort());
    for (const hash of codes.keys()) expect(readdirSync(join(out, `asset.${hash}`)).sort()).toEqual(['index.mjs', 'index.mjs.map']);
  });

  it('runs the code that a synth in the repository bundles', () => {
    const app = new App({ outdir: temporaryFolder() });
    new HandlerFunction(new Stack(app, 'One'), 'Checkpoint', {
      handler: 'checkpoint',
      description: 'One of them: all are bundled alike',
      timeout: Duration.seconds(30),
      memorySize: 256,
      logRetention: RetentionDays.ONE_DAY,
    });

    const [bundle = ''] = globSync('asset.*/index.mjs', { cwd: app.outdir });

    const prebuilt = readFileSync(join(installed, 'dist', 'functions', 'checkpoint', 'index.mjs'), 'utf8');
    expect(readFileSync(join(app.outdir, bundle), 'utf8') === prebuilt).toBe(true);
  });

  it('may be CommonJS', () => {
    const script = "const { Maestro, MaestroStack } = require('maestro/infra'); console.log(typeof Maestro, typeof MaestroStack)";

    expect(run(NODE, ['--input-type=commonjs', '-e', script]).stdout).toBe('function function\n');
  });

  it('is typed: what is right passes, and each misuse is told', () => {
    writeFileSync(join(project, 'right.ts'), `${APP}${RIGHT}`);
    writeFileSync(join(project, 'wrong.ts'), `${APP}${WRONG}`);
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { strict: true, module: 'NodeNext', target: 'ES2022', noEmit: true, types: [], skipLibCheck: true },
        include: ['*.ts'],
      }),
    );

    const { stdout } = run(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', '.']);

    const told = stdout.split('\n').flatMap((line) => /^(\w+\.ts)\((\d+),\d+\): error (TS\d+)/.exec(line)?.slice(1).join(' ') ?? []);
    const first = APP.split('\n').length;
    expect(told).toEqual([
      `wrong.ts ${first} TS2741`,
      `wrong.ts ${first + 1} TS2353`,
      `wrong.ts ${first + 2} TS2741`,
      `wrong.ts ${first + 3} TS2339`,
    ]);
  });
});

const RIGHT = `import type { AlarmActions, DeadLetterQueues, MaestroProps, MaestroStackProps, Network } from 'maestro/infra';
import { MaestroStack } from 'maestro/infra';
const props: MaestroProps & MaestroStackProps = { workflows: 'workflows', maxStreams: 0, alarmActions: { page: [] } satisfies AlarmActions };
export const { maestro } = new MaestroStack(new App(), 'Other', props);
export const dead: DeadLetterQueues = maestro.deadLetterQueues;
export const url: string = maestro.url + dead.undo.queueArn;
export type In = Network['vpc'];
`;
const WRONG = `new Maestro(stack, 'NoFolder', {});
new Maestro(stack, 'NoSuchSeverity', { workflows: 'workflows', alarmActions: { urgent: [] } });
new Maestro(stack, 'NoVpc', { workflows: 'workflows', network: {} });
new Maestro(stack, 'NoSuchQueue', { workflows: 'workflows' }).deadLetterQueues.nothing;
`;

/** A template without what depends on the functions' code: their assets, and the ids of their versions and of the API's deployment. */
function settled({ resources, outputs }: Template): unknown {
  const text = JSON.stringify({
    resources: Object.values(resources).map(({ path: _path, ...resource }) => resource),
    ids: Object.keys(resources),
    outputs,
  });
  return JSON.parse(text.replaceAll(/([0-9A-F]{8})[0-9a-f]{32}(?=")/g, '$1'), (key, value) => (key === 'Code' ? undefined : value));
}
