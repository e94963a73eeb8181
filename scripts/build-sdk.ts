// Builds the client's package into sdk/dist: one module, and its types. The types are compiled against what browsers have, without Node's.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const sdk = path.join(import.meta.dirname, '..', 'sdk');
const dist = path.join(sdk, 'dist');

rmSync(dist, { recursive: true, force: true });
await build({
  absWorkingDir: sdk,
  entryPoints: ['index.ts'],
  outfile: 'dist/index.js',
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  logLevel: 'warning',
});

const compiler = path.join(import.meta.dirname, '..', 'node_modules', '.bin', 'tsc');
const { status, stdout, error } = spawnSync(compiler, ['-p', sdk], { encoding: 'utf8' });
if (status !== 0) {
  console.error(`sdk: its types could not be made (${error?.message ?? `exit ${status}`})\n${stdout ?? ''}`);
  process.exit(1);
}
// Declarations keep the names of the sources; in the package there are none.
for (const name of readdirSync(dist).filter((each) => each.endsWith('.d.ts'))) {
  const file = path.join(dist, name);
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'"));
}
