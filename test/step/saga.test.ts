import { describe, expect, it } from 'vitest';
import { endRun, readRun, runKeyOf } from '../../shared/runs/index.ts';
import { call, createWorld, done, ERROR, RUN, RUN_ID, rejected, report, START_MS, timedOut, unavailable, undo, unusable } from './world.ts';

/** Undoes places n … 1 as the chain of states does: each state's failure is passed over. */
async function chain(
  world: ReturnType<typeof createWorld>,
  last: number,
  error = ERROR,
): Promise<{ error: string; cause: { [key: string]: unknown } }> {
  for (let n = last; n >= 1; n--) await world.send(undo(n, { error }));
  const { value } = await world.send(report(error));
  const { error: name, cause } = value as { error: string; cause: string };
  return { error: name, cause: JSON.parse(cause) };
}

describe('a saga over the step function', () => {
  it('answers what the service answered and sends one key, and records it', async () => {
    const world = createWorld();
    world.caller.answers('s1', done({ id: 7 }));

    expect(await world.step(call(1))).toEqual({ id: 7 });

    expect(world.caller.requests[0]).toMatchObject({
      idempotencyKey: `${RUN_ID}/0001`,
      runId: RUN_ID,
      stepId: 'step1',
      attempt: 0,
      timeoutMs: 30_000,
      input: { n: 1 },
      verb: 'POST',
      method: ['/do/1'],
      workflow: 'order',
    });
    expect(world.caller.requests[0]?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(await world.statuses()).toEqual({ '0001': 'done' });
    expect(world.events.map(({ n, type }) => `${n} ${type}`)).toEqual(['1 run.started', '2 step.started', '3 step.completed']);
  });

  it('undoes what was done, in the order asked, once each, and says so', async () => {
    const world = createWorld();
    world.caller.answers('s3', rejected);
    await world.step(call(1));
    await world.step(call(2));
    expect(await world.send(call(3))).toMatchObject({
      error: 'Maestro.ServiceRejected',
      facts: { step: 'step3', service: 's3', method: 'POST /do/3', status: 404, message: 'no such item' },
    });

    const first = await chain(world, 3);
    const again = await chain(world, 3);

    expect(world.caller.keys()).toEqual(['0001 0', '0002 0', '0003 0', '0002/undo 0', '0001/undo 0']);
    expect(first).toEqual({
      error: 'Maestro.ServiceRejected',
      cause: {
        status: 'compensated',
        step: 'step9',
        message: 'no such item',
        undone: ['step1', 'step2'],
        left: [],
        unresolved: [],
        irreversible: [],
      },
    });
    expect(again).toEqual(first);
    expect(await world.statuses()).toEqual({ '0001': 'undone', '0002': 'undone', '0003': 'not_performed' });
    expect(await world.runStatus()).toBe('compensated');
    expect(world.events.map((event) => event.type).slice(-5)).toEqual([
      'compensation.started',
      'compensation.step_completed',
      'compensation.step_completed',
      'compensation.completed',
      'run.compensated',
    ]);
    expect(world.events.map((event) => event.n)).toEqual(world.events.map((_, index) => index + 1));
  });

  it('ends failed where nothing had to be undone', async () => {
    const world = createWorld();
    world.caller.answers('s1', rejected);
    await world.send(call(1));

    expect((await chain(world, 1)).cause).toMatchObject({ status: 'failed', undone: [] });
    expect(await world.runStatus()).toBe('failed');
  });

  it('lists a step of unknown outcome whose undo may not be called on a doubt', async () => {
    const world = createWorld();
    world.caller.answers('s2', timedOut, unavailable);
    await world.step(call(1));
    await world.send(call(2, { attempts: 2 }));
    await world.send(call(2, { attempt: 1, attempts: 2 }));
    expect(await world.statuses()).toMatchObject({ '0002': 'unknown' });

    const { cause } = await chain(world, 2);

    expect(cause).toMatchObject({ status: 'compensation_failed', undone: ['step1'], unresolved: ['step2'] });
    expect(world.caller.keys()).not.toContain('0002/undo 0');
    expect(world.notices).toMatchObject([
      { runId: RUN_ID, status: 'compensation_failed', unresolved: [{ step: 'step2', undo: { input: { n: 2 } } }] },
    ]);
  });

  it('undoes a step of unknown outcome that says so', async () => {
    const world = createWorld();
    world.caller.answers('s1', timedOut);
    const message = call(1);
    await world.send({ ...message, undo: { ...message.undo, onUnknown: true } as NonNullable<typeof message.undo> });

    expect((await chain(world, 1)).cause).toMatchObject({ status: 'compensated', undone: ['step1'] });
  });

  it('goes on after an undo that fails for good, and lists it with all that is needed to do it by hand', async () => {
    const world = createWorld();
    world.caller.answers('u2', rejected);
    await world.step(call(1));
    await world.step(call(2));

    const { cause } = await chain(world, 2);

    expect(cause).toMatchObject({
      status: 'compensation_failed',
      undone: ['step1'],
      left: [{ step: 'step2', error: 'Maestro.ServiceRejected' }],
    });
    expect(world.notices[0]?.left).toMatchObject([{ step: 'step2', at: '0002', undo: { method: ['/undo/2'], input: { n: 2 } } }]);
  });

  it('tries an undo again while tries are left, with the same key', async () => {
    const world = createWorld();
    world.caller.answers('u1', unavailable, timedOut, done(null));
    await world.step(call(1));

    expect(await world.send(undo(1))).toMatchObject({ error: 'Maestro.ServiceUnavailable' });
    expect(await world.send(undo(1))).toMatchObject({ error: 'Maestro.ServiceTimeout' });
    expect(await world.send(undo(1))).toEqual({ value: { step: 'step1', did: 'undone' } });
    expect(world.caller.keys()).toEqual(['0001 0', '0001/undo 0', '0001/undo 1', '0001/undo 2']);
  });

  it('takes the last try of an undo as for good', async () => {
    const world = createWorld();
    world.caller.answers('u1', unavailable);
    await world.step(call(1));

    for (let tries = 0; tries < 3; tries++) await world.send(undo(1, { attempts: 3 }));

    expect(await world.statuses()).toEqual({ '0001': 'undo_failed' });
    expect(await world.send(undo(1, { attempts: 3 }))).toEqual({ value: { step: 'step1', did: 'nothing' } });
  });

  it('lets one of two chains that meet call, and the other wait for it', async () => {
    const world = createWorld();
    await world.step(call(1));
    const running = Promise.withResolvers<void>();
    world.caller.answers('u1', async () => {
      await running.promise;
      return done(null);
    });
    const first = world.step(undo(1));
    const second = world.another()(undo(1));
    world.clock.setTimer(1_000, () => running.resolve());

    expect(await Promise.all([first, second])).toEqual([
      { step: 'step1', did: 'undone' },
      { step: 'step1', did: 'undone' },
    ]);
    expect(world.caller.keys()).toEqual(['0001 0', '0001/undo 0']);
  });

  it('waits for a step that is still at work, then takes it for unknown', async () => {
    const world = createWorld();
    world.caller.answers('s1', () => new Promise(() => {}));
    void world.step(call(1));
    for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));

    expect(await world.send(undo(1))).toEqual({ value: { step: 'step1', did: 'unresolved' } });

    expect(world.clock.now() - START_MS).toBeGreaterThanOrEqual(30_000);
    expect(await world.statuses()).toEqual({ '0001': 'unresolved' });
  });

  it('is cancelled, where a cancel is why it was undone and nothing is left', async () => {
    const world = createWorld();
    await world.step(call(1));

    expect((await chain(world, 1, { step: 'step2', error: 'Maestro.Cancelled', cause: null })).cause).toMatchObject({
      status: 'cancelled',
      undone: ['step1'],
    });
    expect(await world.runStatus()).toBe('cancelled');
  });

  it('lists what was passed and has no undo', async () => {
    const world = createWorld();
    const { undo: _undo, ...withoutUndo } = call(1);
    await world.step({ ...withoutUndo, irreversible: true });

    expect((await chain(world, 1)).cause).toMatchObject({ status: 'failed', irreversible: ['step1'], left: [] });
  });

  it('undoes a step that was let go after it had been performed, and not one that was not', async () => {
    const world = createWorld();
    world.caller.answers('s1', unusable);
    world.caller.answers('s2', rejected);
    await world.send(call(1, { onError: 'continue' }));
    await world.send(call(2, { onError: 'continue' }));

    expect((await chain(world, 2)).cause).toMatchObject({ status: 'compensated', undone: ['step1'] });
  });
});

