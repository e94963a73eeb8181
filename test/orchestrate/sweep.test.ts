import { afterEach, describe, expect, test } from 'vitest';
import { announceEnd } from '../../functions/recorder/announce.ts';
import type { NewBusEvent, ServiceParts } from '../../shared/orchestrate/index.ts';
import { findRun, listEvents, listOpenRuns, runRecordKey } from '../../shared/runs/index.ts';
import { ok, rejected, type WorldOptions } from '../semantics/world.ts';
import { createServiceWorld, ME, type ServiceWorld, SOURCE } from './world.ts';

let world: ServiceWorld;

afterEach(() => world.close());

const HEAD = 'name: w\nversion: "1"\ntimeout: 1h\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false }\n';
const CALL = (id: string) => `  - { id: ${id}, service: s, method: /${id}, compensate: { service: s, method: /un${id} } }\n`;
const ASK = '  - { id: ask, checkpoint: { title: Well?, timeout: 10m }, output: said }\n';

async function open(steps: string, options?: WorldOptions, change?: (parts: ServiceParts) => Partial<ServiceParts>): Promise<ServiceWorld> {
  world = await createServiceWorld(`${HEAD}steps:\n${steps}`, options, change);
  return world;
}

const sweep = () => world.drive(world.service.sweep(world.clock.now()));

describe('the sweep', () => {
  test('starts a run that was accepted and not started, once it is a minute old', async () => {
    let cut = true;
    const { service, drive, pass, settle, log } = await open(CALL('a'), {}, ({ executions }) => ({
      executions: { ...executions, start: async (asked) => (cut ? Promise.reject(new Error('cut off')) : executions.start(asked)) },
    }));
    await expect(drive(service.run(ME, SOURCE, { workflow: 'w' }))).rejects.toThrow('cut off');
    const id = (await drive(service.list(ME, {}))).data[0]?.id ?? '';
    cut = false;

    await sweep();
    expect((await world.get(id)).status).toBe('queued');
    await pass(60_000);
    await sweep();

    expect(await settle(id)).toMatchObject({ status: 'completed' });
    await sweep();
    expect(log()).toEqual(['a']);
  });

  test('sends a queued run’s message again after a quarter of an hour, and then not at once again', async () => {
    const { service, drive, pass, queued } = await open(CALL('a'));
    const { runId } = await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }));

    await pass(14 * 60_000);
    await sweep();
    expect(queued).toEqual([runId]);
    await pass(60_000);
    await sweep();
    await sweep();
    expect(queued).toEqual([runId, runId]);
    await drive(service.startQueued(runId));
    await world.settle(runId);
  });

  test('after a restart of the only process waits for no age: runs are started, messages sent, answers told', async () => {
    let cut = false;
    const { service, drive, queued, settle, log } = await open(`${CALL('a')}${ASK}`, {}, ({ executions }) => ({
      executions: {
        ...executions,
        start: async (asked) => (cut ? Promise.reject(new Error('cut off')) : executions.start(asked)),
        succeedTask: async (token, output) => (cut ? Promise.reject(new Error('cut off')) : executions.succeedTask(token, output)),
      },
    }));
    const asking = await drive(service.run(ME, SOURCE, { workflow: 'w' }));
    const { data } = await drive(service.settle(ME, asking.runId, 60_000));
    const { runId: inQueue } = await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }));
    cut = true;
    await expect(drive(service.run(ME, SOURCE, { workflow: 'w' }))).rejects.toThrow('cut off');
    const answering = service.resolveCheckpoint(ME, SOURCE, asking.runId, data.pending_checkpoint?.id ?? '', {});
    await expect(drive(answering)).rejects.toThrow('cut off');
    cut = false;

    await sweep();
    expect([queued, log()]).toEqual([[inQueue], ['a']]);
    await drive(service.resume(world.clock.now()));

    expect(await settle(asking.runId)).toMatchObject({ status: 'completed' });
    expect(queued).toEqual([inQueue, inQueue]);
    expect(log()).toEqual(['a', 'a']);
    for (const { id } of (await drive(service.list(ME, { status: 'waiting_checkpoint' }))).data)
      await drive(service.cancel(ME, SOURCE, id));
    await drive(service.cancel(ME, SOURCE, inQueue));
    await world.pass(1_000);
  });

  test('ends a run whose workflow was taken away before it began', async () => {
    let there = true;
    const { service, drive, get } = await open(CALL('a'), {}, ({ catalog }) => ({
      catalog: { ...catalog, find: async (name) => (there ? catalog.find(name) : undefined) },
    }));
    const { runId } = await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }));
    there = false;

    expect(await drive(service.startQueued(runId))).toBe(false);
    expect(await get(runId)).toMatchObject({ status: 'failed', error: { error: 'Maestro.BadConfiguration' } });
  });

  test('tells the execution an answer that was recorded and not told', async () => {
    let cut = true;
    const { service, drive, pass, settle, settled } = await open(ASK, {}, ({ executions }) => ({
      executions: {
        ...executions,
        succeedTask: async (token, output) => (cut ? Promise.reject(new Error('cut off')) : executions.succeedTask(token, output)),
      },
    }));
    const waiting = await settled();
    const answer = service.resolveCheckpoint(ME, SOURCE, waiting.run_id, waiting.pending_checkpoint?.id ?? '', {});
    await expect(drive(answer)).rejects.toThrow('cut off');
    cut = false;
    await pass(60_000);

    await sweep();

    expect(await settle(waiting.run_id)).toMatchObject({ status: 'completed', output: { said: { decision: 'respond' } } });
  });

  test('goes on with others when one run cannot be dealt with, and says so', async () => {
    let broken = '';
    const { service, drive, pass, get } = await open(CALL('a'), {}, ({ queue }) => ({
      queue: { send: async (id) => (id === broken ? Promise.reject(new Error('no')) : queue.send(id)) },
    }));
    const start = async () => (await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }))).runId;
    const [first, second] = [await start(), await start()];
    broken = first;
    await pass(3_600_000);

    await expect(sweep()).rejects.toThrow('1 runs could not be dealt with');

    expect(world.queued).toEqual([first, second, second]);
    for (const id of [first, second]) await drive(service.cancel(ME, SOURCE, id));
    expect((await get(first)).status).toBe('cancelled');
  });
});

