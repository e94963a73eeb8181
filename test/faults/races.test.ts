// Two processes do the same, or what excludes one another, at the same moment, over one store in which every request takes a while: as the requests
// of the two fall between each other, so many different times, exactly one of them has its way, and the other is told so.

import { describe, expect, test } from 'vitest';
import { machineArn } from '../../local/runtime/index.ts';
import { sleep } from '../../shared/clock.ts';
import { ApiError } from '../../shared/contract/index.ts';
import { ok, rejected, START_MS } from '../semantics/world.ts';
import { type Cloud, type CloudOptions, type CloudProcess, createCloud, ME } from './cloud.ts';
import { ASKS, asked, cancel, FIRST_WAITS, PATIENT, PLAIN, refuses, running, type Subject, start, TWO } from './operations.ts';
import { randomOf, slowly } from './slow-store.ts';
import { comeToRest, eventsOf, expectSound, receiptsOf, runsOf } from './sound.ts';

const SEEDS = Array.from({ length: 12 }, (_, n) => n + 1);

interface Race {
  files: string[];
  mock?: (mended: () => boolean) => NonNullable<CloudOptions['mock']>;
  prepare?(cloud: Cloud): Promise<Subject>;
  /** Each begins within so many ms; default 20. */
  spreadMs?: number;
  /** In how many ways it may come out, at least: else nothing was raced. Default 1. */
  ways?: number;
  /** Done by a process each, at once. */
  acts: ((process: CloudProcess, cloud: Cloud, subject: Subject) => Promise<unknown>)[];
  /** @param answers of each, or the code that it was refused with */
  check(answers: unknown[], cloud: Cloud): void;
}

const resolve =
  (decision: 'approve' | 'reject'): Race['acts'][number] =>
  ({ service }, cloud, { id, what = '' }) =>
    service.resolveCheckpoint(ME, cloud.source(), id, what, { decision }).then(() => decision);

const retry: Race['acts'][number] = ({ service }, cloud, { id }) => service.retry(ME, cloud.source(), id).then(({ runId }) => runId);

const undo: Race['acts'][number] = ({ service }, cloud, { id }) => service.undo(ME, cloud.source(), id).then(() => 'begun');

const statuses = (cloud: Cloud): string[] => runsOf(cloud).map(({ status }) => status);

const accepted =
  (act: Race['acts'][number]): Race['acts'][number] =>
  (...given) =>
    act(...given).then((answer) => (answer as { runId: string }).runId);

