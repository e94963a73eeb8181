import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, startChild, startServer } from '../../bench/child-process.ts';
import type { Contestant } from '../../bench/contestant.ts';
import { type HarnessOptions, measure } from '../../bench/harness.ts';
import { bare } from '../../bench/peers/bare.ts';
import { median, percentile } from '../../bench/statistics.ts';

describe('statistics', () => {
  test('a percentile is the nearest rank', () => {
    const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    expect([0.5, 0.95, 1, 0].map((p) => percentile(values, p))).toEqual([5, 10, 10, 1]);
    expect(percentile([7], 0.95)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  test('a median is the middle, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});

describe('the harness', () => {
  let mock: Awaited<ReturnType<typeof startServer>>;
  let mockUrl: string;
  beforeAll(async () => {
    mock = await startServer(new URL('../../bench/mock-service.ts', import.meta.url));
    mockUrl = `http://127.0.0.1:${mock.port}`;
  });
  afterAll(() => mock.stop());

  /** A clock that moves 1 ms each time it is read, so that turns are short and alike everywhere. */
  function options(contestants: Contestant[], more: Partial<HarnessOptions> = {}): HarnessOptions {
    let time = 0;
    const now = () => (time += 1);
    const base = { shapes: ['saga'], concurrencies: [2], rounds: 3, turnMs: 1_000_000, warmUpMs: 1_000_000, turnLimit: 4 } as const;
    return { ...base, contestants, mockUrl, now, onProgress: () => {}, ...more };
  }

  function named(name: string, run: Contestant['run']): Contestant {
    return { name, setup: '', start: async () => {}, run, close: async () => {} };
  }

  test('counts each workflow of all rounds but none of the warm-up', async () => {
    const contestant = bare({ mockUrl, folder: '' });
    await contestant.start();

    const cells = await measure(options([contestant], { shapes: ['sequence', 'parallel', 'saga'] }));
    await contestant.close();

    expect(cells.map(({ shape, workflows }) => [shape, workflows])).toEqual([
      ['sequence', 12],
      ['parallel', 12],
      ['saga', 12],
    ]);
    for (const { p50Ms, p95Ms, perSecond } of cells) {
      expect(p50Ms).toBeGreaterThan(0);
      expect(p95Ms).toBeGreaterThanOrEqual(p50Ms);
      expect(perSecond).toBeGreaterThan(0);
    }
  });

  test('lets contestants take turns, each round begun by another', async () => {
    const order: string[] = [];
    const real = bare({ mockUrl, folder: '' });
    await real.start();
    const noting = (name: string) =>
      named(name, async (shape) => {
        order.push(name);
        await real.run(shape);
      });

    await measure(options([noting('a'), noting('b')], { turnLimit: 1, concurrencies: [1] }));
    await real.close();

    expect(order.join('')).toBe('ab' + 'ab' + 'ba' + 'ab');
  });

  test('stops when a contestant skips calls', async () => {
    const idle = named('idle', async () => {});

    await expect(measure(options([idle]))).rejects.toThrow('idle, saga: 4 workflows made 0 calls and 0 refused ones; expected 24 and 4');
  });

  test('stops when a workflow ends wrongly', async () => {
    const failing = named('failing', () => Promise.reject(new Error('ended wrongly')));

    await expect(measure(options([failing]))).rejects.toThrow('ended wrongly');
  });
});

describe('child processes', () => {
  test('one that does not end when asked is killed by its id', async () => {
    const child = startChild(process.execPath, ['-e', "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)"], {
      graceMs: 20,
    });
    if (child.process.stdout !== null) await once(child.process.stdout, 'data');

    await child.stop();

    expect(child.process.signalCode).toBe('SIGKILL');
  });

  test('one that ends without a port is an error, and stopping it again is harmless', async () => {
    await expect(startServer(new URL('../../bench/statistics.ts', import.meta.url))).rejects.toThrow(
      'said something else than {"port": n} first',
    );
  });

  test('a free port can be bound', async () => {
    expect(await freePort()).toBeGreaterThan(0);
  });
});