describe('a run that cannot be started', () => {
  test('is given up after a day, and says so', async () => {
    const { service, drive, pass, get } = await open(CALL('a'), {}, ({ executions }) => ({
      executions: { ...executions, start: async () => Promise.reject(new Error('the machine is gone')) },
    }));
    const { runId } = await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }));

    await pass(23 * 3_600_000);
    await sweep();
    expect((await get(runId)).status).toBe('queued');
    await pass(3_600_000);
    await expect(sweep()).rejects.toThrow('could not be dealt with');

    expect(await get(runId)).toMatchObject({ status: 'failed', error: { error: 'Maestro.Lost' } });
    await sweep();
  });
});

describe('the end of a run', () => {
  const failing: WorldOptions = { announceEnds: true, mock: ({ step }) => (step === 'end' ? rejected() : ok({})) };

  function told(): NewBusEvent[] {
    const events: NewBusEvent[] = [];
    world.runtime.connectBus({
      async put(put) {
        events.push(...put);
        return put.map((_, n) => `id ${n}`);
      },
    });
    return events;
  }

  test.each<[string, string, WorldOptions]>([
    ['completed', CALL('a'), { announceEnds: true }],
    ['compensated', `${CALL('a')}${CALL('end')}`, failing],
  ])('%s is told on the bus once, with its ids', async (status, steps, options) => {
    await open(steps, options);
    const events = told();
    const run = await world.settled();
    await world.pass(120_000);

    expect(events).toEqual([
      {
        source: 'maestro',
        'detail-type': `maestro.run.${status}`,
        detail: {
          job_id: run.job_id,
          run_id: run.run_id,
          workflow: 'w',
          version: '1',
          status,
          tenant: 'acme',
          started_at: run.run.started_at,
          completed_at: run.run.completed_at,
          ...(status === 'completed' ? {} : { error: { step: 'end', error: 'Maestro.ServiceRejected', message: 'no' } }),
        },
      },
    ]);
    expect(await openIds()).toEqual([]);
  });

  test('is told again by the sweep when the bus was gone, also of a run that never began', async () => {
    await open(CALL('a'), { announceEnds: true });
    let gone = true;
    const events: string[] = [];
    world.runtime.connectBus({
      async put(put) {
        if (gone) throw new Error('the bus is gone');
        events.push(...put.map((event) => String(event.detail['run_id'])));
        return put.map(() => '');
      },
    });
    const { runs } = world.runtime;
    const queued = await world.drive(world.service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }));
    await world.drive(world.service.cancel(ME, SOURCE, queued.runId));
    const bus = { put: async () => Promise.reject(new Error('the bus is gone')) };
    await expect(world.drive(announceEnd(runs, bus, queued.runId))).rejects.toThrow('gone');
    expect(await openIds()).toEqual([queued.runId]);

    gone = false;
    await world.pass(61_000);

    expect(events).toEqual([queued.runId]);
    expect(await openIds()).toEqual([]);
    expect((await findRun(runs, queued.runId))?.announcedMs).toBeGreaterThan(0);
  });
});

describe('an end whose writer died before its event', () => {
  test('is told by the sweep, once, when nobody can be about to', async () => {
    await open(CALL('a'), { announceEnds: true });
    const { runs } = world.runtime;
    const types = async (id: string) => (await world.drive(listEvents(runs, id))).map(({ type }) => type);
    const queued = await world.drive(world.service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }));
    const end = { status: 'cancelled', endedAtMs: runs.clock.now() };
    await world.drive(runs.store.update(runRecordKey(queued.runId), { set: end }));
    expect(await types(queued.runId)).not.toContain('run.cancelled');

    await world.pass(180_000);

    expect((await types(queued.runId)).filter((type) => type === 'run.cancelled')).toHaveLength(1);
    expect(await openIds()).toEqual([]);
  });
});

async function openIds(): Promise<string[]> {
  const ids: string[] = [];
  await world.drive(
    (async () => {
      for await (const { run } of listOpenRuns(world.runtime.runs)) ids.push(run?.id ?? '');
    })(),
  );
  return ids;
}
