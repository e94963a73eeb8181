import { describe, expect, it } from 'vitest';
import { createRecorder } from '../../functions/recorder/index.ts';
import type { Json } from '../../shared/json.ts';
import type { UndoSpec } from '../../shared/protocol/step-message.ts';
import { createRuns, listSteps, loadStored, readRun, runRecordKey, sealStep, stepKey } from '../../shared/runs/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { call, createWorld, done, ERROR, outcomeOf, RUN_ID, report, timedOut, unavailable, undo, type World } from './world.ts';

const LARGE = { id: 1, items: Array.from({ length: 100 }, (_, n) => ({ n })) };

async function stepOf(world: World, at = '0001') {
  const [body] = await world.store.read([stepKey(RUN_ID, at)]);
  return body;
}

/** The next answer comes only after all of `meanwhile`, when the lease of whoever asked for it has passed. */
function lateAnswer(world: World, value: Json, meanwhile: () => Promise<unknown>) {
  return async () => {
    world.clock.set(world.clock.now() + 60_000);
    await meanwhile();
    return done(value);
  };
}

describe('an invocation whose lease has passed', () => {
  it('does not touch the stored answer that the record refers to', async () => {
    const world = createWorld();
    const message = { budget: 300, keep: ['/id'], attempts: 3 };
    let second: Json = null;
    world.caller.answers(
      's1',
      lateAnswer(world, { ...LARGE, id: 1 }, async () => {
        second = await world.another()(call(1, { ...message, attempt: 1 }));
      }),
      done({ ...LARGE, id: 2 }),
    );

    await outcomeOf(world.step(call(1, message)));

    expect(second).toMatchObject({ id: 2 });
    expect(await loadStored(world.blobs, RUN_ID, second)).toEqual({ ...LARGE, id: 2 });
  });

  it('tells that the step was performed, where a later attempt could not know it', async () => {
    const world = createWorld();
    world.caller.answers(
      's1',
      lateAnswer(world, { id: 7 }, async () => {
        await outcomeOf(world.another()(call(1, { attempts: 2, attempt: 1 })));
        expect(await stepOf(world)).toMatchObject({ state: 'unknown' });
      }),
      unavailable,
    );

    await outcomeOf(world.step(call(1, { attempts: 2 })));

    expect(await stepOf(world)).toMatchObject({ state: 'done_late', output: { id: 7 } });
    expect(await world.step(undo(1))).toMatchObject({ did: 'undone' });
  });

  it('is undone by the sweep also when it dies right after it said what it did to a sealed step', async () => {
    const world = createWorld();
    let dead = false;
    const dying: Store = {
      ...world.store,
      async put(key, body, ...rest) {
        if (dead) throw new Error('killed');
        const written = await world.store.put(key, body, ...rest);
        dead = body['state'] === 'done_late';
        return written;
      },
      async update(...args) {
        if (dead) throw new Error('killed');
        return world.store.update(...args);
      },
    };
    const runs = createRuns({ store: dying, blobs: world.blobs, clock: world.clock });
    world.caller.answers(
      's1',
      lateAnswer(world, { id: 7 }, async () => {
        for (const step of await listSteps(world.runs, RUN_ID)) await sealStep(world.runs, RUN_ID, step);
        await world.step(undo(1));
        await world.step(report());
        expect(await world.runStatus()).toBe('compensation_failed');
      }),
    );
    await outcomeOf(world.another({ store: dying, runs })(call(1)));
    expect(await stepOf(world)).toMatchObject({ state: 'done_late' });
    const started: string[] = [];

    await createRecorder({
      runs: world.runs,
      executions: {
        async start(_machine, name) {
          started.push(name);
          return undefined;
        },
      },
    }).sweep(world.clock.now());

    expect(started).toEqual([`${RUN_ID}-undo-2-1`]);
  });
});

describe('an undo that needs a large answer', () => {
  it.each([
    ['its output', { all: { $late: '$o' } }, null],
    ['its output and the failure', { all: { $late: '$o' }, why: { $late: '$e.message', error: true } }, 'no such item'],
  ])('of %s is kept beside it, in a record that DynamoDB takes', async (_what, input, why) => {
    const world = createWorld();
    const text = 'x'.repeat(1_000_000);
    world.caller.answers('s1', done({ text }));
    const spec = { ...call(1).undo, input } as unknown as UndoSpec;

    await world.step(call(1, { undo: spec, keep: [] }));

    expect(JSON.stringify(await stepOf(world)).length).toBeLessThan(400_000);
    expect(await world.step(undo(1))).toMatchObject({ did: 'undone' });
    expect(world.caller.requests.at(-1)?.input).toEqual({ all: { text }, ...(why === null ? {} : { why }) });
  });
});

