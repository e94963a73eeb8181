import { describe, expect, it } from 'vitest';
import { listSteps, stepKey } from '../../shared/runs/index.ts';
import {
  brokenLate,
  call,
  createWorld,
  done,
  outcomeOf,
  RUN,
  RUN_ID,
  rejected,
  START_MS,
  timedOut,
  unavailable,
  unusable,
} from './world.ts';

const step = async (world: ReturnType<typeof createWorld>, at = '0001') =>
  (await listSteps(world.runs, RUN_ID)).find((record) => record.at === at);

/** Lets everything go on that needs no time. */
const turns = async () => {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a call', () => {
  it('is answered from its record when it is asked for again', async () => {
    const world = createWorld();
    world.caller.answers('s1', done({ id: 1 }), done({ id: 2 }));

    const answers = [await world.step(call(1)), await world.step(call(1)), await world.another()(call(1, { attempt: 1 }))];

    expect(answers).toEqual([{ id: 1 }, { id: 1 }, { id: 1 }]);
    expect(world.caller.keys()).toEqual(['0001 0']);
  });

  it('throws the recorded failure again for the same attempt, and calls for the next', async () => {
    const world = createWorld();
    world.caller.answers('s1', unavailable, done('ok'));

    const first = await world.send(call(1, { attempts: 3 }));
    const again = await world.send(call(1, { attempts: 3 }));
    const next = await world.send(call(1, { attempts: 3, attempt: 1 }));

    expect(again).toEqual(first);
    expect(first).toMatchObject({ error: 'Maestro.ServiceUnavailable', facts: { attempt: 0, outcome: 'not_performed' } });
    expect(next).toEqual({ value: 'ok' });
    expect(world.caller.keys()).toEqual(['0001 0', '0001 1']);
    expect(world.events.map(({ type }) => type)).toEqual([
      'run.started',
      'step.started',
      'step.retrying',
      'step.started',
      'step.completed',
    ]);
  });

  it('stays unknown after one attempt of unknown outcome, unless a later one succeeds', async () => {
    const world = createWorld();
    world.caller.answers('s1', brokenLate, unavailable);
    await world.send(call(1, { attempts: 3 }));
    await world.send(call(1, { attempts: 3, attempt: 1 }));
    expect(await world.statuses()).toEqual({ '0001': 'unknown' });

    world.caller.answers('s1', done(1));
    await world.send(call(1, { attempts: 3, attempt: 2 }));
    expect(await world.statuses()).toEqual({ '0001': 'done' });
  });

  it('is performed and yet failed when its answer cannot be used', async () => {
    const world = createWorld();
    world.caller.answers('s1', unusable);

    const first = await world.send(call(1, { attempts: 5 }));

    expect(first).toMatchObject({ error: 'Maestro.BadResponse', facts: { outcome: 'done' } });
    expect(await world.send(call(1, { attempts: 5, attempt: 1 }))).toEqual(first);
    expect(await step(world)).toMatchObject({ state: 'done', output: null, undo: { input: { n: 1 } } });
  });

  it('tells nothing but facts in its error, and at most 1 KB of the answer', async () => {
    const world = createWorld();
    world.caller.answers('s1', { ...rejected, detail: { status: 422, body: 'x'.repeat(5_000), requestId: 'r-1' } });

    const { facts } = await world.send(call(1, { method: ['/orders/', { v: 'secret-order' }, '/pay'] }));

    expect(facts).toEqual({
      step: 'step1',
      attempt: 0,
      service: 's1',
      method: 'POST /orders/*/pay',
      outcome: 'not_performed',
      status: 422,
      body: 'x'.repeat(1_024),
      requestId: 'r-1',
      message: 'no such item',
    });
  });

  it('waits at the start of the next attempt for what is left of a Retry-After, up to the most that the service allows', async () => {
    const world = createWorld();
    world.caller.answers('s1', { ...unavailable, retryAfterMs: 10_000 }, { ...unavailable, retryAfterMs: 500_000 }, done(1));
    const message = call(1, { attempts: 3, service: { name: 's1', type: 'http', endpoint: ['http://s1'], retryMax: 15_000 } });
    await world.send(message);
    const before = world.clock.now();
    world.clock.set(before + 4_000);

    await world.send({ ...message, attempt: 1 });
    expect(world.clock.now() - before).toBe(10_000);
    await world.send({ ...message, attempt: 2 });
    expect(world.clock.now() - before).toBe(25_000);
  });

  it('does not answer a second one while the first is at work, and waits for its end', async () => {
    const world = createWorld();
    const running = Promise.withResolvers<void>();
    world.caller.answers('s1', async () => {
      await running.promise;
      return done('first');
    });

    const first = world.step(call(1));
    const second = world.another()(call(1, { attempt: 1 }));
    world.clock.setTimer(1_000, () => running.resolve());

    expect(await Promise.all([first, second])).toEqual(['first', 'first']);
    expect(world.caller.keys()).toEqual(['0001 0']);
  });

  it('calls again with the same key when the lease of a dead attempt has ended, and takes that attempt for unknown', async () => {
    const world = createWorld();
    world.caller.answers('s1', () => new Promise(() => {}), unavailable);
    void world.step(call(1, { attempts: 2 }));
    await turns();

    expect(await outcomeOf(world.another()(call(1, { attempts: 2, attempt: 1 })))).toMatchObject({
      error: 'Maestro.ServiceUnavailable',
      facts: { outcome: 'not_performed' },
    });

    expect(world.clock.now()).toBeGreaterThanOrEqual(START_MS + 30_000);
    expect(world.caller.keys()).toEqual(['0001 0', '0001 1']);
    expect(await world.statuses()).toEqual({ '0001': 'unknown' });
  });

  it('does not wait for a dead process where there is only one', async () => {
    const world = createWorld({ sole: true });
    world.caller.answers('s1', () => new Promise(() => {}), done('second'));
    void world.step(call(1));
    await turns();

    expect(await world.another()(call(1))).toBe('second');
    expect(world.clock.now()).toBe(START_MS);
  });

  it('lets a late answer count where a later attempt is still at work', async () => {
    const world = createWorld();
    const late = Promise.withResolvers<void>();
    const never = Promise.withResolvers<void>();
    world.caller.answers(
      's1',
      async () => {
        await late.promise;
        return done('late');
      },
      async () => {
        await never.promise;
        return timedOut;
      },
    );
    const first = world.step(call(1, { attempts: 2 }));
    await turns();
    world.clock.set(START_MS + 60_000);
    const second = world.another()(call(1, { attempts: 2, attempt: 1 }));
    await turns();
    expect(world.caller.keys()).toEqual(['0001 0', '0001 1']);

    late.resolve();
    expect(await first).toBe('late');
    never.resolve();
    await outcomeOf(second);
    expect(await world.statuses()).toEqual({ '0001': 'done' });
    expect(await world.another()(call(1, { attempts: 2, attempt: 1 }))).toBe('late');
  });
});

