// Memory of runs that wait: half of them on a timer, half on a service's later answer, each after one call. Told of the process that started
// them all as fast as it could, and of a process that takes them up after a restart. `node bench/waiting.ts [runs]`
//
// A child with `--max-old-space-size` shows what is needed; one without shows what V8 takes when nobody stops it from keeping garbage.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRuntime, type Registration, type Runtime } from '../local/runtime/index.ts';
import { createCaller, createEnvironment } from '../shared/calls/index.ts';
import { systemClock } from '../shared/clock.ts';
import { startChild, startServer } from './child-process.ts';
import { registrationOf } from './peers/maestro.ts';

const AT_ONCE = 64;
const BUDGET_MB = 300;
/** MB of old generation that the limited processes may have. */
const LIMIT_MB = 180;

const [, , first, folder = '', url = ''] = process.argv;

if (first === 'start' || first === 'restart') await child(first, folder, url);
else await parent(Number(first ?? 10_000));

async function parent(runs: number): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'maestro-bench-'));
  const mock = await startServer(new URL('./mock-service.ts', import.meta.url));
  const mockUrl = `http://127.0.0.1:${mock.port}`;
  try {
    for (const limit of [LIMIT_MB, null]) {
      const flags = limit === null ? [] : [`--max-old-space-size=${limit}`];
      for (const kind of ['start', 'restart']) {
        const self = fileURLToPath(import.meta.url);
        const args = [...flags, self, kind, join(data, String(limit)), `${mockUrl}#${runs}`];
        const running = startChild(process.execPath, args, { out: 'pipe' });
        let said = '';
        running.process.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
        const status = await new Promise<number | null>((resolve) => running.process.once('close', resolve));
        if (status !== 0) throw new Error(`waiting: the process that should ${kind} ended with ${status}`);
        console.log(`${limit === null ? 'no limit' : `limit ${limit} MB`}, ${kind.padEnd(7)} ${said.trim()} (budget ${BUDGET_MB} MB)`);
      }
    }
  } finally {
    await mock.stop();
    await rm(data, { recursive: true, force: true });
  }
}

async function child(kind: 'start' | 'restart', dataFolder: string, target: string): Promise<void> {
  const [mockUrl = '', count] = target.split('#');
  const runs = Number(count);
  const { mkdir } = await import('node:fs/promises');
  await mkdir(dataFolder, { recursive: true });
  const runtime = createRuntime({
    dataFolder,
    caller: createCaller({
      environment: createEnvironment({ kind: 'local', variables: {} }),
      egress: { allowPrivate: true },
      clock: systemClock,
    }),
    holder: { version: 'bench', role: 'execute', urls: {} },
    callbackUrl: (token) => `http://127.0.0.1:1/${token}`,
  });
  const started = performance.now();
  if (kind === 'start') await startAll(runtime, runs, mockUrl);
  else {
    const left = await runtime.recover();
    if (left.length !== runs) throw new Error(`waiting: ${left.length} runs were taken up, expected ${runs}`);
  }
  const seconds = (performance.now() - started) / 1000;
  const { rss, heapUsed } = process.memoryUsage();
  const mb = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MB`;
  console.log(`${runs} runs waiting after ${seconds.toFixed(1)} s: ${mb(rss)} resident, heap ${mb(heapUsed)}`);
  await runtime.close();
}

async function startAll(runtime: Runtime, runs: number, mockUrl: string): Promise<void> {
  const call = (n: number, more = ''): string => `  - { service: mock, method: "POST /call/${n}", output: out_${n}${more} }`;
  const kinds: Registration[] = [
    registrationOf('waits', mockUrl, `${call(1)}\n  - { wait: 12h }`),
    registrationOf('awaits', mockUrl, `${call(1)}\n${call(2, ', await: callback, timeout: 12h')}`),
  ];
  const before = await callsAnswered(mockUrl);
  let next = 0;
  const starter = async (): Promise<void> => {
    while (next < runs) {
      const kind = kinds[next++ % kinds.length];
      if (!kind) return;
      const input = { order_id: `A-${next}`, customer: 'Ada', items: [1, 2, 3] };
      await runtime.start({ registrations: [kind], workflow: kind.name, input });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, starter));
  // Each run makes one call, and those that wait for an answer a second one.
  const giveUp = performance.now() + 60_000;
  while ((await callsAnswered(mockUrl)) - before < runs * 1.5) {
    if (performance.now() > giveUp) throw new Error(`waiting: not all of the ${runs * 1.5} calls were made`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function callsAnswered(mockUrl: string): Promise<number> {
  const answer = await fetch(`${mockUrl}/counts`);
  return ((await answer.json()) as { ok: number }).ok;
}
