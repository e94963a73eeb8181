import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../local/simulate/virtual-clock.ts';
import { createLocalTriggers, type LocalTriggers, type TriggerDeadLetter } from '../../local/triggers/index.ts';
import { ApiError } from '../../shared/contract/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { type CatalogEntry, type NewBusEvent, ThrottledError } from '../../shared/orchestrate/ports.ts';
import type { Service } from '../../shared/orchestrate/service.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { dedupeName } from '../../shared/triggers/index.ts';

type Start = Parameters<Service['startTriggered']>[0];

const BEGIN = Date.parse('2026-11-21T07:00:10.500Z');
const PLACED: NewBusEvent = { source: 'shop', 'detail-type': 'Placed', detail: { id: 'o-1' } };

let folder: string;
let clock: VirtualClock;
let workflows: Map<string, Json[]>;
/** What the service was asked for, and what it answers. */
let asked: Start[];
let answer: (start: Start) => Promise<string>;
let letters: TriggerDeadLetter[];
let problems: Error[];
let open: LocalTriggers[];
let uuids: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'triggers-'));
  clock = createVirtualClock(BEGIN);
  workflows = new Map([['order', [{ event: { source: ['shop'] }, input: { id: '{{ .event.detail.id }}' } }]]]);
  asked = [];
  answer = async ({ workflow, dedupe = '' }) => dedupeName(workflow, dedupe);
  letters = [];
  problems = [];
  open = [];
  uuids = 0;
});

afterEach(async () => {
  clock.dropTimers();
  for (const triggers of open) await triggers.close();
  rmSync(folder, { recursive: true });
});

/** The triggers of a process. What it shares with the next one is the folder. */
function begin(): LocalTriggers {
  const triggers = createLocalTriggers({
    store: createSqliteStore(openDatabase({ path: join(folder, 'maestro.db') })),
    clock,
    ids: { uuid: () => `e-${++uuids}` },
    service: {
      startTriggered(start) {
        asked.push(start);
        clock.touch();
        return answer(start);
      },
    },
    catalog: { list: async () => [...workflows].map(([name, triggers]) => ({ name, triggers }) as CatalogEntry) },
    deadLetter: async (letter) => {
      letters.push(letter);
    },
    onProblem: (error) => problems.push(error),
  });
  open.push(triggers);
  return triggers;
}

async function pass(ms: number): Promise<void> {
  await clock.run(new Promise<void>((resolve) => clock.setTimer(ms, resolve)));
}