describe('the limits of a call', () => {
  it('has what is left of the deadline for its time, and none past it', async () => {
    const world = createWorld();
    await world.step(call(1));
    world.clock.set(START_MS + 290_000);
    await world.step(call(2));
    world.clock.set(START_MS + 300_000);

    expect(await world.send(call(3, { onError: 'continue' }))).toMatchObject({ error: 'Maestro.DeadlineExceeded' });

    expect(world.caller.requests.map(({ timeoutMs }) => timeoutMs)).toEqual([30_000, 10_000]);
    expect(await step(world, '0003')).toMatchObject({ state: 'not_performed', forGood: true });
    expect(await step(world, '0003')).not.toHaveProperty('letGo');
  });

  it('takes the earlier of its own deadline and its parent run’s', async () => {
    const world = createWorld();
    const run = [RUN[0], RUN[1], { deadline: START_MS + 5_000 }] as typeof RUN;

    await world.step(call(1, { run }));

    expect(world.caller.requests[0]?.timeoutMs).toBe(5_000);
  });

  it('is a missed deadline, not a timeout to be tried again, when the deadline ended the call', async () => {
    const world = createWorld();
    world.caller.answers('s1', () => {
      world.clock.set(START_MS + 300_000);
      return timedOut;
    });
    world.clock.set(START_MS + 295_000);

    expect(await world.send(call(1, { attempts: 3 }))).toMatchObject({ error: 'Maestro.DeadlineExceeded', facts: { outcome: 'unknown' } });
    expect(await world.statuses()).toEqual({ '0001': 'unknown' });
  });

  it('takes the step’s own time limit before the service’s', async () => {
    const world = createWorld();
    const service = { name: 's1', type: 'http', endpoint: ['http://s1'], timeout: 7_000 } as const;
    await world.step(call(1, { service: { ...service, endpoint: [...service.endpoint] } }));
    await world.step(call(2, { service: { ...service, endpoint: [...service.endpoint] }, timeout: 2_000 }));

    expect(world.caller.requests.map(({ timeoutMs }) => timeoutMs)).toEqual([7_000, 2_000]);
  });
});

