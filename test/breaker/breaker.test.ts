import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BreakerSettings, type Breakers, createBreakers, type Permit, type Verdict } from '../../shared/breaker/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { jumpingClock, type TestClock } from '../step/world.ts';
import { type DynaliteServer, startDynalite } from '../store/dynalite-server.ts';

const SETTINGS: BreakerSettings = { ratio: 0.6, min: 3, windowMs: 10_000, openMs: 30_000, probes: 3 };
const ORIGIN = 'http://billing:80';

let dynalite: DynaliteServer;
beforeAll(async () => {
  dynalite = await startDynalite();
});
afterAll(() => dynalite.close());

let origins = 0;

interface Setting {
  store: Store & { writes: number; reads: number };
  clock: TestClock;
  transitions: string[];
  /** A fresh process. */
  process(): Breakers;
}

/** A store that counts; each test has an origin of its own on the shared table. */
function setting(open: () => Store): Setting {
  const inner = open();
  const suffix = `#${origins++}`;
  const counted = {
    writes: 0,
    reads: 0,
    read: (keys) => {
      counted.reads++;
      return inner.read(keys.map(({ pk, sk }) => ({ pk, sk: sk + suffix })));
    },
    update: ({ pk, sk }, change, condition) => {
      counted.writes++;
      return inner.update({ pk, sk: sk + suffix }, change, condition);
    },
    put: () => Promise.reject(new Error('not used')),
    delete: () => Promise.reject(new Error('not used')),
    list: async (pk) =>
      (await inner.list(pk)).filter(({ sk }) => sk.endsWith(suffix)).map((item) => ({ ...item, sk: item.sk.slice(0, -suffix.length) })),
    durable: () => inner.durable(),
  } as Store & { writes: number; reads: number };
  const clock = jumpingClock();
  const transitions: string[] = [];
  return {
    store: counted,
    clock,
    transitions,
    process: () => createBreakers({ store: counted, clock, onTransition: (_origin, to) => transitions.push(to) }),
  };
}

async function attempt(breakers: Breakers, verdict: Verdict): Promise<boolean> {
  const admission = await breakers.admit(ORIGIN, SETTINGS);
  if (admission.admitted) await breakers.report(admission.permit, verdict);
  return admission.admitted;
}

async function attempts(breakers: Breakers, verdict: Verdict, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await attempt(breakers, verdict);
}

async function stateOf({ process }: Setting): Promise<string | undefined> {
  return (await process().list())[0]?.state;
}

/** Opens the breaker and lets its time pass. */
async function opened(s: Setting): Promise<void> {
  await attempts(s.process(), 'bad', 3);
  expect(await stateOf(s)).toBe('open');
  s.clock.set(s.clock.now() + SETTINGS.openMs);
}

const stores: [name: string, open: () => Store][] = [
  ['sqlite', () => createSqliteStore(openDatabase({ path: ':memory:' }))],
  ['dynamodb', () => dynalite.store()],
];

