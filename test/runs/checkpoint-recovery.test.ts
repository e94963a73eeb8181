// What a crash, a second try of a state and a retry of the run make of an answer that is on record.

import { describe, expect, it } from 'vitest';
import type { Json } from '../../shared/json.ts';
import type { CheckpointMessage } from '../../shared/protocol/step-message.ts';
import {
  asStep,
  callbackToken,
  checkpointId,
  completeCallback,
  createRun,
  endRun,
  listCheckpoints,
  markAnswered,
  readRun,
  requestCancel,
  resolveCheckpoint,
  runRecordKey,
  stepKey,
  unansweredTokens,
} from '../../shared/runs/index.ts';
import { call, createWorld, RUN_ID, START_MS } from '../step/world.ts';
import { type CheckpointWorld, checkpointWorld, otherRun, question } from './checkpoint-world.ts';

const ID = checkpointId(RUN_ID, '0001');
const LATER_MS = START_MS + 60_000;

async function answered(body: { [key: string]: Json } = { text: 'yes' }): Promise<CheckpointWorld> {
  const world = checkpointWorld();
  await world.ask();
  await resolveCheckpoint(world.runs, RUN_ID, ID, body, 'key_1');
  return world;
}

describe('an answer that was recorded and not told', () => {
  it('is found again, once whoever took it has had the time to tell it, until it is marked', async () => {
    const { runs, clock } = await answered();
    expect(await unansweredTokens(runs, RUN_ID)).toEqual([]);
    expect(await unansweredTokens(runs, RUN_ID, 0)).toHaveLength(1);

    clock.set(LATER_MS);
    expect(await unansweredTokens(runs, RUN_ID)).toEqual([
      {
        token: 'task-token-1',
        at: '0001',
        ok: true,
        output: { decision: 'respond', answer: { text: 'yes' }, by: 'key_1', at: new Date(START_MS).toISOString() },
      },
    ]);

    await markAnswered(runs, RUN_ID, '0001');
    expect(await unansweredTokens(runs, RUN_ID)).toEqual([]);
  });

  it('is found when it was a rejection', async () => {
    const { runs, clock } = await answered({ decision: 'reject' });
    clock.set(LATER_MS);

    expect(await unansweredTokens(runs, await readRun(runs, RUN_ID))).toMatchObject([{ ok: false, error: 'Maestro.Rejected' }]);
  });

  it('is looked for only in runs that got an answer: the others cost no request', async () => {
    const { runs, store, ask, clock } = checkpointWorld();
    await ask();
    const lists = async (): Promise<number> => {
      let count = 0;
      const run = await readRun(runs, RUN_ID);
      const list: typeof store.list = (...given) => {
        count++;
        return store.list(...given);
      };
      await unansweredTokens({ ...runs, store: { ...store, list } }, run);
      return count;
    };
    expect(await lists()).toBe(0);

    await resolveCheckpoint(runs, RUN_ID, ID, {}, 'key_1');
    clock.set(LATER_MS);
    expect(await lists()).toBeGreaterThan(0);

    await markAnswered(runs, RUN_ID, '0001');
    expect(await lists()).toBeGreaterThan(0);
    expect(await lists()).toBe(0);
  });

  it('of a run that has ended is not told any more', async () => {
    const { runs, clock } = await answered();
    await endRun(runs, await readRun(runs, RUN_ID), { status: 'failed' });
    clock.set(LATER_MS);

    expect(await unansweredTokens(runs, RUN_ID)).toEqual([]);
  });

  it('may be the cancel of what waits', async () => {
    const world = checkpointWorld();
    await world.ask();
    await requestCancel(world.runs, RUN_ID);
    world.clock.set(LATER_MS);

    expect(await unansweredTokens(world.runs, RUN_ID)).toMatchObject([{ token: 'task-token-1', ok: false, error: 'Maestro.Cancelled' }]);
  });

  it('is found whichever write the process died before', async () => {
    for (let point = 0; point < 12; point++) {
      const world = checkpointWorld();
      await world.ask();
      let left = point;
      const dying =
        <Given extends unknown[], Result>(operation: (...given: Given) => Promise<Result>) =>
        async (...given: Given): Promise<Result> => {
          if (left-- <= 0) throw new Error('killed');
          return operation(...given);
        };
      const { put, update } = world.store;
      const runs = { ...world.runs, store: { ...world.store, put: dying(put), update: dying(update) } };

      const taken = await resolveCheckpoint(runs, RUN_ID, ID, {}, 'key_1').catch(() => undefined);

      world.clock.set(LATER_MS);
      const [checkpoint] = await listCheckpoints(world.runs, RUN_ID);
      const found = await unansweredTokens(world.runs, RUN_ID);
      expect(found.length, `killed before write ${point}`).toBe(checkpoint?.state === 'resolved' ? 1 : 0);
      if (taken) expect(found).toEqual([taken]);
    }
  });
});

