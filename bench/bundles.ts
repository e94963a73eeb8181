// How large the Lambdas are, and how long a fresh process takes until it can be called.
//
//   node bench/bundles.ts
//
// Not measured: what AWS adds to a cold start (fetching the code, starting the runtime), a slower processor (a Lambda of 512 MB has about a third of
// a core), and the first connection to each service.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import { BUNDLING } from '../infra/constructs/bundling.ts';
import { ENV } from '../shared/protocol/environment.ts';
import { median } from './statistics.ts';

const ROOT = path.join(import.meta.dirname, '..');
const ROUNDS = 15;

export const HANDLERS = ['ingress', 'stream', 'step', 'checkpoint', 'recorder', 'starter'] as const;
export type HandlerName = (typeof HANDLERS)[number];

/** What must not be evaluated before it is needed, by a file of it that nothing but its use evaluates. */
const LAZY: { [name: string]: RegExp } = {
  grpc: /@grpc[\\/]grpc-js[\\/]build[\\/]src[\\/]index\.js$/,
  lambda: /client-lambda[\\/]dist-es[\\/]LambdaClient\.js$/,
  s3: /client-s3[\\/]dist-es[\\/]S3Client\.js$/,
  secrets: /client-secrets-manager[\\/]dist-es[\\/]SecretsManagerClient\.js$/,
  ssm: /client-ssm[\\/]dist-es[\\/]SSMClient\.js$/,
  sqs: /client-sqs[\\/]dist-es[\\/]SQSClient\.js$/,
  sfn: /client-sfn[\\/]dist-es[\\/]SFNClient\.js$/,
  events: /client-eventbridge[\\/]dist-es[\\/]EventBridgeClient\.js$/,
  dynamodb: /client-dynamodb[\\/]dist-es[\\/]DynamoDBClient\.js$/,
};

export interface Bundle {
  file: string;
  bytes: number;
  gzipBytes: number;
  /** Bytes of each package in the bundle, largest first. */
  packages: [name: string, bytes: number][];
}

/**
 * Bundles a handler as the CDK stack does.
 * @param folder where the file is written
 * @param options.traced the process that imports it says which of `LAZY` were evaluated
 */
export function bundle(handler: HandlerName, folder: string, { traced = false } = {}): Promise<Bundle> {
  return bundleEntry(path.join('functions', handler, 'handler.ts'), path.join(folder, `${handler}${traced ? '-traced' : ''}.mjs`), traced);
}

/** The HTTP client alone, which the step function loads with its first call of an HTTP service. */
export function bundleHttpClient(folder: string): Promise<Bundle> {
  return bundleEntry('shared/calls/http/undici-parts.ts', path.join(folder, 'http-client.mjs'), false);
}

async function bundleEntry(entry: string, file: string, traced: boolean): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    ...BUNDLING,
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: file,
    metafile: true,
    write: false,
    plugins: traced ? [tracer] : [],
  });
  await Promise.all(outputFiles.map(({ path: name, contents }) => writeFile(name, contents)));
  const [output] = Object.entries(metafile.outputs).filter(([name]) => name.endsWith('.mjs'));
  const code = outputFiles.find(({ path: name }) => name.endsWith('.mjs'))?.contents ?? new Uint8Array();
  return { file, bytes: code.length, gzipBytes: gzipSync(code).length, packages: packagesOf(output?.[1].inputs ?? {}) };
}

const tracer: Plugin = {
  name: 'tracer',
  setup({ onLoad }) {
    for (const [name, filter] of Object.entries(LAZY)) {
      onLoad({ filter }, async ({ path: file }) => {
        return { contents: `(globalThis.evaluated ??= []).push(${JSON.stringify(name)});\n${await readFile(file, 'utf8')}`, loader: 'js' };
      });
    }
  },
};

function packagesOf(inputs: { [file: string]: { bytesInOutput: number } }): [string, number][] {
  const sums = new Map<string, number>();
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? 'maestro';
    sums.set(name, (sums.get(name) ?? 0) + bytesInOutput);
  }
  return [...sums].sort(([, a], [, b]) => b - a);
}

export interface Import {
  ms: number;
  /** Which of `LAZY` were evaluated; empty where the bundle is not traced. */
  evaluated: string[];
}

/** Imports a bundle in a fresh process. */
export async function importOnce(file: string): Promise<Import> {
  const script = `
    globalThis.awslambda = { streamifyResponse: (handler) => handler, HttpResponseStream: { from: (stream) => stream } };
    const begun = performance.now();
    const found = await import(${JSON.stringify(pathToFileURL(file).href)});
    const ms = performance.now() - begun;
    if (typeof (found.handler ?? found.Pool) !== 'function') throw new Error('no handler');
    console.log(JSON.stringify({ ms, evaluated: globalThis.evaluated ?? [] }));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env: environment() });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Import;
}

/**
 * ms of a fixed piece of work of the same kind in a fresh process: Node's own `http` as an ES module, and 2 MB of code parsed. What an import takes
 * beside it says how it fares on a machine that has other work.
 */
export async function yardstick(): Promise<number> {
  const script = `
    const { Script } = await import('node:vm');
    const code = Array.from({ length: 20_000 }, (_, n) => 'function f' + n + '(a,b){let c=a+b*' + n + ';return c>7?{c,a}:[b,c,"text"]};').join('');
    const begun = performance.now();
    await import('node:http');
    new Script(code);
    console.log(performance.now() - begun);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  return Number(stdout);
}

/** What a function finds in its environment. */
export function environment(): NodeJS.ProcessEnv {
  const own = Object.fromEntries(Object.values(ENV).map((name) => [name, 'x']));
  return { ...own, PATH: process.env['PATH'], AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
}

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'maestro-bundles-'));
  try {
    console.log('| function | minified | gzip | import, quickest | median | largest parts |\n| --- | --- | --- | --- | --- | --- |');
    for (const handler of HANDLERS) await row(handler, await bundle(handler, folder));
    await row("the step function's HTTP client", await bundleHttpClient(folder));
    console.log(`\nThe yardstick took ${Math.min(...(await repeated(yardstick))).toFixed(0)} ms at its quickest.`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function row(name: string, { file, bytes, gzipBytes, packages }: Bundle): Promise<void> {
  const times = await repeated(async () => (await importOnce(file)).ms);
  const parts = packages.slice(0, 5).map(([part, size]) => `${part} ${kilobytes(size)}`);
  const cells = [kilobytes(bytes), kilobytes(gzipBytes), `${Math.min(...times).toFixed(0)} ms`, `${median(times).toFixed(0)} ms`];
  console.log(`| ${[name, ...cells, parts.join(', ')].join(' | ')} |`);
}

async function repeated(measure: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(await measure());
  return times;
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1_024)} KB`;
}

if (import.meta.main) await main();