describe.each(stores)('the circuit breaker on %s', (_name, open) => {
  it('costs a healthy origin no write, and a read a second', async () => {
    const s = setting(open);
    const breakers = s.process();

    for (let second = 0; second < 5; second++) {
      await attempts(breakers, 'good', 200);
      s.clock.set(s.clock.now() + 1_000);
    }

    expect(s.store.writes).toBe(0);
    expect(s.store.reads).toBe(5);
  });

  it('opens after `min` failures in a row, and lets nothing pass until its time is over', async () => {
    const s = setting(open);
    const breakers = s.process();

    await attempts(breakers, 'bad', 2);
    expect(await stateOf(s)).toBe('counting');
    expect(await attempt(breakers, 'bad')).toBe(true);

    expect(await stateOf(s)).toBe('open');
    expect(await attempt(breakers, 'good')).toBe(false);
    expect(await attempt(s.process(), 'good')).toBe(false);
    s.clock.set(s.clock.now() + SETTINGS.openMs - 1);
    expect(await attempt(breakers, 'good')).toBe(false);
  });

  it('opens exactly once with 200 callers racing', async () => {
    const s = setting(open);
    const processes = Array.from({ length: 10 }, () => s.process());
    const admissions = await Promise.all(Array.from({ length: 200 }, async (_, n) => processes[n % 10]?.admit(ORIGIN, SETTINGS)));
    const permits = admissions.flatMap((admission, n): [number, Permit][] => (admission?.admitted ? [[n, admission.permit]] : []));

    await Promise.all(permits.map(async ([n, permit]) => processes[n % 10]?.report(permit, 'bad')));

    expect(permits).toHaveLength(200);
    expect(s.transitions).toEqual(['open']);
  });

  it('stays closed over three failures among ten thousand good calls, from many processes', async () => {
    const s = setting(open);
    const processes = Array.from({ length: 5 }, () => s.process());

    for (let n = 0; n < 10_000; n++) {
      const breakers = processes[n % 5];
      if (breakers) await attempt(breakers, n === 3_000 || n === 3_010 || n === 3_020 ? 'bad' : 'good');
      if (n % 2 === 0) s.clock.set(s.clock.now() + 1);
    }

    expect(s.transitions).toEqual([]);
    expect(await stateOf(s)).toBe('counting');
  }, 60_000);

  it('sees the successes of other processes once they have had a second to tell', async () => {
    const s = setting(open);
    const [failing, fine] = [s.process(), s.process()];
    await attempt(failing, 'bad');
    await attempts(fine, 'good', 50);
    s.clock.set(s.clock.now() + 1_000);
    await attempt(fine, 'good');

    await attempts(failing, 'bad', 4);

    expect(await stateOf(s)).toBe('counting');
  });

  it('writes successes at most once a second while a window is open', async () => {
    const s = setting(open);
    const breakers = s.process();
    await attempt(breakers, 'bad');
    const before = s.store.writes;

    for (let n = 0; n < 3_000; n++) {
      await attempt(breakers, 'good');
      s.clock.set(s.clock.now() + 1);
    }

    expect(s.store.writes - before).toBeLessThanOrEqual(3);
    expect((await s.process().list())[0]?.good).toBeGreaterThan(1_900);
  });

  it('begins a new count when a window is over', async () => {
    const s = setting(open);
    const breakers = s.process();
    await attempts(breakers, 'bad', 2);
    s.clock.set(s.clock.now() + SETTINGS.windowMs);

    await attempts(breakers, 'bad', 2);

    expect(await stateOf(s)).toBe('counting');
    expect((await s.process().list())[0]).toMatchObject({ bad: 2, window: 2 });
  });

  it('lets exactly `probes` pass of 100 callers when its time is over, and closes when all of them succeed', async () => {
    const s = setting(open);
    await opened(s);
    const processes = Array.from({ length: 10 }, () => s.process());

    const admissions = await Promise.all(Array.from({ length: 100 }, async (_, n) => processes[n % 10]?.admit(ORIGIN, SETTINGS)));
    const permits = admissions.flatMap((admission): Permit[] => (admission?.admitted ? [admission.permit] : []));
    expect(permits).toHaveLength(SETTINGS.probes);
    expect(s.transitions).toEqual(['open', 'half_open']);

    const reporter = s.process();
    for (const permit of permits.slice(1)) await reporter.report(permit, 'good');
    expect(await stateOf(s)).toBe('half_open');
    for (const permit of permits.slice(0, 1)) await reporter.report(permit, 'good');
    expect(await stateOf(s)).toBe('closed');
    expect(await attempt(s.process(), 'good')).toBe(true);
  });

  it('opens again at the first probe that fails, and ignores the results of that generation from then on', async () => {
    const s = setting(open);
    await opened(s);
    const breakers = s.process();
    const [a, b, c] = [
      await breakers.admit(ORIGIN, SETTINGS),
      await breakers.admit(ORIGIN, SETTINGS),
      await breakers.admit(ORIGIN, SETTINGS),
    ];
    if (!a.admitted || !b.admitted || !c.admitted) throw new Error('expected three permits');

    await breakers.report(a.permit, 'bad');
    await breakers.report(b.permit, 'good');
    await breakers.report(c.permit, 'bad');

    expect(s.transitions).toEqual(['open', 'half_open', 'open']);
    expect(await attempt(s.process(), 'good')).toBe(false);
  });

  it('does not stay half-open when the callers that probe die', async () => {
    const s = setting(open);
    await opened(s);
    const dying = s.process();
    const taken = await Promise.all([1, 2, 3].map(() => dying.admit(ORIGIN, SETTINGS)));
    expect(taken.every(({ admitted }) => admitted)).toBe(true);
    expect(await attempt(s.process(), 'good')).toBe(false);

    s.clock.set(s.clock.now() + SETTINGS.openMs);
    const alive = s.process();
    await attempts(alive, 'good', 3);
    expect(await stateOf(s)).toBe('closed');

    // The dead generation comes back to life: nobody listens.
    for (const admission of taken) if (admission.admitted) await dying.report(admission.permit, 'bad');
    expect(await stateOf(s)).toBe('closed');
  });

  it('gives a permit back that was not used', async () => {
    const s = setting(open);
    await opened(s);
    const breakers = s.process();
    for (let n = 0; n < 5; n++) await attempt(breakers, 'none');

    await attempts(breakers, 'good', 3);

    expect(await stateOf(s)).toBe('closed');
  });

  it('can be closed by hand', async () => {
    const s = setting(open);
    await attempts(s.process(), 'bad', 3);

    expect(await s.process().reset(ORIGIN)).toBe(true);
    expect(await s.process().reset('http://nowhere')).toBe(false);

    expect(await attempt(s.process(), 'bad')).toBe(true);
    expect(await stateOf(s)).toBe('counting');
    expect((await s.process().list()).map(({ origin, bad }) => ({ origin, bad }))).toEqual([{ origin: ORIGIN, bad: 1 }]);
  });

  it('does not stay open, nor believe what it has read, because the clock was set back', async () => {
    const s = setting(open);
    const breakers = s.process();
    await attempts(breakers, 'bad', 3);
    s.clock.set(s.clock.now() - 3_600_000);

    expect(await attempt(s.process(), 'good')).toBe(true);
    await attempts(s.process(), 'good', 2);

    expect(await stateOf(s)).toBe('closed');
    s.clock.set(s.clock.now() - 3_600_000);
    expect(s.store.reads).toBeGreaterThan(0);
    expect(breakers.keyToRead(ORIGIN)).toBeDefined();
  });

  it('goes on counting successes when an older read comes in late', async () => {
    const s = setting(open);
    const breakers = s.process();
    await attempt(breakers, 'bad');
    // Read before that failure opened the window, and learned only now.
    breakers.learn(ORIGIN, undefined);

    await attempts(breakers, 'good', 100);
    await attempts(breakers, 'bad', 2);

    expect(await stateOf(s)).toBe('counting');
    expect((await s.process().list())[0]).toMatchObject({ good: 100, bad: 3 });
  });
});