describe('what a call leads to', () => {
  it('is recorded also when the breaker cannot be told', async () => {
    const world = createWorld();
    const failing: Store = {
      ...world.store,
      update: async (key, ...rest) => {
        if (key.pk === 'BREAKER') throw new Error('throttled');
        return world.store.update(key, ...rest);
      },
    };
    world.caller.answers('s1', timedOut);

    const told = await outcomeOf(world.another({ store: failing })(call(1, { attempts: 2 })));

    expect(told).toMatchObject({ error: 'Maestro.ServiceTimeout', facts: { outcome: 'unknown', message: 'no answer' } });
    expect(await stepOf(world)).toMatchObject({ state: 'unknown', leaseUntilMs: 0 });
  });

  it('is over before the lease is, however long the record took to write', async () => {
    const world = createWorld();
    const slow: Store = {
      ...world.store,
      async put(key, body, ...rest) {
        const written = await world.store.put(key, body, ...rest);
        if (body['type'] === 'step.started') world.clock.set(world.clock.now() + 20_000);
        return written;
      },
    };
    const runs = createRuns({ store: slow, blobs: world.blobs, clock: world.clock });
    let leaseUntilMs = 0;
    world.caller.answers('s1', async () => {
      leaseUntilMs = Number((await stepOf(world))?.['leaseUntilMs']);
      return done(1);
    });

    await world.another({ store: slow, runs })(call(1));

    const [request] = world.caller.requests;
    expect(world.clock.now() + (request?.timeoutMs ?? 0)).toBeLessThan(leaseUntilMs);
  });

  it('is what the record says, when the end of a failed call finds another one there', async () => {
    const world = createWorld();
    world.caller.answers(
      's1',
      async () => {
        world.clock.set(world.clock.now() + 60_000);
        await world.another()(call(1, { attempts: 2, attempt: 1 }));
        return timedOut;
      },
      done({ id: 2 }),
    );

    expect(await world.send(call(1, { attempts: 2 }))).toEqual({ value: { id: 2 } });
  });
});

describe('an undo that another invocation has taken over', () => {
  it('is told once', async () => {
    const world = createWorld();
    await world.step(call(1));
    world.caller.answers(
      'u1',
      async () => {
        world.clock.set(world.clock.now() + 60_000);
        await world.another()(undo(1));
        return done(1);
      },
      done(1),
    );

    expect(await world.step(undo(1))).toMatchObject({ did: 'undone' });

    expect(world.events.filter(({ type }) => type === 'compensation.step_completed')).toHaveLength(1);
  });

  it('is not passed over while that one is at work', async () => {
    const world = createWorld();
    await world.step(call(1));
    const rejectedUndo = { ...unavailable, error: 'Maestro.ServiceRejected' as const };
    let other: Promise<unknown> = Promise.resolve();
    world.caller.answers(
      'u1',
      async () => {
        world.clock.set(world.clock.now() + 60_000);
        other = world.another()(undo(1));
        for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
        return rejectedUndo;
      },
      async () => {
        for (let n = 0; n < 40; n++) await new Promise((resolve) => setImmediate(resolve));
        return done(1);
      },
    );

    expect(await world.send(undo(1))).toEqual({ value: { step: 'step1', did: 'undone' } });

    await other;
    expect(world.events.map(({ type }) => type)).not.toContain('compensation.step_failed');
    expect((await readRun(world.runs, RUN_ID)).status).toBe('compensating');
    expect(await world.store.read([runRecordKey(RUN_ID)])).toHaveLength(1);
  });
});

describe('a run that fails in thousands of places', () => {
  it('has a record that DynamoDB takes, with the first failures and the number of all', async () => {
    const world = createWorld();
    await world.step(call(1));
    const also = Array.from({ length: 2_000 }, (_, n) => ({ step: `item${n}`, error: 'Maestro.ServiceRejected', cause: 'x'.repeat(150) }));

    await world.step(undo(1, { error: { ...ERROR, also } }));
    for (let item = 0; item < 5_000; item++) {
      const at = `0002.${String(item).padStart(5, '0')}.0001`;
      const undoFailure = { error: 'Maestro.ServiceRejected', message: 'y'.repeat(500) };
      const failed = {
        step: `item${item}`,
        at,
        kind: 'call',
        state: 'done',
        attempt: 0,
        owner: '',
        undoState: 'undo_failed',
        undoRound: 1,
        undoFailure,
      };
      await world.store.put(stepKey(RUN_ID, at), failed);
    }
    const { cause } = (await world.step(report())) as { cause: string };

    const run = await readRun(world.runs, RUN_ID);
    expect(Buffer.byteLength(JSON.stringify(run))).toBeLessThan(390_000);
    expect(run.error?.also[0]).toMatchObject({ step: 'item0' });
    expect(run.report).toMatchObject({ undone: ['step1'], left_count: 5_000 });
    expect(cause.length).toBeLessThanOrEqual(30_000);
    expect(JSON.parse(cause)).toMatchObject({ status: 'compensation_failed', left_count: 5_000 });
    expect(await world.step(report())).toMatchObject({ cause });
  });
});

describe('a clock that is set back', () => {
  it('does not make a call wait for longer than the service may ask', async () => {
    const world = createWorld();
    world.caller.answers('s1', { ...unavailable, retryAfterMs: 20_000 }, done(1));
    await world.send(call(1, { attempts: 2 }));
    const setBackMs = world.clock.now() - 3_600_000;
    world.clock.set(setBackMs);

    await world.step(call(1, { attempts: 2, attempt: 1 }));

    expect(world.clock.now() - setBackMs).toBeLessThanOrEqual(30_000);
  });

  it('does not make a step of a process that has died begin anew while its lease may still last', async () => {
    const world = createWorld();
    let calls = 0;
    world.caller.answers('s1', () => {
      calls++;
      throw new Error('killed');
    });
    await outcomeOf(world.step(call(1, { attempts: 2 })));
    world.clock.set(world.clock.now() - 3_600_000);

    expect(await outcomeOf(world.another()(call(1, { attempts: 2, attempt: 1 })))).toMatchObject({ error: 'Maestro.ServiceTimeout' });

    expect(calls).toBe(1);
  });
});
