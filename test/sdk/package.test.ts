// The package as a stranger gets it: packed, installed in a folder of its own, imported, type-checked and bundled.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as source from '../../sdk/index.ts';
import { envelope, json, RUN_ID, sse, startService, stream } from './support.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');

/** It has 11.4 KB; a dependency that got in would be above this. */
const MOST_BROWSER_BYTES = 16_000;

let project: string;

function run(command: string, args: string[], cwd: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, npm_config_loglevel: 'error' } });
}

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'maestro-sdk-'));
  const built = run(NODE, [join(ROOT, 'scripts', 'build-sdk.ts')], ROOT);
  const packed = run('npm', ['pack', '--pack-destination', project], join(ROOT, 'sdk'));
  const tarball = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? '';
  writeFileSync(join(project, 'package.json'), '{ "name": "stranger", "private": true, "type": "module" }');
  const installed = run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], project);

  expect([built, packed, installed].map(({ status, stderr }) => [status, stderr])).toEqual([
    [0, ''],
    [0, ''],
    [0, ''],
  ]);
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('holds the module, its types and its README, and depends on nothing', () => {
  const installed = join(project, 'node_modules', '@maestro', 'sdk');
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));

  expect(readdirSync(installed).sort()).toEqual(['README.md', 'dist', 'package.json']);
  expect(readdirSync(join(installed, 'dist')).filter((name) => !name.endsWith('.d.ts'))).toEqual(['index.js']);
  expect([manifest.dependencies, manifest.peerDependencies]).toEqual([undefined, undefined]);
  expect(readFileSync(join(installed, 'dist', 'index.js'), 'utf8')).not.toMatch(/node:|require\(|process\./);
});

it('is imported by Node and exports what its source exports', async () => {
  const { status, stdout } = run(
    NODE,
    ['--input-type=module', '-e', "console.log(JSON.stringify(Object.keys(await import('@maestro/sdk'))))"],
    project,
  );

  expect(status).toBe(0);
  expect(JSON.parse(stdout).toSorted()).toEqual(Object.keys(source).toSorted());
});

it('runs a workflow and follows it', async () => {
  const service = await startService(json(202, envelope('running')), stream(sse(1, 'run.started') + sse(2, 'run.completed', 'completed')));
  writeFileSync(
    join(project, 'use.mjs'),
    `import { Maestro } from '@maestro/sdk';
const maestro = new Maestro({ baseUrl: process.argv[2], apiKey: 'mk_x' });
const { data } = await maestro.orchestrate.run({ workflow: 'hello', mode: 'async' });
const types = [];
for await (const event of maestro.orchestrate.stream(data.run_id)) types.push(event.type);
console.log(data.run_id, types.join(' '));
`,
  );
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = spawn(NODE, ['use.mjs', service.url], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.on('close', () => resolve(said));

  expect(await promise).toBe(`${RUN_ID} run.started run.completed\n`);
  await service.close();
});

it('answers a checkpoint with the program of the quick start', async () => {
  const guide = readFileSync(join(ROOT, 'docs', 'quick-start.md'), 'utf8');
  const [, program = ''] = /```js\n([\s\S]*?)```/.exec(guide) ?? [];
  const waiting = envelope('waiting_checkpoint');
  const pending = { ...waiting.data, pending_checkpoint: { id: 'chk_1' } };
  const service = await startService(json(200, { ...waiting, data: pending }), json(200, envelope('running')));
  writeFileSync(join(project, 'answer.mjs'), program.replace('http://127.0.0.1:8080', service.url));

  const child = spawn(NODE, ['answer.mjs', RUN_ID], { cwd: project, stdio: 'inherit', env: { ...process.env, MAESTRO_API_KEY: 'mk_x' } });
  const status = await new Promise((resolve) => child.on('close', resolve));

  expect(status).toBe(0);
  expect(service.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
    `GET /api/v2/orchestrate/run/${RUN_ID}`,
    `POST /api/v2/orchestrate/run/${RUN_ID}/checkpoints/chk_1`,
  ]);
  expect(JSON.parse(service.asked[1]?.body ?? '')).toEqual({ decision: 'edit', amount: 200 });
  await service.close();
});

it('is what a file in the clone imports by its name', () => {
  expect(realpathSync(join(ROOT, 'node_modules', '@maestro', 'sdk'))).toBe(realpathSync(join(ROOT, 'sdk')));
});

it('is typed: a user’s file passes, and one that misuses it does not', () => {
  symlinkSync(join(ROOT, 'node_modules', 'typescript'), join(project, 'node_modules', 'typescript'));
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        module: 'NodeNext',
        target: 'ES2022',
        noEmit: true,
        types: [],
        lib: ['ES2022', 'DOM'],
      },
      include: ['*.ts'],
    }),
  );
  const use = `import { Maestro, MaestroError, type Envelope, type RunEvent, type RunStatus } from '@maestro/sdk';
const maestro = new Maestro({ baseUrl: 'http://127.0.0.1:8080', apiKey: 'mk_x' });
export async function main(): Promise<RunStatus> {
  const started: Envelope = await maestro.orchestrate.run({ workflow: 'hello', input: { a: [1, null] } });
  for await (const event of maestro.orchestrate.run({ workflow: 'hello', stream: true })) note(event);
  const pending = started.data.pending_checkpoint;
  if (pending) await maestro.orchestrate.resolveCheckpoint(started.data.run_id, pending.id, { decision: 'approve' });
  try {
    await maestro.keys.create({ name: 'ci', scopes: ['run'] });
  } catch (error) {
    if (error instanceof MaestroError && error.code === 'forbidden') return 'failed';
  }
  return started.data.status;
}
function note(event: RunEvent): string {
  return event.envelope?.data.run.workflow ?? event.type;
}
`;
  const check = (text: string): string => {
    writeFileSync(join(project, 'use.ts'), text);
    return run(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', '.'], project).stdout;
  };

  expect(check(use)).toBe('');
  expect(check(use.replace("scopes: ['run']", "scopes: ['root']"))).toContain('TS2322');
  expect(check(use.replace('stream: true', 'stream: false'))).toContain('use.ts(5');
  expect(check(use.replace('started.data.status', 'started.status'))).toContain('TS2339');
});

it('is bundled for a browser, whole and small, and works with what browsers have', async () => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: "import { Maestro } from '@maestro/sdk'; globalThis.Maestro = Maestro;", resolveDir: project },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    minify: true,
    write: false,
    metafile: true,
  });
  const [{ imports = [], bytes = 0 } = {}] = Object.values(metafile.outputs);

  expect(imports).toEqual([]);
  expect(outputFiles).toHaveLength(1);
  expect(bytes).toBeGreaterThan(4_000);
  expect(bytes).toBeLessThan(MOST_BROWSER_BYTES);

  const service = await startService(stream(sse(1, 'run.started'), 'cut'), stream(sse(2, 'run.completed', 'completed')));
  const page = createContext({
    ...{ fetch, URL, URLSearchParams, AbortController, TextDecoder, crypto, Uint8Array, setTimeout, clearTimeout },
    baseUrl: service.url,
    runId: RUN_ID,
  });
  const script = `${outputFiles[0]?.text}; (async () => {
    const ids = [];
    for await (const { id } of new Maestro({ baseUrl }).orchestrate.run({ workflow: 'hello', stream: true })) ids.push(id);
    return ids.join();
  })()`;

  expect(await runInContext(script, page)).toBe('1,2');
  await service.close();
});
