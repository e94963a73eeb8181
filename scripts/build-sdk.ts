// Builds the client's package into sdk/dist: one module, and its types. The types are compiled against what browsers have, without Node's.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { compileDeclarations, withoutSources } from './declarations.ts';

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

compileDeclarations('sdk', dist);
for (const name of readdirSync(dist).filter((each) => each.endsWith('.d.ts'))) {
  const file = path.join(dist, name);
  writeFileSync(file, withoutSources(readFileSync(file, 'utf8')));
}