const RACES: { [name: string]: Race } = {
  'an approval and a rejection': {
    files: [ASKS],
    ways: 2,
    prepare: asked('asks'),
    acts: [resolve('approve'), resolve('reject')],
    check(answers, cloud) {
      const [won] = answers.filter((answer) => answer !== 'conflict');
      expect([...answers].sort()).toEqual([won, 'conflict'].sort());
      expect(statuses(cloud)).toEqual([won === 'approve' ? 'completed' : 'compensated']);
      // What was refused is told apart from what counted.
      const receipts = receiptsOf(cloud);
      const refused = receipts.filter(({ action }) => action === 'resolve refused');
      const resolved = receipts.filter(({ action }) => action === 'resolve').map(({ decision }) => decision);
      for (const { decision } of refused) resolved.splice(resolved.indexOf(decision ?? null), 1);
      expect(resolved).toEqual([won]);
    },
  },
  'an approval and the end of its time': {
    files: [ASKS],
    spreadMs: 120,
    ways: 2,
    async prepare(cloud) {
      const subject = await asked('asks')(cloud);
      // The last second is too late: the answer would not be told in time.
      await cloud.pass(10 * 60_000 - 5_000 - 1_000 - 60);
      return subject;
    },
    acts: [resolve('approve')],
    // An answer that was taken holds.
    check: ([answer], cloud) => expect(statuses(cloud)).toEqual([answer === 'approve' ? 'completed' : 'compensated']),
  },
  'an approval and a cancel': {
    files: [ASKS],
    ways: 2,
    prepare: asked('asks'),
    acts: [resolve('approve'), cancel()],
    check([approval, cancelled], cloud) {
      expect(cancelled).not.toBe('conflict');
      expect(['approve', 'conflict']).toContain(approval);
      expect(statuses(cloud)).toEqual(['cancelled']);
    },
  },
  'two cancels': {
    files: [PATIENT],
    prepare: running('patient'),
    acts: [cancel(), cancel()],
    check: (_answers, cloud) => expect(statuses(cloud)).toEqual(['cancelled']),
  },
  'a cancel and a forced one': {
    files: [PATIENT],
    prepare: running('patient'),
    acts: [cancel(), cancel(true)],
    check: (_answers, cloud) => expect(['cancelled', 'compensation_failed']).toContain(statuses(cloud)[0]),
  },
  'a cancel and the end': {
    files: [TWO],
    mock: () => (request) => ok({}, request.step === 'end' ? 5_020 : 0),
    spreadMs: 60,
    ways: 2,
    prepare: running('two'),
    acts: [cancel()],
    check([answer], cloud) {
      const [status = ''] = statuses(cloud);
      expect(['cancelled', 'completed']).toContain(status);
      // Too late is said; in time it holds.
      if (status === 'cancelled') expect(answer).not.toBe('conflict');
    },
  },
  'a cancel and the start of what was queued': {
    files: [FIRST_WAITS],
    async prepare(cloud) {
      const { service } = cloud.process('api');
      const { runId } = await cloud.drive(service.run(ME, cloud.source(), { workflow: 'first-waits', mode: 'queued' }));
      cloud.queue.clear();
      return { id: runId };
    },
    spreadMs: 200,
    ways: 2,
    acts: [cancel(), ({ service }, _cloud, { id }) => service.startQueued(id)],
    check([answer], cloud) {
      expect(answer).not.toBe('conflict');
      expect(statuses(cloud)).toEqual(['cancelled']);
      // Nothing goes on that nobody knows of.
      const { items } = cloud.engine.listExecutions({ stateMachineArn: machineArn('first-waits') });
      for (const { status, stopDate } of items)
        expect([status, (stopDate ?? Number.POSITIVE_INFINITY) - START_MS < 60_000]).toEqual(['ABORTED', true]);
    },
  },
  'two retries from the failed step': {
    files: [PLAIN],
    mock: refuses('end'),
    async prepare(cloud) {
      const subject = await asked('plain')(cloud);
      await cloud.drive(resolve('approve')(cloud.process('api'), cloud, subject));
      await cloud.pass(5_000);
      return subject;
    },
    acts: [retry, retry],
    check(answers, cloud) {
      const runs = runsOf(cloud);
      expect(statuses(cloud)).toEqual(['failed', 'completed']);
      for (const answer of answers) expect([runs[1]?.id, 'conflict']).toContain(answer);
      expect(answers).toContain(runs[1]?.id);
      expect(cloud.log()).toEqual(['p', 'end', 'end']);
    },
  },
  'two retries from the start': {
    files: [TWO],
    mock: refuses('end'),
    prepare: running('two'),
    acts: [retry, retry],
    check(answers, cloud) {
      const runs = runsOf(cloud);
      expect(statuses(cloud)).toEqual(['compensated', 'completed']);
      for (const answer of answers) expect([runs[1]?.id, 'conflict']).toContain(answer);
      expect(cloud.log()).toEqual(['a', 'end', 'undo a', 'a', 'end']);
    },
  },
  'two undos': {
    files: [TWO],
    mock: (mended) => (request) => (request.step === 'end' || (request.kind === 'undo' && !mended()) ? rejected() : ok({})),
    prepare: running('two'),
    acts: [undo, undo],
    check(answers, cloud) {
      expect(answers).toContain('begun');
      expect(statuses(cloud)).toEqual(['compensated']);
      expect(cloud.log()).toEqual(['a', 'end', 'undo a', 'undo a']);
    },
  },
  'an undo and a retry': {
    files: [TWO],
    mock: (mended) => (request) => ((request.step === 'end' && !mended()) || (request.kind === 'undo' && !mended()) ? rejected() : ok({})),
    prepare: running('two'),
    acts: [undo, retry],
    check([undone, retried], cloud) {
      expect(undone).toBe('begun');
      const [first, second] = runsOf(cloud);
      expect(first?.status).toBe('compensated');
      // A retry of what owes something, or was undone, begins from the start: nothing of the old run is taken over.
      expect(retried === 'conflict' ? second : second?.status).toBe(retried === 'conflict' ? undefined : 'completed');
      expect(second?.reuse).toBeUndefined();
    },
  },
  'two starts with one key': {
    files: [TWO],
    acts: [accepted(start('two', 'async', 'k-1')), accepted(start('two', 'async', 'k-1'))],
    check(answers, cloud) {
      const [run] = runsOf(cloud);
      expect(answers).toEqual([run?.id, run?.id]);
      expect(statuses(cloud)).toEqual(['completed']);
      expect(cloud.log()).toEqual(['a', 'end']);
    },
  },
  'two queued starts with one key': {
    files: [TWO],
    acts: [accepted(start('two', 'queued', 'k-1')), accepted(start('two', 'queued', 'k-1'))],
    check(answers, cloud) {
      const [run] = runsOf(cloud);
      expect(answers).toEqual([run?.id, run?.id]);
      expect(statuses(cloud)).toEqual(['completed']);
    },
  },
  'two events of one thing': {
    files: [TWO],
    acts: [1, 2].map(
      () =>
        ({ service }) =>
          service.startTriggered({ workflow: 'two', input: {}, mode: 'event', dedupe: 'o-1' }),
    ),
    check(answers, cloud) {
      const [run] = runsOf(cloud);
      expect(answers).toEqual([run?.id, run?.id]);
      expect(cloud.log()).toEqual(['a', 'end']);
    },
  },
  'the sweep and the starter': {
    files: [TWO],
    async prepare(cloud) {
      const { service } = cloud.process('api');
      const { runId } = await cloud.drive(service.run(ME, cloud.source(), { workflow: 'two', mode: 'queued' }));
      return { id: runId };
    },
    acts: [
      ({ service }, _cloud, { id }) => service.startQueued(id),
      ({ service, runs }) => service.resume(runs.clock.now()),
      ({ service }, _cloud, { id }) => service.startQueued(id),
    ],
    check(_answers, cloud) {
      expect(statuses(cloud)).toEqual(['completed']);
      expect(cloud.log()).toEqual(['a', 'end']);
    },
  },
  'two recorders and the sweep': {
    files: [PATIENT],
    async prepare(cloud) {
      cloud.loseEvents = true;
      const subject = await running('patient')(cloud);
      const [run] = runsOf(cloud);
      await cloud.drive(cloud.engine.stopExecution({ executionArn: run?.execution ?? '', error: 'Operator' }));
      cloud.loseEvents = false;
      return subject;
    },
    acts: [1, 2].map(() => (process: CloudProcess, cloud: Cloud) => process.record(cloud.statusOf(runsOf(cloud)[0]?.execution ?? ''))),
    check(_answers, cloud) {
      expect(statuses(cloud)).toEqual(['compensated']);
      expect(cloud.log()).toEqual(['a', 'undo a']);
      const [run] = runsOf(cloud);
      expect(eventsOf(cloud, run?.id ?? '').filter(({ type }) => type === 'compensation.started')).toHaveLength(1);
    },
  },
};