describe('the bus of one machine', () => {
  test('starts every workflow whose pattern matches, with its input, once', async () => {
    workflows.set('invoice', [{ event: { detail: { id: [{ prefix: 'o-' }] } } }, { event: { source: ['other'] } }]);
    const { bus, start } = begin();
    await start();

    const [id] = await bus.put([PLACED]);
    await clock.settle();

    const event = {
      version: '0',
      id,
      'detail-type': 'Placed',
      source: 'shop',
      account: '000000000000',
      time: '2026-11-21T07:00:10Z',
      region: 'us-east-1',
      resources: [],
      detail: { id: 'o-1' },
    };
    expect(asked).toEqual([
      { workflow: 'order', input: { id: 'o-1' }, mode: 'event', dedupe: `event 0 ${id}`, request: { trigger: 0, event: id } },
      { workflow: 'invoice', input: event, mode: 'event', dedupe: `event 0 ${id}`, request: { trigger: 0, event: id } },
    ]);
  });

  test('answers with the ids of all events in order, also of those that nobody waits for', async () => {
    const { bus, start } = begin();
    await start();

    expect(
      await bus.put([{ ...PLACED, source: 'nobody' }, PLACED, { ...PLACED, time: '2026-11-20T10:00:00+02:00', resources: ['arn:x'] }]),
    ).toEqual(['e-1', 'e-2', 'e-3']);
    await clock.settle();

    expect(asked.map(({ request }) => (request as JsonObject)['event'])).toEqual(['e-2', 'e-3']);
  });

  test('gives times in UTC, to the second', async () => {
    workflows.set('order', [{ event: { source: ['shop'] }, input: '{{ .event.time }}' }]);
    const { bus, start } = begin();
    await start();

    await bus.put([{ ...PLACED, time: '2026-11-20T10:00:00.750+02:00' }]);
    await clock.settle();

    expect(asked[0]?.input).toBe('2026-11-20T08:00:00Z');
  });

  test('an event that was accepted before a kill starts its run in the next process, under the same name', async () => {
    answer = () => new Promise(() => {});
    const killed = begin();
    await killed.start();
    await killed.bus.put([PLACED]);
    await clock.settle();
    // Accepted, and the process is killed while it starts the run: nothing is closed, nothing that waits goes on.
    clock.dropTimers();
    open = [];
    answer = async () => 'run';

    const next = begin();
    await next.start();
    await clock.settle();

    expect(asked).toHaveLength(2);
    expect(asked[1]).toEqual(asked[0]);
  });

  test('an event is accepted before `start`, and performed after it', async () => {
    const { bus, start } = begin();
    await bus.put([PLACED]);
    await clock.settle();
    expect(asked).toEqual([]);

    await start();
    await clock.settle();

    expect(asked).toHaveLength(1);
  });

  test('a start that was performed is not performed again by the next process', async () => {
    const first = begin();
    await first.start();
    await first.bus.put([PLACED]);
    await clock.settle();
    await first.close();

    await begin().start();
    await clock.settle();

    expect(asked).toHaveLength(1);
  });

  test('goes by the triggers that there are when the event is put', async () => {
    const { bus, start, changed } = begin();
    await start();
    workflows.set('order', [{ event: { source: ['elsewhere'] } }]);
    workflows.set('late', [{ event: { source: ['shop'] } }]);
    await changed();

    await bus.put([PLACED]);
    await clock.settle();

    expect(asked.map(({ workflow }) => workflow)).toEqual(['late']);
  });

  test('with `dedupe`, two events about one thing ask for one run', async () => {
    workflows.set('order', [{ event: { source: ['shop'] }, dedupe: '{{ .event.detail.id }}' }]);
    const { bus, start } = begin();
    await start();

    await bus.put([PLACED, PLACED]);
    await clock.settle();

    expect(new Set(asked.map(({ workflow, dedupe = '' }) => dedupeName(workflow, dedupe))).size).toBe(1);
  });

  test('starts at most sixteen runs at once, so that a circle of workflows leaves room', async () => {
    answer = () => new Promise(() => {});
    const { bus, start } = begin();
    await start();

    for (let batch = 0; batch < 4; batch++) await bus.put(Array.from({ length: 10 }, () => PLACED));
    await clock.settle();
    open = [];

    expect(asked).toHaveLength(16);
  });
});

