// Wall time of whole processes, as a user starts them. `node bench/processes.ts`

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startServer } from './child-process.ts';
import { median } from './statistics.ts';

const ROOT = path.join(import.meta.dirname, '..');
const ROUNDS = 15;

/** One run of the command line; ms until it has ended. */
function maestro(args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn('maestro', args, {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, PATH: `${path.join(ROOT, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.on('error', reject);
    child.on('close', (status) =>
      status === 0 ? resolve(performance.now() - started) : reject(new Error(`maestro ${args[0]}: exit ${status}: ${said}`)),
    );
  });
}

async function measure(name: string, args: string[], budgetMs: number): Promise<void> {
  await maestro(args);
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push(await maestro(args));
  console.log(
    `${name.padEnd(36)} median ${median(times).toFixed(0)} ms, worst ${Math.max(...times).toFixed(0)} ms (budget ${budgetMs} ms)`,
  );
}

const folder = await mkdtemp(path.join(tmpdir(), 'maestro-bench-'));
const mock = await startServer(new URL('./mock-service.ts', import.meta.url));
try {
  const file = path.join(folder, 'five.yaml');
  const step = (n: number): string => `  - { service: mock, method: "POST /call/${n}", input: { n: ${n} }, output: out_${n} }\n`;
  await writeFile(
    file,
    `name: five\nversion: "1"\nservices:\n  mock: { type: http, endpoint: "http://127.0.0.1:${mock.port}" }\nsteps:\n${[1, 2, 3, 4, 5].map(step).join('')}`,
  );
  await measure('maestro validate (an example)', ['validate', 'examples/deploy-service/workflow.yaml'], 250);
  await measure('maestro execute (five local calls)', ['execute', file, '--data', path.join(folder, 'data')], 500);
} finally {
  await mock.stop();
  await rm(folder, { recursive: true, force: true });
}
