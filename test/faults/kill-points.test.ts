// Whatever a process does for a request or an event, it may die before each of its writes and around each of its calls. What was answered
// holds, nothing runs twice, and nothing is lost: the same request again, or the sweep, brings it to its end.

import { describe, expect, test } from 'vitest';
import { ApiError } from '../../shared/contract/index.ts';
import { type Cloud, createCloud } from './cloud.ts';
import { Killed } from './mortal.ts';
import { OPERATIONS, type Operation } from './operations.ts';
import { comeToRest, expectSound, runsOf } from './sound.ts';

describe.each(Object.entries(OPERATIONS))('%s', (name, operation) => {
  // Only a client asks again.
  const asksAgain = operation.role === undefined ? [true, false] : [false];

  test.each(asksAgain)('may be cut off anywhere (asked again: %s)', async (repeat) => {
    for (let n = 0; ; n++) {
      const cut = await cutAt(operation, n, repeat).catch((error: unknown) => {
        throw new Error(`${name}, cut off at point ${n}`, { cause: error });
      });
      if (!cut) {
        expect(n).toBeGreaterThan(2);
        return;
      }
    }
  });
});

/** Whether there was such a point. */
async function cutAt(operation: Operation, n: number, repeat: boolean): Promise<boolean> {
  let mended = false;
  const cloud = await createCloud(operation.files, operation.mock ? { mock: operation.mock(() => mended) } : {});
  try {
    const subject = (await operation.prepare?.(cloud)) ?? { id: '' };
    const victim = cloud.process(operation.role ?? 'api').mortal;
    mended = true;
    victim.killAt(n);
    const answered = await settles(cloud, operation.act(cloud.process('api'), cloud, subject));
    const repeated = repeat && !answered;
    if (repeated) {
      await cloud.pass(1_000);
      while (!(await settles(cloud, operation.act(cloud.process('api'), cloud, subject)))) await cloud.pass(20_000);
    }
    await comeToRest(cloud);
    await expectSound(cloud, operation.files.map(nameOf), { once: operation.role !== 'functions' });
    const ends = runsOf(cloud)
      .map(({ status }) => status)
      .join(' ');
    expect(operation.ends({ answered, repeated })).toContain(ends);
    // A call in which its process died is made again, under its key.
    const expected = operation.role === 'functions' ? [...operation.calls, ...operation.calls] : [...operation.calls];
    expect(cloud.log().filter((call) => !take(expected, call))).toEqual([]);
    return victim.dead;
  } finally {
    cloud.close();
  }
}

function take(calls: string[], call: string): boolean {
  const index = calls.indexOf(call);
  if (index >= 0) calls.splice(index, 1);
  return index >= 0;
}

/** False when the process died meanwhile, or it is to be asked again. Any other refusal is an answer: what was asked for is so already. */
async function settles(cloud: Cloud, work: Promise<unknown>): Promise<boolean> {
  try {
    await cloud.drive(work);
    return true;
  } catch (error) {
    if (error instanceof Killed) return false;
    if (error instanceof ApiError && error.code === 'conflict') return error.retryAfter === undefined;
    throw error;
  }
}

function nameOf(file: string): string {
  return /^name: (\S+)/.exec(file)?.[1] ?? '';
}