describe('starts that fail', () => {
  test('are tried again, later each time, and then are done', async () => {
    const times: number[] = [];
    answer = async () => {
      times.push(clock.now() - BEGIN);
      if (times.length < 4) throw times.length === 1 ? new ThrottledError('slow down') : new Error('database is busy');
      return 'run';
    };
    const { bus, start } = begin();
    await start();

    await bus.put([PLACED]);
    await pass(600_000);

    expect(times).toEqual([0, 200, 600, 1_400]);
    expect(letters).toEqual([]);
    expect(problems).toHaveLength(1);
  });

  test('are given up after ten tries, with all that is needed to start them by hand', async () => {
    answer = async () => {
      throw new Error('engine is down');
    };
    const { bus, start } = begin();
    await start();

    await bus.put([PLACED]);
    await pass(3_600_000);

    expect(asked).toHaveLength(10);
    expect(letters).toEqual([
      {
        kind: 'trigger',
        atMs: expect.any(Number),
        tries: 10,
        error: { name: 'Error', message: 'engine is down' },
        start: asked[0],
        event: expect.objectContaining({ id: 'e-1', detail: { id: 'o-1' } }),
      },
    ]);
  });

  test.each(['invalid', 'not_found', 'too_large'] as const)('%s: given up at once where the service would refuse again', async (code) => {
    answer = async () => {
      throw new ApiError(code, 'refused');
    };
    const { bus, start } = begin();
    await start();

    await bus.put([PLACED]);
    await pass(3_600_000);

    expect([asked.length, letters.length]).toEqual([1, 1]);
  });

  test.each(['rate_limited', 'unavailable', 'internal'] as const)('%s: tried again', async (code) => {
    answer = async () => {
      if (asked.length < 3) throw new ApiError(code, 'not now');
      return 'run';
    };
    const { bus, start } = begin();
    await start();

    await bus.put([PLACED]);
    await pass(60_000);

    expect([asked.length, letters.length]).toEqual([3, 0]);
  });

  test('stay in the store when the dead letter cannot be written, for the next process', async () => {
    answer = async () => {
      throw new ApiError('invalid', 'refused');
    };
    const first = begin();
    await first.start();
    letters.push = () => {
      throw new Error('disk is full');
    };
    await first.bus.put([PLACED]);
    await clock.settle();
    await first.close();
    letters = [];

    await begin().start();
    await clock.settle();

    expect(problems.map(({ message }) => message)).toContain('disk is full');
    expect(letters).toHaveLength(1);
  });

  test('that wait when the process closes are taken up by the next one', async () => {
    answer = async () => {
      throw new Error('not yet');
    };
    const first = begin();
    await first.start();
    await first.bus.put([PLACED]);
    await clock.settle();
    await first.close();
    answer = async () => 'run';

    await begin().start();
    await clock.settle();

    expect(asked).toHaveLength(2);
  });
});

/** The times that were started, without the date. */
function fired(): Json[] {
  return asked.map(({ input }) => String(input).slice(11, 19));
}

function schedule(text: string): Json[] {
  return [{ schedule: text, input: '{{ .event.time }}' }];
}

