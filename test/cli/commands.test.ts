import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fiveCalls, folder, maestro, saga } from './support.ts';

const ROOT = join(import.meta.dirname, '..', '..');
let files: ReturnType<typeof folder>;

beforeAll(() => {
  files = folder({ 'five.yaml': fiveCalls('http://127.0.0.1:9'), 'saga.yaml': saga('http://127.0.0.1:9') });
});

afterAll(() => files.remove());

it('compile --stats --json prints states, bytes and transitions, and nothing else', async () => {
  const stats = await maestro(['compile', 'five.yaml', '--stats', '--json'], { cwd: files.path });
  const definition = await maestro(['compile', 'five.yaml'], { cwd: files.path });

  const { states, bytes, transitions, ...rest } = JSON.parse(stats.stdout);
  expect(rest).toEqual({});
  expect(transitions).toEqual({ min: 5, max: 5 });
  expect(bytes).toBeGreaterThan(1_000);
  expect(states).toBeGreaterThanOrEqual(5);
  expect(Object.keys(JSON.parse(definition.stdout).States)).toEqual(expect.arrayContaining(['a', 'b', 'c', 'd', 'e']));
});

it('compile gives the same bytes every time', async () => {
  const [first, second] = await Promise.all([
    maestro(['compile', 'saga.yaml'], { cwd: files.path }),
    maestro(['compile', 'saga.yaml'], { cwd: files.path }),
  ]);

  expect(first.stdout).toBe(second.stdout);
  expect(first.stdout).toContain('"undo b"');
});

it('init writes a workflow that is valid and a scenario that passes, and overwrites nothing', async () => {
  const made = await maestro(['init', 'trip'], { cwd: files.path });
  const checked = await maestro(['validate', 'trip'], { cwd: files.path });
  const tested = await maestro(['test', 'trip', '--json'], { cwd: files.path });
  const again = await maestro(['init', 'trip'], { cwd: files.path });

  expect([made.status, checked.status, tested.status, again.status]).toEqual([0, 0, 0, 2]);
  expect(JSON.parse(tested.stdout)).toMatchObject({ passed: 1, failed: 0 });
  expect(again.stderr).toContain('nothing is overwritten');
});

it('cost prices a run, and says when a list decides', async () => {
  const { stdout } = await maestro(['cost', 'five.yaml', '--json'], { cwd: files.path });

  const cost = JSON.parse(stdout);
  expect(cost).toMatchObject({ calls: { min: 5, max: 5 }, transitions: { min: 5, max: 5 }, cheaper: 'express' });
  expect(cost.standard.perMillion.min).toBeGreaterThan(cost.express.perMillion.min);
});

it('schema prints a JSON Schema that asks for what the parser asks for', async () => {
  const schema = JSON.parse((await maestro(['schema'], { cwd: files.path })).stdout);

  expect(schema.type).toBe('object');
  expect(schema.required).toEqual(expect.arrayContaining(['name', 'version', 'steps']));
});

it('lists and breakers of a folder without data are empty, and make none', async () => {
  const runs = await maestro(['runs', '--json'], { cwd: files.path });
  const breakers = await maestro(['breakers', '--json'], { cwd: files.path });

  expect([JSON.parse(runs.stdout), JSON.parse(breakers.stdout)]).toEqual([
    { object: 'list', data: [], cursor: null },
    { object: 'list', data: [] },
  ]);
  expect([runs.status, breakers.status]).toEqual([0, 0]);
  await expect(maestro(['runs'], { cwd: join(files.path) })).resolves.toMatchObject({ status: 0, stdout: '' });
});

it('every command teaches itself with --help', async () => {
  const overview = await maestro(['--help'], { cwd: files.path });
  const names = [...overview.stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name]) => name ?? '').filter((name) => name !== 'maestro');
  const helps = await Promise.all(names.map((name) => maestro([name, '--help'], { cwd: files.path })));

  expect(names).toEqual(
    expect.arrayContaining([
      'validate',
      'compile',
      'execute',
      'test',
      'prove',
      'graph',
      'cost',
      'schema',
      'dev',
      'runs',
      'get',
      'cancel',
      'undo',
      'breakers',
      'init',
    ]),
  );
  for (const { status, stdout } of helps) {
    expect(status).toBe(0);
    expect(stdout).toMatch(/Usage: maestro [\s\S]*Options[\s\S]*--json[\s\S]*Examples\n {2}maestro/);
  }
});

it('an older Node is told which one is needed, and nothing else happens', () => {
  const script = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } }); import(${JSON.stringify(join(ROOT, 'bin', 'maestro.js'))})`;
  const { status, stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });

  expect(stderr).toContain('this is Node 20.1.0, and maestro needs Node 24');
  expect(stderr).toContain('npm ci');
  expect(stdout).toBe('');
  expect(status).toBe(2);
});

it('the launcher has no syntax that an old Node cannot read', () => {
  const text = readFileSync(join(ROOT, 'bin', 'maestro.js'), 'utf8')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
    .replace(/\/\/.*$/gm, '');

  expect(text).not.toMatch(/=>|`|\?\.|\?\?|\b(?:const|let|class|async|await)\b|^import\s|^export\s/m);
});

/** Everything that a command's chunk loads at once: static imports only, what is loaded later is asked for by `import(…)`. */
function loadedBy(command: string): string {
  const chunks = new Map<string, string>();
  const read = (name: string): void => {
    if (chunks.has(name)) return;
    const text = readFileSync(join(ROOT, 'dist', name), 'utf8');
    chunks.set(name, text);
    for (const [, inner] of text.matchAll(/(?:from|^import|;import)"\.\/([\w-]+\.js)"/gm)) if (inner) read(inner);
  };
  const entry = readFileSync(join(ROOT, 'dist', 'cli.js'), 'utf8');
  const chunk = new RegExp(`"\\./(${command}-\\w+\\.js)"`).exec(entry)?.[1];
  expect(chunk, command).toBeDefined();
  read('cli.js');
  read(chunk ?? '');
  expect(chunks.size).toBeGreaterThan(3);
  return [...chunks.values()].join('\n');
}

it.each([
  ['validate', 'MST1003'],
  ['run', 'idempotency-key'],
  ['get', 'last-event-id'],
  ['keys', 'idempotency-key'],
])('%s loads neither the engine, nor gRPC, nor an AWS client, nor undici', (command, own) => {
  const all = loadedBy(command);
  const heavy = ['node:sqlite', 'node:http2', 'TaskStateEntered', 'SecretsManagerClient', 'buildConnector'];

  expect(all.includes(own)).toBe(true);
  expect(loadedBy('dev')).toContain('node:sqlite');
  expect(heavy.filter((name) => all.includes(name))).toEqual([]);
});
