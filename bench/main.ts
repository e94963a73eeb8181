// All benchmarks, one after the other: what `npm run bench` runs. Arguments go to `run.ts`, the comparison with peers.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const PARTS: [title: string, file: string, ...args: string[]][] = [
  ['Compile time and size', 'compile.ts'],
  ['Whole processes', 'processes.ts'],
  ["The Lambdas' bundles", 'bundles.ts'],
  ["The engine's own cost per step", 'engine-overhead.ts'],
  ['Memory of 10,000 waiting runs', 'waiting.ts'],
  ['`maestro dev` under load', 'dev.ts', '--seconds', '15'],
  ['Beside its peers', 'run.ts', ...process.argv.slice(2)],
];

for (const [title, file, ...args] of PARTS) {
  console.log(`\n## ${title}\n`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, file), ...args], { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`bench: ${file} ended with ${status ?? 'a signal'}`);
    process.exit(1);
  }
}