describe('the scheduler of one machine', () => {
  beforeEach(() => {
    workflows.clear();
  });

  test('fires a rate when it is first seen and every so often after, as runs of a schedule', async () => {
    workflows.set('tick', schedule('rate(5 minutes)'));
    await begin().start();

    await pass(11 * 60_000);

    expect(fired()).toEqual(['07:00:10', '07:05:10', '07:10:10']);
    expect(asked[1]).toMatchObject({ workflow: 'tick', mode: 'schedule', dedupe: 'schedule 0 2026-11-21T07:05:10Z' });
  });

  test('fires a cron expression at its times, and not at the one just before it was made', async () => {
    workflows.set('tick', schedule('cron(0/2 * * * ? *)'));
    await begin().start();

    await pass(5 * 60_000);

    expect(fired()).toEqual(['07:02:00', '07:04:00']);
  });

  test('without an input the workflow gets the event of the schedule', async () => {
    workflows.set('tick', [{ event: { source: ['x'] } }, { schedule: 'rate(1 day)' }]);
    await begin().start();
    await pass(0);

    expect(asked[0]?.input).toMatchObject({
      source: 'aws.scheduler',
      'detail-type': 'Scheduled Event',
      time: '2026-11-21T07:00:10Z',
      resources: ['arn:aws:scheduler:us-east-1:000000000000:schedule/default/tick-1'],
      detail: {},
    });
  });

  test('a rate keeps its beat across a restart, and what was missed is not made up for', async () => {
    workflows.set('tick', schedule('rate(5 minutes)'));
    const first = begin();
    await first.start();
    await pass(60_000);
    await first.close();
    await pass(30 * 60_000);
    asked = [];

    await begin().start();
    await pass(10 * 60_000);

    expect(fired()).toEqual(['07:35:10', '07:40:10']);
  });

  test('a time that passed less than a minute ago, while no process ran, fires', async () => {
    workflows.set('tick', schedule('cron(30 7 * * ? *)'));
    const first = begin();
    await first.start();
    await first.close();
    await pass(30 * 60_000 + 30_000);

    await begin().start();
    await pass(0);

    expect(fired()).toEqual(['07:30:00']);
  });

  test('a time does not fire twice, however soon after it the process comes back', async () => {
    workflows.set('tick', schedule('cron(30 7 * * ? *)'));
    const first = begin();
    await first.start();
    await pass(30 * 60_000);
    await first.close();

    await begin().start();
    await pass(60_000);

    expect(fired()).toEqual(['07:30:00']);
  });

  test('a kill between a time and its run starts it in the next process, under the same name', async () => {
    workflows.set('tick', schedule('cron(30 7 * * ? *)'));
    answer = () => new Promise(() => {});
    await begin().start();
    await pass(30 * 60_000);
    clock.dropTimers();
    open = [];
    answer = async () => 'run';

    await begin().start();
    await clock.settle();

    expect(asked.map(({ dedupe }) => dedupe)).toEqual(['schedule 0 2026-11-21T07:30:00Z', 'schedule 0 2026-11-21T07:30:00Z']);
  });

  test('a machine that slept does not make up for what it slept through', async () => {
    workflows.set('tick', schedule('rate(5 minutes)'));
    let sleptMs = 0;
    const now = clock.now;
    clock.now = () => now() + sleptMs;
    await begin().start();
    await pass(1_000);
    // The clock on the wall goes on for 62 minutes, timers do not.
    sleptMs = 62 * 60_000;

    await pass(10 * 60_000);

    expect(fired()).toEqual(['07:00:10', '08:05:10', '08:10:10']);
  });

  test('another expression is another schedule; the same one with another input keeps its beat', async () => {
    workflows.set('tick', schedule('rate(5 minutes)'));
    const { start, changed } = begin();
    await start();
    await pass(60_000);
    workflows.set('tick', [{ schedule: 'rate(5 minutes)', input: 'later' }]);
    await changed();
    await pass(5 * 60_000);
    workflows.set('tick', schedule('rate(1 minute)'));
    await changed();
    await pass(70_000);

    expect(asked.map(({ input }) => input)).toEqual(['2026-11-21T07:00:10Z', 'later', '2026-11-21T07:06:10Z', '2026-11-21T07:07:10Z']);
  });

  test('a schedule that is taken away does not fire; one that comes back begins anew', async () => {
    workflows.set('tick', schedule('rate(5 minutes)'));
    const { start, changed } = begin();
    await start();
    await pass(0);
    workflows.clear();
    await changed();
    await pass(12 * 60_000);
    expect(fired()).toEqual(['07:00:10']);

    workflows.set('tick', schedule('rate(5 minutes)'));
    await changed();
    await pass(60_000);

    expect(fired()).toEqual(['07:00:10', '07:12:10']);
  });

  test('several schedules of several workflows do not disturb one another', async () => {
    workflows.set('a', [...schedule('cron(1 7 * * ? *)'), ...schedule('cron(2 7 * * ? *)')]);
    workflows.set('b', schedule('cron(1 7 * * ? *)'));
    await begin().start();

    await pass(150_000);

    expect(asked.map(({ workflow, dedupe }) => `${workflow} ${dedupe}`)).toEqual([
      'a schedule 0 2026-11-21T07:01:00Z',
      'b schedule 0 2026-11-21T07:01:00Z',
      'a schedule 1 2026-11-21T07:02:00Z',
    ]);
  });

  test('a schedule that never fires again waits for nothing', async () => {
    workflows.set('tick', schedule('cron(0 0 1 1 ? 2020)'));
    await begin().start();
    await clock.settle();

    expect(clock.pending).toBe(0);
  });
});
