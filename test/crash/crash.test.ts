import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { hash } from '../property/outcomes.ts';
import { type MockService, startMockService } from './mock-service.ts';
import { CONNECTIONS, EXPECTED, kindOf, runIdOf } from './workflows.ts';

/** Times that the process is killed. */
const KILLS = Number(process.env['MAESTRO_CRASH_KILLS'] ?? 3);
const SEED = process.env['MAESTRO_CRASH_SEED'] ?? 'seed';
const RUNS = 200;
/** ms of life that a process is given at most between two kills: all lives together are shorter than the work. */
const LONGEST_LIFE_MS = Math.min(350, Math.floor(2_500 / KILLS));
const WORKER = path.join(import.meta.dirname, 'worker.ts');

let folder: string | undefined;
let service: MockService | undefined;
let worker: ChildProcess | undefined;

afterEach(async () => {
  worker?.kill('SIGKILL');
  await service?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

describe('a process that is killed', () => {
  test(
    `with ${RUNS} runs in flight, ${KILLS} times, ends every run as it would have, calls nothing recorded again, and undoes everything once`,
    async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'crash-'));
      service = await startMockService();
      /** Keys whose end was on disk when the process died, after each kill. */
      const recorded: Set<string>[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        const { child, ready } = start(folder, service.url);
        await ready;
        await pause(20 + (hash(`${SEED}|${kill}`) % LONGEST_LIFE_MS));
        await killed(child);
        recorded.push(recordedKeys(folder));
        service.kills++;
      }
      const { ended } = start(folder, service.url);
      const statuses = await ended;

      expect(statuses).toEqual(Array.from({ length: RUNS }, (_, n) => EXPECTED[kindOf(n)].status));
      const { requests } = service;
      // The kills have to fall while there is work, or this test says nothing.
      const afterLast = requests.filter(({ kills }) => kills === KILLS);
      expect(afterLast.length).toBeGreaterThan(0);
      expect(recorded.filter((keys) => keys.size > 0).length).toBeGreaterThan(KILLS / 2);
      for (const [kill, keys] of recorded.entries()) {
        expect(requests.filter((request) => request.kills > kill && keys.has(request.key)).map(({ key }) => key)).toEqual([]);
      }
      for (let n = 0; n < RUNS; n++) checkRun(n, requests);
      const again = requests.length - new Set(requests.map(({ key }) => key)).size;
      // What can have been under way at a kill: as many requests as there are connections, and as many answers that were not on disk yet.
      expect(again).toBeLessThanOrEqual(KILLS * 2 * CONNECTIONS);
    },
    120_000 + KILLS * 30_000,
  );
});

/** Calls of one run: each step, each undo in reverse, one body per key; a key comes twice only across a kill. */
function checkRun(n: number, requests: MockService['requests']): void {
  const { calls, undos } = EXPECTED[kindOf(n)];
  const own = requests.filter(({ key }) => key.startsWith(`${runIdOf(n)}/`));
  const byKey = Map.groupBy(own, ({ key }) => key);
  const firsts = [...byKey.values()].flatMap(([first]) => (first ? [first] : []));
  const forward = firsts.filter(({ path: where }) => !where.startsWith('/undo/')).map(({ path: where }) => where.slice(1));
  const undone = firsts.filter(({ path: where }) => where.startsWith('/undo/')).map(({ path: where }) => where.slice('/undo/'.length));
  expect([...forward].sort()).toEqual([...calls].sort());
  expect(undone).toEqual(undos);
  for (const tries of byKey.values()) {
    expect(new Set(tries.map(({ body }) => body)).size).toBe(1);
    expect(new Set(tries.map(({ kills }) => kills)).size).toBe(tries.length);
  }
  for (const { path: where, body, key } of own) {
    if (where.startsWith('/undo/')) expect(JSON.parse(body)).toEqual({ made: key.replace('/undo', '') });
  }
}

function start(dataFolder: string, url: string): { child: ChildProcess; ready: Promise<void>; ended: Promise<string[]> } {
  const child = spawn(process.execPath, [WORKER, dataFolder, url, String(RUNS)], { stdio: ['ignore', 'pipe', 'pipe'] });
  worker = child;
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string[]>();
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (out.includes('ready\n')) ready.resolve();
    const end = /^ended (.*)$/m.exec(out);
    if (end && out.endsWith('\n')) ended.resolve(JSON.parse(end[1] ?? '[]') as string[]);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.on('exit', (code, signal) => {
    const error = new Error(`the process ended with ${code ?? signal}: ${err.slice(-2_000)}`);
    ready.reject(error);
    ended.reject(error);
  });
  // One of the two may never be asked for.
  ready.promise.catch(() => {});
  ended.promise.catch(() => {});
  return { child, ready: ready.promise, ended: ended.promise };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error('every run had ended before the last kill: shorten the lives');
  return new Promise((resolve) => {
    child.on('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Idempotency keys of everything whose end is on disk, read from a copy of the dead process's database. */
function recordedKeys(dataFolder: string): Set<string> {
  const copy = mkdtempSync(path.join(tmpdir(), 'crash-copy-'));
  try {
    for (const name of ['maestro.db', 'maestro.db-wal']) {
      if (existsSync(path.join(dataFolder, name))) copyFileSync(path.join(dataFolder, name), path.join(copy, name));
    }
    const database = new DatabaseSync(path.join(copy, 'maestro.db'));
    const rows = database.prepare("SELECT pk, sk, body FROM items WHERE pk LIKE 'RUN#%' AND sk LIKE 'STEP#%'").all();
    database.close();
    const keys = new Set<string>();
    for (const { pk, sk, body } of rows) {
      const key = `${String(pk).slice('RUN#'.length)}/${String(sk).slice('STEP#'.length)}`;
      const step = JSON.parse(String(body)) as { state: string; undoState?: string };
      if (step.state === 'done') keys.add(key);
      if (step.undoState === 'undone') keys.add(`${key}/undo`);
    }
    return keys;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
