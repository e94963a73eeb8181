import { describe, expect, it } from 'vitest';
import type { ChildMessage, RunLink, RunRef, UndoSpec } from '../../shared/protocol/step-message.ts';
import { endRun, findRun, type RunStatus, readRun, runKeyOf } from '../../shared/runs/index.ts';
import { call, createWorld, done, ERROR, RUN, RUN_ID, rejected, report, undo, type World } from './world.ts';

const CHILD: RunRef = ['arn:aws:states:us-east-1:123456789012:execution:billing:child', '2026-01-02T03:04:06.000Z'];
const CHILD_ID = runKeyOf(CHILD).id;
const MESSAGE: ChildMessage = {
  v: 1,
  op: 'child',
  run: RUN,
  step: 'bill',
  at: '0002',
  error: ERROR,
  // On AWS a definition names its children by their alias; the execution's ARN has none.
  machine: 'arn:aws:states:us-east-1:123456789012:stateMachine:billing:live',
};

const linked = (undoSpec?: UndoSpec): RunRef => {
  const link: RunLink = { parent: { run: RUN_ID, at: '0002' }, ...(undoSpec ? { undo: undoSpec } : {}) };
  return [CHILD[0], CHILD[1], link];
};

/** The parent has done a step, then run a child that did one too. */
async function family(world: World, status: RunStatus | 'running', undoSpec?: UndoSpec): Promise<void> {
  await world.step(call(1));
  await world.step(call(5, { run: linked(undoSpec), at: '0001' }));
  if (status !== 'running') await endRun(world.runs, await readRun(world.runs, CHILD_ID), { status, output: { invoice: 'i-1' } });
}

async function reportOf(world: World): Promise<{ [key: string]: unknown }> {
  const { cause } = (await world.step(report())) as { cause: string };
  return JSON.parse(cause);
}

