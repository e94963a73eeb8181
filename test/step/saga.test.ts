import { describe, expect, it } from 'vitest';
import { call, createWorld, done, ERROR, RUN_ID, rejected, report, timedOut, unavailable, undo } from './world.ts';

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
});
