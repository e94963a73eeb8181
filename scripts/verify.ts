// Everything that CI checks, in order, one line a step; stops at the first failure. `--long` runs the long forms of the tests.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const long = process.argv.includes('--long');

/** What the long forms add: how often each generated or randomised test runs. */
const LONG = { MAESTRO_PROPERTY_RUNS: '5000', MAESTRO_FUZZ_RUNS: '100000', MAESTRO_CRASH_KILLS: '25' };

/** What vitest counts, for the closing line. */
const folder = mkdtempSync(path.join(tmpdir(), 'maestro-verify-'));
const counts = path.join(folder, 'tests.json');
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const STEPS: [name: string, command: string, ...args: string[]][] = [
  ['build', 'node', 'scripts/build.ts'],
  ['format and lint', 'biome', 'ci', '--colors=off', '--error-on-warnings', '.'],
  ['floating promises', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '-p', '.'],
  ['imports', 'node', 'scripts/check-imports.ts'],
  ['dead exports', 'knip'],
  [
    'tests',
    'vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${counts}`,
    ...(long ? ['--testTimeout=3600000'] : []),
  ],
];

for (const [name, command, ...args] of STEPS) {
  const started = performance.now();
  const last = name === 'tests';
  const result = spawnSync(command, args, {
    stdio: last ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, ...(long ? LONG : {}) },
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (last) closingLine();
  if (result.status !== 0) {
    if (!last) process.stdout.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    console.error(`verify: ${name} failed (${result.error?.message ?? `exit ${result.status}`})`);
    process.exit(1);
  }
  console.log(`verify: ${name} ok, ${seconds} s`);
}

/** `N passed, N failed`, alone on a line, whatever the runner prints around it. */
function closingLine(): void {
  try {
    const told = JSON.parse(readFileSync(counts, 'utf8')) as { numPassedTests: number; numFailedTests: number };
    console.log(`${told.numPassedTests} passed, ${told.numFailedTests} failed`);
  } catch (error) {
    console.error(`verify: the tests left no count (${error instanceof Error ? error.message : String(error)})`);
  }
}