describe.each(Object.entries(RACES))('%s at once', (_name, race) => {
  test('come out right, however their requests fall', async () => {
    const ways = new Set<string>();
    for (const seed of SEEDS) {
      await runRace(race, seed).then(
        (way) => ways.add(way),
        (error: unknown) => {
          throw new Error(`with seed ${seed}`, { cause: error });
        },
      );
    }
    expect(ways.size).toBeGreaterThanOrEqual(race.ways ?? 1);
  });
});

/** How it came out. */
async function runRace(race: Race, seed: number): Promise<string> {
  let mended = false;
  let slow = false;
  const random = randomOf(seed);
  const cloud = await createCloud(race.files, {
    ...(race.mock ? { mock: race.mock(() => mended) } : {}),
    between: (store, clock) => slowly(store, async () => void (slow && (await sleep(clock, random() * 8)))),
  });
  try {
    const subject = (await race.prepare?.(cloud)) ?? { id: '' };
    mended = true;
    slow = true;
    const answers = await cloud.drive(
      Promise.all(
        race.acts.map(async (act) => {
          await sleep(cloud.clock, random() * (race.spreadMs ?? 20));
          return answerOf(act(cloud.another(), cloud, subject));
        }),
      ),
    );
    slow = false;
    await comeToRest(cloud);
    await expectSound(
      cloud,
      race.files.map((file) => /^name: (\S+)/.exec(file)?.[1] ?? ''),
      { once: true },
    );
    race.check(answers, cloud);
    return `${answers.map((answer) => (typeof answer === 'object' ? '' : String(answer))).join()} ${statuses(cloud).join()}`;
  } finally {
    cloud.close();
  }
}

async function answerOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError && (error.code === 'conflict' || error.code === 'gone')) return error.code;
    throw error;
  }
}