describe('the undo of a sub-workflow', () => {
  it('is its own undo machine’s where it is completed and its step says nothing', async () => {
    const world = createWorld();
    await family(world, 'completed');

    expect(await world.step(MESSAGE)).toEqual({ start: true, input: { run: [CHILD[0], CHILD[1]], error: ERROR } });
    await world.step({ v: 1, op: 'undo', run: CHILD, step: 'step5', at: '0001', error: ERROR });
    await world.step({ v: 1, op: 'report', run: CHILD, workflow: 'billing', version: '1', error: ERROR });

    expect((await findRun(world.runs, CHILD_ID))?.status).toBe('compensated');
    expect(await world.step(MESSAGE)).toEqual({ start: false, input: null });
    await world.send(undo(1));
    expect(await reportOf(world)).toMatchObject({ status: 'compensated', undone: ['step1', 'billing'] });
  });

  it('is the request of its step where it has one, with the child’s output', async () => {
    const world = createWorld();
    const spec = {
      service: { name: 'credit', type: 'http', endpoint: [] },
      verb: 'POST',
      method: ['/credit'],
      input: { invoice: { $late: '$o.invoice' }, why: { $late: '$e.message', error: true } },
    } as unknown as UndoSpec;
    await family(world, 'completed', spec);

    expect(await world.step(MESSAGE)).toEqual({ start: false, input: null });
    expect(await world.step(MESSAGE)).toEqual({ start: false, input: null });

    expect(world.caller.requests.slice(2)).toMatchObject([
      { idempotencyKey: `${RUN_ID}/0002/undo`, service: { name: 'credit' }, input: { invoice: 'i-1', why: 'no such item' } },
    ]);
    expect(await reportOf(world)).toMatchObject({ status: 'compensation_failed', undone: ['billing'], left: [{ step: 'step1' }] });
  });

  it('is tried again and listed like any other when that request fails', async () => {
    const world = createWorld();
    const spec = { service: { name: 'credit', type: 'http', endpoint: [] } } as unknown as UndoSpec;
    await family(world, 'completed', spec);
    world.caller.answers('credit', rejected);

    expect(await world.send(MESSAGE)).toMatchObject({ error: 'Maestro.ServiceRejected' });
    await world.send(undo(1));

    expect(await reportOf(world)).toMatchObject({ status: 'compensation_failed', undone: ['step1'], left: [{ step: 'billing' }] });
  });

  it('is listed when that request fails, also where no step of the child has an undo of its own', async () => {
    const world = createWorld();
    const { undo: _none, ...plain } = call(5, {
      run: linked({ service: { name: 'credit', type: 'http', endpoint: [] } } as unknown as UndoSpec),
      at: '0001',
    });
    await world.step(call(1));
    await world.step(plain);
    await endRun(world.runs, await readRun(world.runs, CHILD_ID), { status: 'completed', output: null });
    world.caller.answers('credit', rejected);

    await world.send(MESSAGE);
    await world.send(undo(1));

    expect(await reportOf(world)).toMatchObject({ status: 'compensation_failed', undone: ['step1'], left: [{ step: 'billing' }] });
  });

  it('that failed for good is not asked for again in the same round', async () => {
    const world = createWorld();
    await family(world, 'completed', { service: { name: 'credit', type: 'http', endpoint: [] } } as unknown as UndoSpec);
    world.caller.answers('credit', rejected);
    await world.send(MESSAGE);
    const calls = world.caller.requests.length;

    expect(await world.send(MESSAGE)).toEqual({ value: { start: false, input: null } });

    expect(world.caller.requests).toHaveLength(calls);
  });

  it.each(['failed', 'compensated', 'cancelled'] as const)('is nothing where the child is %s', async (status) => {
    const world = createWorld();
    await family(world, status);

    expect(await world.step(MESSAGE)).toEqual({ start: false, input: null });
    await world.send(undo(1));
    expect(await reportOf(world)).toMatchObject({ status: 'compensated', left: [] });
  });

  it('leaves the parent unresolved where the child could not be undone', async () => {
    const world = createWorld();
    await family(world, 'compensation_failed');

    expect(await world.step(MESSAGE)).toEqual({ start: false, input: null });
    await world.send(undo(1));

    expect(await reportOf(world)).toMatchObject({ status: 'compensation_failed', undone: ['step1'], left: [{ step: 'billing' }] });
  });

  it('cancels a child that goes on, and waits for its end', async () => {
    const world = createWorld();
    await family(world, 'running');
    const asked = world.send(MESSAGE);
    world.clock.setTimer(2_000, () => void endChild());
    async function endChild(): Promise<void> {
      expect(await readRun(world.runs, CHILD_ID)).toMatchObject({ cancel: true });
      await endRun(world.runs, await readRun(world.runs, CHILD_ID), { status: 'cancelled' });
    }

    expect(await asked).toEqual({ value: { start: false, input: null } });
  });

  it('is asked for again when the child takes longer', async () => {
    const world = createWorld();
    await family(world, 'running');

    expect(await world.send(MESSAGE)).toMatchObject({ error: 'Maestro.ServiceUnavailable' });
  });

  it('stops a child that runs and has recorded nothing', async () => {
    const stopped: string[] = [];
    const world = createWorld({
      executions: {
        status: async () => 'RUNNING',
        output: async () => undefined,
        stop: async (arn) => void stopped.push(arn),
        succeedTask: async () => {},
      },
    });
    await world.step(call(1));

    expect(await world.step(MESSAGE)).toEqual({ start: false, input: null });

    expect(stopped).toEqual([
      expect.stringMatching(new RegExp(`^arn:aws:states:us-east-1:123456789012:execution:billing:${RUN_ID}\\.[0-9a-f]{24}$`)),
    ]);
  });
});

describe('an emit', () => {
  const emit = {
    v: 1,
    op: 'emit',
    run: RUN,
    step: 'tell',
    at: '0001',
    attempt: 0,
    limit: 300_000,
    source: 'maestro',
    detailType: 'Ordered',
    detail: { a: 1 },
  } as const;
  const undoSpec = { service: { name: 'u', type: 'http' as const, endpoint: [] }, input: { a: 1 } };

  it('puts its event once, is recorded, and is undone', async () => {
    const put: unknown[] = [];
    const world = createWorld({
      putEvents: async (entry) => {
        put.push(entry);
        return done({ id: 'x' });
      },
    });

    await world.step({ ...emit, undo: undoSpec });
    await world.step({ ...emit, undo: undoSpec });
    await world.step(undo(1));

    expect(put).toMatchObject([{ source: 'maestro', detailType: 'Ordered', detail: { a: 1 }, runId: RUN_ID, stepId: 'tell' }]);
    expect(world.caller.keys()).toEqual(['0001/undo 0']);
  });

  it('fails as BadConfiguration where there is no bus', async () => {
    expect(await createWorld().send(emit)).toMatchObject({ error: 'Maestro.BadConfiguration' });
  });
});

describe('the end of an Express run', () => {
  it('is recorded by its last call, once', async () => {
    const world = createWorld();
    await world.step(call(1));
    const end = { v: 1, op: 'end', run: RUN, output: { total: 3 } } as const;

    expect(await world.step(end)).toEqual({ total: 3 });
    await world.step(end);

    expect(await world.runStatus()).toBe('completed');
    expect(world.events.map(({ type }) => type)).toEqual(['run.started', 'step.started', 'step.completed', 'run.completed']);
  });
});
