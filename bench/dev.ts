// `maestro dev` under load, from outside: latency and throughput of starting runs, many event streams, memory.
//
//   node bench/dev.ts [--seconds 60] [--streams 1000] [--waiting 10000] [--durability power|process]

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { type Child, startChild, startServer } from './child-process.ts';
import { percentile } from './statistics.ts';

const ROOT = path.join(import.meta.dirname, '..');
const CONNECTIONS = 32;
const ALONE_MS = 5_000;
const WARM_UP_MS = 3_000;
const RUN = '/api/v2/orchestrate/run';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    streams: { type: 'string', default: '1000' },
    waiting: { type: 'string', default: '10000' },
    durability: { type: 'string', default: 'power' },
  },
});

interface Dev extends Child {
  url: string;
  key: string;
}

async function startDev(folder: string): Promise<Dev> {
  const child = startChild(
    process.execPath,
    [
      path.join(ROOT, 'bin', 'maestro.js'),
      'dev',
      folder,
      '--data',
      path.join(folder, 'data'),
      '--port',
      '0',
      '--json',
      '--durability',
      values.durability,
    ],
    { graceMs: 15_000 },
  );
  const output = child.process.stdout;
  if (output === null) throw new Error('maestro dev has no output to read');
  for await (const line of createInterface({ input: output })) {
    const said = JSON.parse(line) as { kind: string; urls: { api: string }; api_key: string };
    if (said.kind === 'ready') {
      // What it prints of every event is read and let go of, or it would have to wait.
      output.resume();
      return { ...child, url: said.urls.api, key: said.api_key };
    }
  }
  throw new Error('maestro dev ended before it was ready');
}

/** What is asked for again and again, and what its answer has to be. */
interface Asked {
  body: object;
  status: number;
  says: string;
  /** The most that are asked for; left out: as many as the time allows. */
  count?: number;
}

const ONE: Asked = { body: { workflow: 'one', input: { n: 1 } }, status: 200, says: '"status":"completed"' };

interface Load {
  /** ms, sorted. */
  latencies: number[];
  failed: number;
  perSecond: number;
  /** Highest resident memory seen, MB. */
  memoryMb: number;
}

/** Starts runs one after the other on each connection. */
async function load(dev: Dev, connections: number, ms: number, asked = ONE): Promise<Load> {
  const pool = new Pool(dev.url, { connections, pipelining: 1 });
  const headers = { authorization: `Bearer ${dev.key}`, 'content-type': 'application/json' };
  const body = JSON.stringify(asked.body);
  const latencies: number[] = [];
  let begun = 0;
  let failed = 0;
  let memoryMb = 0;
  const began = performance.now();
  const looking = setInterval(() => (memoryMb = Math.max(memoryMb, residentMb(dev))), 500);
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() - began < ms && begun++ < (asked.count ?? Number.POSITIVE_INFINITY)) {
        const started = performance.now();
        try {
          const answer = await pool.request({ path: RUN, method: 'POST', headers, body });
          const text = await answer.body.text();
          if (answer.statusCode !== asked.status || !text.includes(asked.says)) failed++;
        } catch {
          failed++;
        }
        latencies.push(performance.now() - started);
      }
    }),
  );
  clearInterval(looking);
  memoryMb = Math.max(memoryMb, residentMb(dev));
  const perSecond = latencies.length / ((performance.now() - began) / 1_000);
  await pool.close();
  return { latencies: latencies.sort((a, b) => a - b), failed, perSecond, memoryMb };
}

interface Streams {
  /** ms until every client had been told that the run waits, and from the answer until every one had the run's end. */
  openedMs: number;
  endedMs: number;
  memoryMb: number;
}

/** Follows one run with many clients at once, answers its checkpoint, and waits until each has been told its end. */
async function streams(dev: Dev, count: number): Promise<Streams> {
  const pool = new Pool(dev.url, { connections: count + 2, pipelining: 1, bodyTimeout: 0 });
  const headers = { authorization: `Bearer ${dev.key}`, 'content-type': 'application/json' };
  const post = async (at: string, body: object): Promise<{ data: Envelope }> => {
    const answer = await pool.request({ path: at, method: 'POST', headers, body: JSON.stringify(body) });
    if (answer.statusCode >= 300) throw new Error(`POST ${at}: ${answer.statusCode} ${await answer.body.text()}`);
    return (await answer.body.json()) as { data: Envelope };
  };
  const { data } = await post(RUN, { workflow: 'asks', input: {} });
  const began = performance.now();
  const clients = Array.from({ length: count }, () => follow(pool, `${RUN}/${data.run_id}/events`, headers));
  await Promise.all(clients.map(({ waiting }) => waiting));
  const openedMs = performance.now() - began;
  const memoryMb = residentMb(dev);
  const answered = performance.now();
  await post(`${RUN}/${data.run_id}/checkpoints/${data.pending_checkpoint.id}`, {});
  const told = await Promise.all(clients.map(({ ended }) => ended));
  const endedMs = performance.now() - answered;
  await pool.close();
  const incomplete = told.filter((text) => !text.includes('event: run.completed')).length;
  if (incomplete > 0) throw new Error(`${incomplete} of ${count} streams ended without the end of the run`);
  return { openedMs, endedMs, memoryMb };
}

