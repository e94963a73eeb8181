// kill -9, for real, again and again.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '../../shared/store/database.ts';
import { isGapFree, world } from './support.ts';

const WORKER = path.join(import.meta.dirname, 'fixtures/worker.ts');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'engine-kill-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the worker until it ends, or until the log has so many lines: then it is killed. True when it finished. */
async function work(mode: 'start' | 'recover', killAtLines: number): Promise<boolean> {
  const log = path.join(folder, 'calls.log');
  const child: ChildProcess = spawn(process.execPath, [WORKER, path.join(folder, 'engine.sqlite'), log, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout?.on('data', (chunk) => {
    said += chunk;
  });
  const watch = setInterval(() => {
    if (said.includes('ed') && linesOf(log).length >= killAtLines) child.kill('SIGKILL');
  }, 2);
  await new Promise((resolve) => child.once('exit', resolve));
  clearInterval(watch);
  return said.includes('finished');
}

function linesOf(log: string): string[] {
  try {
    return readFileSync(log, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

it('a process killed five times over finishes every execution; no task that was recorded runs again', { timeout: 60_000 }, async () => {
  const log = path.join(folder, 'calls.log');
  let finished = await work('start', 12);
  const recordedAtKill: Map<string, number>[] = [];
  for (let kill = 1; !finished && kill < 30; kill++) {
    recordedAtKill.push(recordedTasks());
    const before = linesOf(log).length;
    finished = await work('recover', kill < 5 ? before + 40 : Number.POSITIVE_INFINITY);
    // What the journal had as succeeded was not called again.
    const begun = linesOf(log)
      .slice(before)
      .filter((line) => line.startsWith('begin '))
      .map((line) => line.slice(6));
    const recorded = recordedAtKill.at(-1);
    expect(begun.filter((key) => recorded?.has(key))).toEqual([]);
  }

  expect(finished).toBe(true);
  expect(recordedAtKill.length).toBeGreaterThanOrEqual(5);
  const database = openDatabase({ path: path.join(folder, 'engine.sqlite') });
  const here = world({ database });
  const { items } = here.engine.listExecutions({ stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:killed' });
  expect(items).toHaveLength(10);
  for (const { executionArn, status } of items) {
    expect(status).toBe('SUCCEEDED');
    const events = here.history(executionArn);
    expect(isGapFree(events)).toBe(true);
    expect(events.filter(({ type }) => type === 'TaskSucceeded')).toHaveLength(17);
  }
  here.engine.close();
  database.close();
});

/** Keys of the tasks that the journal says have succeeded. */
function recordedTasks(): Map<string, number> {
  const database = openDatabase({ path: path.join(folder, 'engine.sqlite') });
  const rows = database.prepare('SELECT entries FROM engine_journal').all() as { entries: string }[];
  database.close();
  const keys = new Map<string, number>();
  for (const { entries } of rows)
    for (const [, key] of entries.matchAll(
      /"TaskSucceeded",\d+,\d+,\{"output":\{"ExecutedVersion":"\$LATEST","Payload":\{"key":"([^"]+)"/g,
    ))
      keys.set(key ?? '', (keys.get(key ?? '') ?? 0) + 1);
  return keys;
}
