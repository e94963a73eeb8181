import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createLocalQueue,
  type LocalQueue,
  type QueueDeadLetter,
  type QueueMessage,
  type QueueVerdict,
} from '../../local/service/queue.ts';
import { createVirtualClock, type VirtualClock } from '../../local/simulate/virtual-clock.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';

let database: ReturnType<typeof openDatabase>;
let clock: VirtualClock;
let serial = 0;
let problems: Error[];
let letters: QueueDeadLetter[];

beforeEach(() => {
  database = openDatabase({ path: ':memory:' });
  clock = createVirtualClock(0);
  serial = 0;
  problems = [];
  letters = [];
});

afterEach(() => database.close());

/** Another one on the same store stands for the next process. */
function open(): LocalQueue {
  return createLocalQueue({
    store: createSqliteStore(database),
    clock,
    id: () => String(++serial).padStart(8, '0'),
    deadLetter: async (letter) => void letters.push(letter),
    onProblem: (error) => problems.push(error),
  });
}

function pass(ms: number): Promise<void> {
  return clock.run(new Promise((resolve) => void clock.setTimer(ms, resolve)));
}

/** All of these are to be tried again. */
function again(messages: readonly QueueMessage[]): Map<string, QueueVerdict> {
  return new Map(messages.map(({ id }) => [id, 'again']));
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the queue of runs', () => {
  test('hands over every message once, in order, ten at a time', async () => {
    const queue = open();
    const batches: string[][] = [];
    for (let n = 0; n < 25; n++) await queue.send(`run_${n}`);
    await queue.start(async (messages) => {
      batches.push(messages.map(({ body }) => body));
      return new Map();
    });
    await turns(5);

    expect(batches.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(batches.flat()).toEqual(Array.from({ length: 25 }, (_, n) => `run_${n}`));
  });

  test('a run that is sent again while it is in the queue is handed over once, and after that once more', async () => {
    const queue = open();
    const seen: string[] = [];
    await queue.send('run_1');
    await queue.send('run_1');
    await queue.start(async (messages) => {
      seen.push(...messages.map(({ body }) => body));
      return new Map();
    });
    await turns(3);
    expect(seen).toEqual(['run_1']);

    await queue.send('run_1');
    await turns(3);
    expect(seen).toEqual(['run_1', 'run_1']);
  });

  test('works on at most four batches at once', async () => {
    const queue = open();
    let most = 0;
    let now = 0;
    for (let n = 0; n < 100; n++) await queue.send(`run_${n}`);
    await queue.start(async () => {
      most = Math.max(most, ++now);
      await turns(3);
      now--;
      return new Map();
    });
    await turns(60);

    expect(most).toBe(4);
    expect(now).toBe(0);
  });

  test('hands over again what failed, later each time, and nothing else', async () => {
    const queue = open();
    const seen: [string, number, number][] = [];
    await queue.send('good');
    await queue.send('bad');
    await queue.start(async (messages) => {
      for (const { body, receives } of messages) seen.push([body, receives, clock.now()]);
      return again(messages.filter(({ body, receives }) => body === 'bad' && receives < 4));
    });
    await pass(10_000);

    expect(seen).toEqual([
      ['good', 1, 0],
      ['bad', 1, 0],
      ['bad', 2, 200],
      ['bad', 3, 600],
      ['bad', 4, 1_400],
    ]);
  });

  test('a worker that throws is told of, and its batch comes again', async () => {
    const queue = open();
    let calls = 0;
    await queue.send('run_1');
    await queue.start(async () => {
      if (calls++ === 0) throw new Error('no');
      return new Map();
    });
    await pass(1_000);

    expect(calls).toBe(2);
    expect(problems.map(({ message }) => message)).toEqual(['no']);
  });

  test('a message that can never become a run is put aside with the reason, and comes no more', async () => {
    const queue = open();
    await queue.send('nonsense');
    await queue.start(async (messages) => new Map(messages.map(({ id }) => [id, { dead: 'it names no run' }])));
    await turns(3);

    expect(await createSqliteStore(database).list('QUEUE')).toEqual([]);
    expect(letters).toEqual([{ kind: 'queue', body: 'nonsense', sentAtMs: 0, atMs: 0, reason: 'it names no run' }]);
    expect(problems).toHaveLength(1);
  });

  test('what was not worked off when the process died is handed over by the next, and what was is not', async () => {
    const first = open();
    await first.send('done');
    await first.start(async (messages) => again(messages.filter(({ body }) => body === 'left')));
    await turns(3);
    await first.send('left');
    await turns(3);
    await first.stop();

    const next = open();
    const seen: string[] = [];
    await next.send('new');
    await next.start(async (messages: readonly QueueMessage[]) => {
      seen.push(...messages.map(({ body }) => body));
      return new Map();
    });
    await turns(5);

    expect(seen.sort()).toEqual(['left', 'new']);
  });

  test('stops when what is under way has ended, and begins nothing more', async () => {
    const queue = open();
    const go = Promise.withResolvers<void>();
    const begun: string[] = [];
    await queue.start(async (messages) => {
      begun.push(...messages.map(({ body }) => body));
      await go.promise;
      return new Map();
    });
    await queue.send('a');
    let stopped = false;
    const stopping = queue.stop().then(() => (stopped = true));
    await queue.send('b');
    await turns(5);
    expect(stopped).toBe(false);

    go.resolve();
    await stopping;
    expect(begun).toEqual(['a']);
  });
});
