import { afterEach, describe, expect, test } from 'vitest';
import { createLocalFeed, type LocalFeed } from '../../local/service/event-feed.ts';
import { listEvents, type RunEvent } from '../../shared/runs/index.ts';
import { createWorld, ok, rejected, START_MS, type World, type WorldOptions } from '../semantics/world.ts';

let world: World;
let feed: LocalFeed;

afterEach(() => world.close());

async function open(steps: string, options?: WorldOptions): Promise<void> {
  world = await createWorld(
    `name: w\nversion: "1"\ntimeout: 1h\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false }\nsteps:\n${steps}`,
    options,
  );
  feed = createLocalFeed(world.runtime.runs, world.runtime.parts.watch, world.clock);
}

const TWO = '  - { id: a, service: s, method: /a }\n  - { id: b, service: s, method: /b }\n';
const SLOW: WorldOptions = { mock: () => ok({}, 1_000) };
const CHECKPOINT = '  - { id: ask, checkpoint: { title: Well?, timeout: 10m } }\n';

async function read(runId: string, after = 0, options: { signal?: AbortSignal; untilMs?: number } = {}): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of feed.follow(runId, after, options)) events.push(event);
  return events;
}

function numbers(events: readonly RunEvent[]): number[] {
  return events.map(({ n }) => n);
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe('following a run', () => {
  test('a thousand readers get every event once, in order, while the run goes on, and end with it', async () => {
    await open(TWO, SLOW);
    const runId = await world.start();

    const readers = Array.from({ length: 1_000 }, () => read(runId));
    const told = await world.drive(Promise.all(readers));

    const recorded = await listEvents(world.runtime.runs, runId);
    expect(recorded.at(-1)?.type).toBe('run.completed');
    expect(new Set(told.map((events) => JSON.stringify(events))).size).toBe(1);
    expect(told[0]).toEqual(recorded);
  });

  test('goes on after a number, and ends at once for who has had the end', async () => {
    await open(TWO);
    const { id } = await world.run();
    const last = (await listEvents(world.runtime.runs, id)).length;

    expect(numbers(await read(id, 2))).toEqual(upTo(last, 3));
    expect(await read(id, last)).toEqual([]);
  });

  test('does not end where an undo was begun again, but with that undo', async () => {
    let broken = true;
    await open(
      '  - { id: a, service: s, method: /a, compensate: { method: /undo, retry: { attempts: 1 } } }\n  - { id: bad, service: s, method: /bad }\n',
      { mock: ({ kind, step }) => (kind === 'undo' ? (broken ? rejected() : ok({}, 500)) : step === 'bad' ? rejected() : ok({})) },
    );
    const { id, status } = await world.run();
    expect(status).toBe('compensation_failed');
    broken = false;
    await world.drive(world.runtime.undo(id));

    const events = await world.drive(read(id));

    expect(numbers(events)).toEqual(upTo(events.length));
    expect(events.map(({ type }) => type).filter((type) => type.startsWith('run.'))).toEqual([
      'run.queued',
      'run.started',
      'run.compensation_failed',
      'run.compensated',
    ]);
  });

  test('a reader that joins late gets what was and what comes, with nothing lost between', async () => {
    await open(TWO, SLOW);
    const runId = await world.start();
    await world.pass(1_500);

    const events = await world.drive(read(runId, 1));

    expect(numbers(events)).toEqual(upTo(events.length + 1, 2));
    expect(events.at(-1)?.type).toBe('run.completed');
  });

  test('ends when the reader has gone, when its time is up, and when the feed closes', async () => {
    await open(CHECKPOINT);
    const gone = new AbortController();
    const runId = await world.start();
    await world.pass(10);

    const readers = [read(runId, 0, { signal: gone.signal }), read(runId, 0, { untilMs: START_MS + 1_000 }), read(runId)];
    world.at(500, () => gone.abort());
    world.at(2_000, () => feed.close());
    const ends = await world.drive(
      Promise.all(
        readers.map(async (reader) => {
          const events = await reader;
          return [world.clock.now() - START_MS, events.at(-1)?.type];
        }),
      ),
    );

    expect(ends).toEqual([
      [500, 'checkpoint.waiting'],
      [1_000, 'checkpoint.waiting'],
      [2_000, 'checkpoint.waiting'],
    ]);
    expect(await read(runId)).toEqual([]);
  });
});

describe('waiting for a run to settle', () => {
  test('ends with the run', async () => {
    await open(TWO, SLOW);
    const runId = await world.start();

    await world.drive(feed.settled(runId, START_MS + 60_000));

    expect(world.clock.now() - START_MS).toBe(2_000);
    expect((await world.record(runId)).status).toBe('completed');
  });

  test('ends at a checkpoint, and at once for who asks again', async () => {
    await open(`${TWO}${CHECKPOINT}`, SLOW);
    const runId = await world.start();

    await world.drive(feed.settled(runId, START_MS + 60_000));
    await world.drive(feed.settled(runId, START_MS + 60_000));

    expect(world.clock.now() - START_MS).toBe(2_000);
    expect((await world.record(runId)).status).toBe('waiting_checkpoint');
  });

  test('ends when the time is up, or the feed closes', async () => {
    await open(TWO, SLOW);
    const runId = await world.start();

    await world.drive(feed.settled(runId, START_MS + 300));
    expect(world.clock.now() - START_MS).toBe(300);

    world.at(600, () => feed.close());
    await world.drive(feed.settled(runId, START_MS + 60_000));
    expect(world.clock.now() - START_MS).toBe(600);
    await world.end(runId);
  });
});