describe('the pages of a foreach', () => {
  const place = (item: number, step = 1) => `0002.${String(item).padStart(5, '0')}.${String(step).padStart(4, '0')}`;

  it('name the items that have something to undo, last first, and end', async () => {
    const world = createWorld();
    for (let item = 0; item < 1_100; item++) await world.step(call(1, { at: place(item) }));
    world.caller.answers('s2', rejected, timedOut);
    await world.send(call(2, { at: place(1_101) }));
    await world.send(call(2, { at: place(1_102) }));
    const page = { v: 1, op: 'page', run: RUN, step: 'each', at: '0002', error: ERROR } as const;

    const seen: string[] = [];
    for (;;) {
      const { items, more } = (await world.step(page)) as { items: string[]; more: boolean };
      expect(items.length).toBeLessThanOrEqual(500);
      for (const item of items) {
        seen.push(item);
        await world.send(undo(1, { at: `${item}.0001` }));
      }
      if (!more) break;
    }

    expect(seen).toEqual(
      [1_102, ...Array.from({ length: 1_100 }, (_, n) => 1_099 - n)].map((item) => `0002.${String(item).padStart(5, '0')}`),
    );
    expect(await world.step(page)).toEqual({ items: [], more: false });
  });

  it('pass over items whose sub-workflow has been dealt with', async () => {
    const world = createWorld();
    await world.step(call(1));
    for (let item = 0; item < 501; item++) {
      const at = place(item);
      const child = [`arn:aws:states:us-east-1:123456789012:execution:sub:${item}`, RUN[1], { parent: { run: RUN_ID, at } }] as const;
      await world.step(call(5, { run: [child[0], child[1], child[2]], at: '0001' }));
      await endRun(world.runs, await readRun(world.runs, runKeyOf([child[0], child[1]]).id), { status: 'compensated' });
    }
    const page = { v: 1, op: 'page', run: RUN, step: 'each', at: '0002', error: ERROR } as const;
    const machine = 'arn:aws:states:us-east-1:123456789012:stateMachine:sub';

    let pages = 0;
    for (;;) {
      const { items, more } = (await world.step(page)) as { items: string[]; more: boolean };
      expect(++pages).toBeLessThan(4);
      for (const item of items) await world.step({ v: 1, op: 'child', run: RUN, step: 'sub', at: `${item}.0001`, error: ERROR, machine });
      if (!more) break;
    }

    expect(pages).toBe(2);
    await world.step(undo(1));
    const { cause } = (await world.step(report())) as { cause: string };
    expect(JSON.parse(cause)).toMatchObject({ status: 'compensated', left: [] });
  });

  it('give up on items that are begun again and again and never reported', async () => {
    const world = createWorld();
    for (let item = 0; item < 501; item++) await world.step(call(1, { at: place(item) }));
    const page = { v: 1, op: 'page', run: RUN, step: 'each', at: '0002', error: ERROR } as const;

    let pages = 0;
    while (((await world.step(page)) as { more: boolean }).more) expect(++pages).toBeLessThan(20);

    const { cause } = (await world.step(report())) as { cause: string };
    expect(JSON.parse(cause)).toMatchObject({ status: 'compensation_failed' });
    expect(world.notices[0]?.left).toHaveLength(501);
  });
});