describe('the answer to a callback', () => {
  async function waiting() {
    const world = createWorld({ callbackUrl: (token) => `http://x/${token}` });
    await world.step(call(1, { token: 't1' }));
    const [body] = await world.store.read([stepKey(RUN_ID, '0001')]);
    if (!body) throw new Error('no step');
    return { world, url: callbackToken(RUN_ID, asStep(body)) };
  }

  it.each([
    [
      { ok: true, value: { id: 7 } },
      { token: 't1', at: '0001', ok: true, output: { id: 7 } },
    ],
    [
      { ok: false, error: 'Maestro.ServiceRejected', message: 'no' },
      { token: 't1', at: '0001', ok: false, error: 'Maestro.ServiceRejected', cause: JSON.stringify({ step: 'step1', message: 'no' }) },
    ],
  ] as const)('%j is found again until it is marked', async (answer, expected) => {
    const { world, url } = await waiting();
    await completeCallback(world.runs, url, answer);
    expect(await unansweredTokens(world.runs, RUN_ID)).toEqual([]);

    world.clock.set(world.clock.now() + 60_000);
    expect(await unansweredTokens(world.runs, RUN_ID)).toMatchObject([expected]);

    await markAnswered(world.runs, RUN_ID, '0001');
    expect(await unansweredTokens(world.runs, RUN_ID)).toEqual([]);
    expect(await completeCallback(world.runs, url, answer)).toMatchObject({ repeated: true, at: '0001' });
    expect(await unansweredTokens(world.runs, RUN_ID)).toEqual([]);
  });

  it('that is still waited for is not made up, unless the run was cancelled', async () => {
    const { world } = await waiting();
    world.clock.set(world.clock.now() + 60_000);
    expect(await unansweredTokens(world.runs, RUN_ID)).toEqual([]);

    await requestCancel(world.runs, RUN_ID);
    world.clock.set(world.clock.now() + 60_000);
    expect(await unansweredTokens(world.runs, RUN_ID)).toMatchObject([{ token: 't1', ok: false, error: 'Maestro.Cancelled' }]);
  });
});

describe('a state that is tried again', () => {
  it('has its new token answered', async () => {
    const world = checkpointWorld();
    await world.ask();
    await world.ask({ token: 'task-token-2' });

    expect(await resolveCheckpoint(world.runs, RUN_ID, ID, {}, 'key_1')).toMatchObject({ token: 'task-token-2' });
    expect(world.events.filter(({ type }) => type === 'checkpoint.waiting')).toHaveLength(1);
  });

  it('after the answer gets it at once, under its new token', async () => {
    const world = await answered();
    await markAnswered(world.runs, RUN_ID, '0001');
    await world.ask({ token: 'task-token-2' });

    expect(world.answers).toMatchObject([{ token: 'task-token-2', output: { decision: 'respond', answer: { text: 'yes' }, by: 'key_1' } }]);
    world.clock.set(LATER_MS);
    expect(await unansweredTokens(world.runs, RUN_ID)).toEqual([]);
  });

  it('after a rejection is rejected', async () => {
    const world = await answered({ decision: 'reject' });
    await world.ask({ token: 'task-token-2' });

    expect(world.answers).toMatchObject([{ token: 'task-token-2', error: 'Maestro.Rejected' }]);
  });

  it('gets it from the sweep where the function cannot answer tokens', async () => {
    const world = checkpointWorld({ executions: false });
    await world.ask();
    await resolveCheckpoint(world.runs, RUN_ID, ID, {}, 'key_1');
    await markAnswered(world.runs, RUN_ID, '0001');
    await world.ask({ token: 'task-token-2' });
    world.clock.set(LATER_MS);

    expect(await unansweredTokens(world.runs, RUN_ID)).toMatchObject([{ token: 'task-token-2', ok: true }]);
  });
});