describe('a block', () => {
  it('is stopped by a failure for good: calls that have not begun are refused, those in flight finish', async () => {
    const world = createWorld();
    const running = Promise.withResolvers<void>();
    world.caller.answers('s3', rejected);
    world.caller.answers('s1', async () => {
      await running.promise;
      return done('finished');
    });
    const inFlight = world.step(call(1, { blocks: ['0009'], stops: ['0009'] }));
    await world.send(call(3, { blocks: ['0009'], stops: ['0009'] }));

    expect(await world.send(call(2, { blocks: ['0009'], stops: ['0009'] }))).toMatchObject({ error: 'Maestro.Stopped' });
    expect(await world.send(call(4, { blocks: ['0008', '0009'] }))).toMatchObject({ error: 'Maestro.Stopped' });
    running.resolve();

    expect(await inFlight).toBe('finished');
    expect(await world.step(call(5, { blocks: ['0008'] }))).toEqual({ ok: true });
  });

  it('is not stopped by a failure that is tried again, or let go', async () => {
    const world = createWorld();
    world.caller.answers('s1', unavailable);
    world.caller.answers('s2', rejected);
    await world.send(call(1, { attempts: 2, blocks: ['0009'], stops: ['0009'] }));
    await world.send(call(2, { blocks: ['0009'], onError: 'continue' }));

    expect(await world.step(call(3, { blocks: ['0009'] }))).toEqual({ ok: true });
    expect(await step(world, '0002')).toMatchObject({ state: 'not_performed', letGo: true, forGood: true });

    await world.send(call(1, { attempt: 1, attempts: 2, blocks: ['0009'], stops: ['0009'] }));
    expect(await world.send(call(4, { blocks: ['0009'] }))).toMatchObject({ error: 'Maestro.Stopped' });
  });

  it.each([
    ['a refusal', rejected],
    ['an answer that cannot be used', unusable],
  ])('is stopped by %s also when the process died between the record of the failure and the mark', async (_name, outcome) => {
    const world = createWorld();
    world.caller.answers('s1', outcome);
    const update = world.store.update;
    world.store.update = () => Promise.reject(new Error('killed'));
    await world.send(call(1, { blocks: ['0009'], stops: ['0009'] }));
    world.store.update = update;
    expect(await world.step(call(2, { blocks: ['0009'] }))).toEqual({ ok: true });

    await world.send(call(1, { blocks: ['0009'], stops: ['0009'] }));

    expect(await world.send(call(3, { blocks: ['0009'] }))).toMatchObject({ error: 'Maestro.Stopped' });
  });
});

describe('the breaker of a service', () => {
  it('refuses calls at once when it is open, and says so on the record', async () => {
    const world = createWorld();
    world.caller.answers('s1', unavailable);
    for (let n = 1; n <= 3; n++) await world.send(call(1, { at: `000${n}` }));

    expect(await world.send(call(1, { at: '0004' }))).toMatchObject({ error: 'Maestro.CircuitOpen', facts: { outcome: 'not_performed' } });
    expect(world.caller.requests).toHaveLength(3);
    expect(await step(world, '0004')).toMatchObject({ state: 'not_performed', failure: { error: 'Maestro.CircuitOpen' } });
  });

  it('is not counted where the service says no, and not asked where it is switched off', async () => {
    const world = createWorld();
    world.caller.answers('s1', rejected);
    for (let n = 1; n <= 5; n++) expect(await world.send(call(1, { at: `000${n}` }))).toMatchObject({ error: 'Maestro.ServiceRejected' });
    world.caller.answers('s2', unavailable);
    const off = { name: 's2', type: 'http' as const, endpoint: ['http://s2'], breaker: false as const };
    for (let n = 1; n <= 5; n++)
      expect(await world.send(call(2, { at: `001${n}`, service: off }))).toMatchObject({ error: 'Maestro.ServiceUnavailable' });
  });

  it('makes an undo wait without using up a try', async () => {
    const world = createWorld();
    world.caller.answers('u1', unavailable);
    await world.step(call(1));
    const message = { v: 1, op: 'undo', run: RUN, step: 'step1', at: '0001', attempts: 4, error: null } as const;
    for (let n = 0; n < 3; n++) await world.send(message);

    for (let n = 0; n < 5; n++) expect(await world.send(message)).toMatchObject({ error: 'Maestro.CircuitOpen' });
    world.clock.set(world.clock.now() + 30_000);
    world.caller.answers('u1', done(null));

    expect(await world.send(message)).toEqual({ value: { step: 'step1', did: 'undone' } });
    expect(world.caller.keys().filter((key) => key.includes('undo'))).toHaveLength(4);
  });
});

