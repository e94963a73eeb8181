// `op: load`: a sub-workflow's result that holds stored values, as its parent's state holds it.

import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { LoadMessage, RunRef } from '../../shared/protocol/step-message.ts';
import { endRun, isStored, loadStored, type RunStatus, readRun, requestCancel, runKeyOf } from '../../shared/runs/index.ts';
import { call, createWorld, done, RUN, RUN_ID, type World } from './world.ts';

const CHILD: RunRef = ['arn:aws:states:us-east-1:123456789012:execution:billing:child', '2026-01-02T03:04:06.000Z'];
const CHILD_ID = runKeyOf(CHILD).id;
const REPORT = { id: 'r-1', rows: [{ n: 1 }, { n: 2 }], pad: 'x'.repeat(50_000) };

const message = (more: Partial<LoadMessage> = {}): LoadMessage => ({
  v: 1,
  op: 'load',
  run: RUN,
  step: 'bill',
  at: '0002',
  limit: 3_600_000,
  keep: ['/all/id', '/all/rows'],
  ...more,
});

/** A child of the parent's second step whose call gave a large report: its output as its state holds it. */
async function childOutput(world: World, at = '0002'): Promise<JsonObject> {
  world.caller.answers('s5', done(REPORT));
  await world.step(call(1));
  const all = await world.step(call(5, { run: [CHILD[0], CHILD[1], { parent: { run: RUN_ID, at } }], at: '0001', keep: [] }));
  expect(isStored(all)).toBe(true);
  return { name: 'made', all };
}

async function end(world: World, status: RunStatus, output: Json): Promise<void> {
  await endRun(world.runs, await readRun(world.runs, CHILD_ID), { status, output });
}

/** The executions of a world in which the child's execution has ended with this. */
const endedWith = (output: () => JsonObject | undefined) => ({
  status: async () => 'SUCCEEDED' as const,
  output: async (arn: string) => (arn === CHILD[0] && output() ? JSON.stringify(output()) : undefined),
  stop: async () => {},
  succeedTask: async () => {},
});

describe('the result of a sub-workflow', () => {
  it('is the parent’s: below its own prefix, whole when loaded, with the paths that the parent reads', async () => {
    const world = createWorld();
    await end(world, 'completed', await childOutput(world));

    const loaded = await world.step(message());

    expect(loaded).toMatchObject({ $stored: { key: expect.stringMatching(`^${RUN_ID}/0002\\.`) }, all: { id: 'r-1', rows: REPORT.rows } });
    expect(Object.keys(loaded as JsonObject).sort()).toEqual(['$stored', 'all']);
    expect(await loadStored(world.blobs, RUN_ID, loaded)).toEqual({ name: 'made', all: REPORT });
    expect(await world.step(message())).toEqual(loaded);
  });

  it('stands whole where it fits the parent’s budget', async () => {
    const world = createWorld();
    await end(world, 'completed', await childOutput(world));

    expect(await world.step(message({ budget: 60_000 }))).toEqual({ name: 'made', all: REPORT });
  });

  it('that has no room for what is read fails with its size and path', async () => {
    const world = createWorld();
    await end(world, 'completed', await childOutput(world));

    const { error, facts } = await world.send(message({ keep: ['/all/id', '/all/pad'] }));

    expect(error).toBe('Maestro.ResultTooLarge');
    expect(facts).toMatchObject({ step: 'bill', outcome: 'done', message: expect.stringMatching(/"all\.pad".* 32768 fit/) });
  });

  it('is asked of the execution while the record has not heard of its end', async () => {
    let output: JsonObject | undefined;
    const world = createWorld({ executions: endedWith(() => output) });
    output = await childOutput(world);

    expect(await world.step(message({ budget: 60_000 }))).toEqual({ name: 'made', all: REPORT });
  });

  it('is waited for where neither knows it, and asked for again later', async () => {
    const world = createWorld();
    const output = await childOutput(world);
    expect(await world.send(message())).toMatchObject({ error: 'Maestro.ServiceUnavailable' });

    const asked = world.step(message({ budget: 60_000 }));
    world.clock.setTimer(2_000, () => void end(world, 'completed', output));

    expect(await asked).toEqual({ name: 'made', all: REPORT });
  });

  it('is none where the run has no child at that place, or the child there is another run’s', async () => {
    const world = createWorld();
    await end(world, 'completed', await childOutput(world));
    expect(await world.send(message({ at: '0003' }))).toMatchObject({ error: 'Maestro.BadConfiguration' });

    const key = { pk: `RUN#${CHILD_ID}`, sk: 'RUN' };
    await world.store.update(key, { set: { link: { parent: { run: 'run_other', at: '0002' } } } }, { present: true });
    expect(await world.send(message())).toMatchObject({ error: 'Maestro.BadConfiguration', facts: { outcome: 'not_performed' } });
  });

  it('is not believed where it refers to a third run’s value', async () => {
    const world = createWorld();
    await childOutput(world);
    const foreign = { $stored: { key: 'run_other/0001.0', sha256: '0'.repeat(64), bytes: 1 } };
    await end(world, 'completed', { all: foreign });

    expect(await world.send(message())).toMatchObject({ error: 'Maestro.BadConfiguration', facts: { outcome: 'done' } });
  });

  it('is not given to a run that was cancelled', async () => {
    const world = createWorld();
    await end(world, 'completed', await childOutput(world));
    await requestCancel(world.runs, RUN_ID);

    expect(await world.send(message())).toMatchObject({ error: 'Maestro.Cancelled' });
  });
});