describe('a run that goes on from another', () => {
  const { run, id } = otherRun('retry');

  async function retried(world: CheckpointWorld, more: Partial<CheckpointMessage> = {}): Promise<void> {
    await createRun(world.runs, { run, workflow: 'order' });
    await world.runs.store.update(runRecordKey(id), { set: { reuse: RUN_ID } });
    await world.ask({ run, token: 'task-token-2', ...more });
  }

  it('has the answer of the same question, without asking', async () => {
    const world = await answered();
    await retried(world);

    expect(world.answers).toEqual([
      {
        token: 'task-token-2',
        output: { decision: 'respond', answer: { text: 'yes' }, by: 'key_1', at: new Date(START_MS).toISOString() },
      },
    ]);
    expect(world.events.filter(({ runId }) => runId === id).map(({ type }) => type)).toEqual(['run.started', 'checkpoint.resolved']);
    expect(world.events.at(-1)).toMatchObject({ checkpoint: checkpointId(id, '0001'), by: 'key_1', reused: true });
    expect(await listCheckpoints(world.runs, id)).toMatchObject([{ state: 'resolved', reusedFrom: RUN_ID, answered: true }]);
    expect((await readRun(world.runs, id)).status).toBe('running');
    await expect(resolveCheckpoint(world.runs, id, checkpointId(id, '0001'), {}, 'key_2')).rejects.toMatchObject({ reason: 'resolved' });
  });

  it.each(['was asked', 'did not come so far'])('that is retried in turn has it too, where it %s', async (how) => {
    const world = await answered();
    if (how === 'was asked') await retried(world);
    else {
      await createRun(world.runs, { run, workflow: 'order' });
      await world.runs.store.update(runRecordKey(id), { set: { reuse: RUN_ID } });
    }
    const third = otherRun('third');
    await createRun(world.runs, { run: third.run, workflow: 'order' });
    await world.runs.store.update(runRecordKey(third.id), { set: { reuse: id } });
    await world.ask({ run: third.run, token: 'task-token-3' });

    expect(world.answers.at(-1)).toMatchObject({ token: 'task-token-3', output: { answer: { text: 'yes' } } });
  });

  it.each<[string, Partial<CheckpointMessage>]>([
    ['title', { title: 'Go on with more?' }],
    ['prompt', { prompt: 'think' }],
    ['options', { options: [{ value: 'a', label: 'A' }] }],
    ['fields', { fields: { type: 'object' } }],
    ['allow', { allow: ['respond', 'reject'] }],
    ['place', { at: '0002' }],
  ])('is asked where the question is another one: %s', async (_, more) => {
    const world = await answered();
    await retried(world, more);

    expect(world.answers).toEqual([]);
    expect(await listCheckpoints(world.runs, id)).toMatchObject([{ state: 'open' }]);
  });

  it('is asked again after a rejection, and where nobody had answered', async () => {
    for (const world of [await answered({ decision: 'reject' }), checkpointWorld()]) {
      await retried(world);
      expect(await listCheckpoints(world.runs, id)).toMatchObject([{ state: 'open' }]);
      expect((await readRun(world.runs, id)).status).toBe('waiting_checkpoint');
    }
    expect(question().title).toBe('Go on?');
  });
});