describe('secrets', () => {
  it('are names in records, errors, events and dead letters, never values', async () => {
    const world = createWorld();
    const service = {
      name: 's1',
      type: 'http' as const,
      endpoint: [{ env: 'BASE' }, '/api'],
      headers: [{ name: 'authorization', value: ['Bearer ', { secret: 'TOKEN' }] }],
    };
    world.caller.answers('s1', rejected);
    await world.send(call(1, { service, undo: { service, method: ['/undo'] } }));
    world.caller.answers('s1', done(1), rejected);
    await world.step(call(2, { service, undo: { service, method: ['/undo'] } }));
    await world.send({ v: 1, op: 'undo', run: RUN, step: 'step2', at: '0002', error: null });
    await world.send({ v: 1, op: 'report', run: RUN, workflow: 'order', version: '1', error: null });

    const items = await world.store.list(`RUN#${RUN_ID}`);
    expect(items.find(({ sk }) => sk === 'STEP#0002')?.body['undo']).toMatchObject({
      service: { headers: [{ name: 'authorization', value: ['Bearer ', { secret: 'TOKEN' }] }] },
    });
    const told = JSON.stringify([items.filter(({ sk }) => !sk.startsWith('STEP#')), world.events]);
    expect(told).not.toMatch(/authorization|Bearer|TOKEN/);
    expect(world.caller.requests[0]?.service.headers).toEqual(service.headers);
  });
});

describe('a closed run', () => {
  it('is refused to an execution that bears its name and is not it', async () => {
    const world = createWorld();
    const name = 'run_01JZZZZZZZZZZZZZZZZZZZZZZZ';
    const [first, second] = ['order', 'other'].map((machine): typeof RUN => [
      `arn:aws:states:us-east-1:123456789012:execution:${machine}:${name}`,
      RUN[1],
    ]);
    await world.step(call(1, { run: first ?? RUN }));

    expect(await world.send(call(1, { run: second ?? RUN }))).toMatchObject({ error: 'Maestro.BadConfiguration' });
    expect(world.caller.requests).toHaveLength(1);
  });

  it('takes no new calls once its undo has begun, and notes an end that comes too late for it', async () => {
    const world = createWorld();
    const running = Promise.withResolvers<void>();
    world.caller.answers('s1', async () => {
      await running.promise;
      return done('late');
    });
    const late = world.step(call(1));
    await world.step(call(2));
    await world.send({ v: 1, op: 'undo', run: RUN, step: 'step2', at: '0002', error: null });

    expect(await world.send(call(3))).toMatchObject({ error: 'Maestro.Stopped' });
    await world.store.update(stepKey(RUN_ID, '0001'), { set: { state: 'unknown', sealed: true, doubt: true } });
    running.resolve();
    await outcomeOf(late);

    expect(await world.statuses()).toMatchObject({ '0001': 'done_late', '0002': 'undone' });
    expect((await world.store.read([{ pk: `RUN#${RUN_ID}`, sk: 'RUN' }]))[0]).toMatchObject({ late: true });
  });
});

describe('a callback that is refused before it began', () => {
  it('is recorded as what it is', async () => {
    const world = createWorld();

    await world.send(call(1, { token: 'task-token', limit: -1 }));

    expect(await step(world)).toMatchObject({ kind: 'callback', state: 'not_performed', failure: { error: 'Maestro.DeadlineExceeded' } });
  });
});