/** One stream: when it has told that the run waits, and all that it told. */
function follow(pool: Pool, at: string, headers: { [name: string]: string }): { waiting: Promise<void>; ended: Promise<string> } {
  const waiting = Promise.withResolvers<void>();
  const ended = pool.request({ path: at, method: 'GET', headers }).then(async ({ body, statusCode }) => {
    if (statusCode !== 200) throw new Error(`events: ${statusCode} ${await body.text()}`);
    let text = '';
    for await (const part of body.setEncoding('utf8')) {
      text += part;
      if (text.includes('checkpoint.waiting')) waiting.resolve();
    }
    return text;
  });
  ended.catch(waiting.reject);
  return { waiting: waiting.promise, ended };
}

interface Envelope {
  run_id: string;
  pending_checkpoint: { id: string };
}

function residentMb({ process: { pid } }: Dev): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(found?.[1] ?? 0) / 1_024);
}

function describeLoad(name: string, { latencies, failed, perSecond, memoryMb }: Load): string {
  const p50 = percentile(latencies, 0.5).toFixed(2);
  const p95 = percentile(latencies, 0.95).toFixed(2);
  const p99 = percentile(latencies, 0.99).toFixed(2);
  return `${name.padEnd(32)} p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, ${perSecond.toFixed(0)} runs/s, ${latencies.length} runs, ${failed} failed, ${memoryMb} MB`;
}

const folder = await mkdtemp(path.join(tmpdir(), 'maestro-bench-'));
const mock = await startServer(new URL('./mock-service.ts', import.meta.url));
let dev: Dev | undefined;
try {
  await writeFile(
    path.join(folder, 'one.yaml'),
    `name: one\nversion: "1"\nservices:\n  s: { type: http, endpoint: "http://127.0.0.1:${mock.port}", pool: ${CONNECTIONS} }\nsteps:\n  - { id: call, service: s, method: POST /call, input: { n: "{{ .input.n }}" }, output: made }\noutput: { ok: "{{ .made.ok }}" }\n`,
  );
  await writeFile(
    path.join(folder, 'asks.yaml'),
    'name: asks\nversion: "1"\nsteps:\n  - { id: ask, checkpoint: { title: "Well?", timeout: 1h, on_timeout: fail } }\n',
  );
  await writeFile(path.join(folder, 'waits.yaml'), 'name: waits\nversion: "1"\nsteps:\n  - { id: pause, wait: 24h }\n');
  dev = await startDev(folder);
  const waiting = { body: { workflow: 'waits', input: {}, mode: 'async' }, status: 202, says: '"run_id"', count: Number(values.waiting) };
  console.log(describeLoad(`${values.waiting} runs that wait`, await load(dev, CONNECTIONS, Number.POSITIVE_INFINITY, waiting)));
  await dev.stop();
  const stopped = performance.now();
  dev = await startDev(folder);
  const readyMs = (performance.now() - stopped).toFixed(0);
  console.log(`${'started again over them'.padEnd(32)} ready in ${readyMs} ms, ${residentMb(dev)} MB`);
  await dev.stop();
  await rm(path.join(folder, 'data'), { recursive: true });
  dev = await startDev(folder);
  await load(dev, CONNECTIONS, WARM_UP_MS);
  console.log(describeLoad('POST run, one at a time', await load(dev, 1, ALONE_MS)));
  const count = Number(values.streams);
  const { openedMs, endedMs, memoryMb } = await streams(dev, count);
  console.log(
    `${`${count} event streams at once`.padEnd(32)} open in ${openedMs.toFixed(0)} ms, all told the end in ${endedMs.toFixed(0)} ms, ${memoryMb} MB`,
  );
  console.log(
    describeLoad(`POST run, ${CONNECTIONS} connections, ${values.seconds} s`, await load(dev, CONNECTIONS, Number(values.seconds) * 1_000)),
  );
} finally {
  await dev?.stop();
  await mock.stop();
  await rm(folder, { recursive: true, force: true });
}
