import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCheckpointFunction } from '../../functions/checkpoint/index.ts';
import { CHECKPOINT_ID } from '../../shared/contract/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { CheckpointMessage } from '../../shared/protocol/step-message.ts';
import {
  checkpointId,
  checkpointStep,
  endRun,
  expireCheckpoints,
  listCheckpoints,
  listOpenRuns,
  markAnswered,
  readRun,
  requestCancel,
  resolveCheckpoint,
  unansweredTokens,
} from '../../shared/runs/index.ts';
import { call, createWorld, RUN_ID, START, START_MS } from '../step/world.ts';
import { type DynaliteServer, startDynalite } from '../store/dynalite-server.ts';
import { type CheckpointWorld, checkpointWorld, HOUR, question } from './checkpoint-world.ts';

const ID = checkpointId(RUN_ID, '0001');

async function asked(more: Partial<CheckpointMessage> = {}): Promise<CheckpointWorld> {
  const world = checkpointWorld();
  await world.ask(more);
  return world;
}

function resolve({ runs }: CheckpointWorld, body: JsonObject, id = ID): ReturnType<typeof resolveCheckpoint> {
  return resolveCheckpoint(runs, RUN_ID, id, body, 'key_1');
}

async function status({ runs }: CheckpointWorld): Promise<string> {
  return (await readRun(runs, RUN_ID)).status;
}

describe('the id of a checkpoint', () => {
  it('is the same whenever it is made, and another for every run and place', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (runA, atA, runB, atB) => {
        expect(checkpointId(runA, atA)).toMatch(CHECKPOINT_ID);
        expect(checkpointId(runA, atA) === checkpointId(runB, atB)).toBe(`${runA}/${atA}` === `${runB}/${atB}`);
      }),
    );
    expect(checkpointId('run_01JD00000000000000000000AB', '0001.00002.0001')).toBe('chk_QB11ECVG9A0511K744P90ARTK6');
  });

  it('is in the event that says that it waits, and in the list', async () => {
    const world = await asked();

    expect(world.events.at(-1)).toMatchObject({ type: 'checkpoint.waiting', step: 'ask', at: '0001', checkpoint: ID, title: 'Go on?' });
    expect(await listCheckpoints(world.runs, RUN_ID)).toMatchObject([{ id: ID, state: 'open', expiresAtMs: START_MS + HOUR }]);
  });
});

describe('an answer', () => {
  it('is on record with who gave it and when, and is what the token gets', async () => {
    const world = await asked();
    world.clock.set(START_MS + 5_000);

    const answer = await resolve(world, { decision: 'edit', amount: 3 });

    expect(answer).toEqual({
      token: 'task-token-1',
      at: '0001',
      ok: true,
      output: { decision: 'edit', answer: { amount: 3 }, by: 'key_1', at: new Date(START_MS + 5_000).toISOString() },
    });
    expect(await listCheckpoints(world.runs, RUN_ID)).toMatchObject([
      { state: 'resolved', decision: 'edit', by: 'key_1', answered: false },
    ]);
    expect(world.events.at(-1)).toMatchObject({ type: 'checkpoint.resolved', step: 'ask', checkpoint: ID, decision: 'edit', by: 'key_1' });
    expect(await status(world)).toBe('running');
  });

  it.each([
    [['approve', 'respond'], 'respond'],
    [['reject', 'edit', 'approve'], 'approve'],
    [['edit', 'reject'], 'edit'],
  ] as const)('without a decision, where %j are allowed, is %s', async (allow, decision) => {
    const world = await asked({ allow: [...allow] });

    expect(await resolve(world, { text: 'yes' })).toMatchObject({ output: { decision, answer: { text: 'yes' } } });
  });

  it('that rejects fails the task, and says who did and why', async () => {
    const world = await asked();

    const answer = await resolve(world, { decision: 'reject', reason: 'too dear' });

    expect(answer).toMatchObject({ ok: false, error: 'Maestro.Rejected', token: 'task-token-1' });
    expect(JSON.parse(answer.ok ? '' : answer.cause)).toEqual({ step: 'ask', message: 'rejected by key_1: too dear' });
  });

  it('has its reserved keys escaped, as all data from outside', async () => {
    const world = await asked();

    expect(await resolve(world, { $stored: { key: 'x' } })).toMatchObject({ output: { answer: { $$stored: { key: 'x' } } } });
  });

  it('is taken once, of many that come at the same moment', async () => {
    const world = await asked();

    const all = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => resolve(world, { n })));

    expect(all.filter(({ status: settled }) => settled === 'fulfilled')).toHaveLength(1);
    for (const one of all) if (one.status === 'rejected') expect(one.reason).toMatchObject({ name: 'CheckpointError', reason: 'resolved' });
    expect(world.events.filter(({ type }) => type === 'checkpoint.resolved')).toHaveLength(1);
  });

  it('to a checkpoint that is none of the run is unknown', async () => {
    const world = await asked();

    await expect(resolve(world, {}, checkpointId(RUN_ID, '0002'))).rejects.toMatchObject({ reason: 'unknown' });
    await expect(resolveCheckpoint(world.runs, 'run_x', ID, {}, 'key_1')).rejects.toMatchObject({ reason: 'unknown' });
  });
});

describe('a wrong answer leaves the checkpoint open', () => {
  const options = [
    { value: 'small', label: 'S' },
    { value: 'large', label: 'L' },
  ];
  const fields = {
    type: 'object',
    properties: { amount: { type: 'number', minimum: 0 }, lines: { type: 'array', items: { type: 'object', required: ['sku'] } } },
    required: ['amount'],
    additionalProperties: false,
  };
  const deep = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);

  it.each<[string, Partial<CheckpointMessage>, JsonObject, unknown]>([
    ['a decision that is not allowed', { allow: ['respond'] }, { decision: 'approve' }, [{ path: ['decision'] }]],
    ['a decision that is none', {}, { decision: 'destroy' }, [{ path: ['decision'] }]],
    ['a decision that is no text', {}, { decision: ['approve'] }, [{ path: ['decision'] }]],
    ['no option', { options }, {}, [{ path: ['option'] }]],
    ['no option, approving', { options }, { decision: 'approve' }, [{ path: ['option'] }]],
    ['an option that is none', { options }, { option: 'huge' }, [{ path: ['option'] }]],
    ['a missing field', { fields }, {}, [{ path: [], message: '"amount" is missing' }]],
    ['a field of another type', { fields }, { amount: '3' }, [{ path: ['amount'] }]],
    ['a field within a list', { fields }, { amount: 1, lines: [{ sku: 1 }, {}] }, [{ path: ['lines', 1] }]],
    ['a field that is not known', { fields }, { amount: 1, 'odd "name"': 2 }, [{ path: ['odd "name"'] }]],
    ['a field of another type, approving', { fields }, { decision: 'approve', amount: -1 }, [{ path: ['amount'] }]],
    ['an option where fields do not know it', { fields }, { amount: 1, option: 'small' }, [{ path: ['option'] }]],
    ['more than fits the state', {}, { text: 'x'.repeat(32_769) }, [{ path: [] }]],
    ['deeper nesting than can be walked', {}, { deep }, [{ path: [] }]],
    ['a number that is none', {}, JSON.parse('{"n": 1e999}'), [{ path: [] }]],
  ])('%s', async (_, message, body, details) => {
    const world = await asked(message);

    await expect(resolve(world, body)).rejects.toMatchObject({ name: 'CheckpointError', reason: 'wrong', details });

    expect(await listCheckpoints(world.runs, RUN_ID)).toMatchObject([{ state: 'open' }]);
    expect(await status(world)).toBe('waiting_checkpoint');
  });

  it.each<[string, Partial<CheckpointMessage>, JsonObject]>([
    ['an option beside fields that do not know it', { options, fields }, { option: 'small', amount: 2 }],
    ['an approval without the fields', { fields }, { decision: 'approve' }],
    ['a rejection, whatever is in it', { fields, options }, { decision: 'reject', amount: 'none', more: [] }],
    ['anything, where nothing is asked for', {}, { a: [1, { b: null }], __proto__: 3 }],
  ])('but not %s', async (_, message, body) => {
    await expect(resolve(await asked(message), body)).resolves.toMatchObject({ at: '0001' });
  });

  it('whatever the body is: nothing else is thrown', async () => {
    const world = await asked({ options, fields, allow: ['edit', 'respond'] });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (body) => {
        if (body['option'] === 'small' || body['option'] === 'large') return;
        await expect(resolve(world, body as JsonObject)).rejects.toMatchObject({ name: 'CheckpointError', reason: 'wrong' });
      }),
    );
  });
});

describe('a checkpoint whose time is over', () => {
  it('is shown as expired, and takes no answer', async () => {
    const world = await asked();
    world.clock.set(START_MS + HOUR);

    expect(await listCheckpoints(world.runs, RUN_ID)).toMatchObject([{ state: 'expired' }]);
    await expect(resolve(world, {})).rejects.toMatchObject({ reason: 'expired' });
    expect(await world.store.list(`RUN#${RUN_ID}`, { prefix: 'CHECKPOINT#' })).toMatchObject([{ body: { state: 'expired' } }]);
    expect(await status(world)).toBe('running');
    await expect(resolve(world, {})).rejects.toMatchObject({ reason: 'expired' });
  });

  it('ends with its task, whose time began when the state was entered', async () => {
    const world = checkpointWorld();
    world.clock.set(START_MS + 4_000);
    await world.ask({ entered: START, timeout: 60 });

    expect(await listCheckpoints(world.runs, RUN_ID)).toMatchObject([{ openedAtMs: START_MS + 4_000, expiresAtMs: START_MS + 60_000 }]);
  });

  it('ends with its run at the latest', async () => {
    const world = await asked({ limit: 1_000 });

    expect(await listCheckpoints(world.runs, RUN_ID)).toMatchObject([{ expiresAtMs: START_MS + 1_000 }]);
  });

  it('is written down by whoever goes on with the run, once there is something to write', async () => {
    const world = await asked();
    await world.ask({ at: '0002', token: 't2', timeout: 7_200 });
    const until = async (): Promise<unknown> => (await readRun(world.runs, RUN_ID)).checkpointUntilMs;
    expect(await until()).toBe(START_MS + HOUR);

    await expireCheckpoints(world.runs, await readRun(world.runs, RUN_ID));
    expect(await listCheckpoints(world.runs, RUN_ID)).toMatchObject([{ state: 'open' }, { state: 'open' }]);

    world.clock.set(START_MS + HOUR);
    await expireCheckpoints(world.runs, await readRun(world.runs, RUN_ID));
    expect(await status(world)).toBe('waiting_checkpoint');
    expect(await until()).toBe(START_MS + 2 * HOUR);

    world.clock.set(START_MS + 2 * HOUR);
    await expireCheckpoints(world.runs, await readRun(world.runs, RUN_ID));
    expect(await status(world)).toBe('running');
    expect(await world.store.list(`RUN#${RUN_ID}`, { prefix: 'CHECKPOINT#' })).toMatchObject([
      { body: { state: 'expired', atMs: START_MS + HOUR } },
      { body: { state: 'expired', atMs: START_MS + 2 * HOUR } },
    ]);
  });
});

describe('a run that goes on after a timeout', () => {
  it('does not wait any more with its next step', async () => {
    const world = createWorld();
    await createCheckpointFunction({ runs: world.runs })(question({ onTimeout: 'continue' }));
    expect(await world.runStatus()).toBe('waiting_checkpoint');
    await world.step(call(2, { limit: 2 * HOUR }));
    expect(await world.runStatus()).toBe('waiting_checkpoint');

    world.clock.set(START_MS + HOUR);
    await world.step(call(3, { limit: 2 * HOUR }));

    expect(await world.runStatus()).toBe('running');
  });
});

describe('a run with several checkpoints', () => {
  it('waits until the last of them is answered', async () => {
    const world = await asked();
    world.clock.set(START_MS + 10);
    await world.ask({ at: '0000', step: 'later', token: 't2' });

    expect((await listCheckpoints(world.runs, RUN_ID)).map(({ step }) => step)).toEqual(['ask', 'later']);
    await resolve(world, {});
    expect(await status(world)).toBe('waiting_checkpoint');
    await resolve(world, {}, checkpointId(RUN_ID, '0000'));
    expect(await status(world)).toBe('running');
  });

  it('waits, when another one opens just before the status would say that it goes on', async () => {
    const inner = checkpointWorld().store;
    let quicker: (() => Promise<unknown>) | undefined;
    const world = checkpointWorld({
      store: {
        ...inner,
        async update(key, change, condition) {
          const now = change.set?.['status'] === 'running' ? quicker : undefined;
          if (now) quicker = undefined;
          await now?.();
          return inner.update(key, change, condition);
        },
      },
    });
    await world.ask();
    quicker = () => world.ask({ at: '0002', token: 't2' });

    await resolve(world, {});

    expect(quicker).toBeUndefined();
    expect(await status(world)).toBe('waiting_checkpoint');
    await resolve(world, {}, checkpointId(RUN_ID, '0002'));
    expect(await status(world)).toBe('running');
  });

  it('has the right status in the end, however opening, answering and expiring fall together', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom('answer', 'expire', 'leave'), { minLength: 1, maxLength: 4 }),
        async (scheduler, fates) => {
          const inner = checkpointWorld().store;
          const world = checkpointWorld({
            store: {
              ...inner,
              read: scheduler.scheduleFunction(inner.read),
              put: scheduler.scheduleFunction(inner.put),
              update: scheduler.scheduleFunction(inner.update),
              list: scheduler.scheduleFunction(inner.list),
            },
          });
          const work = fates.map(async (fate, n) => {
            const at = `000${n + 1}`;
            await world.ask({ at, token: at, timeout: fate === 'expire' ? 1 : 60 });
            if (fate === 'answer') await resolve(world, {}, checkpointId(RUN_ID, at));
          });
          await scheduler.waitFor(Promise.all(work));
          world.clock.set(START_MS + 2_000);
          await scheduler.waitFor(readRun(world.runs, RUN_ID).then((run) => expireCheckpoints(world.runs, run)));

          const [run] = await inner.read([{ pk: `RUN#${RUN_ID}`, sk: 'RUN' }]);
          expect(run?.['status']).toBe(fates.includes('leave') ? 'waiting_checkpoint' : 'running');
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a run that ends or is cancelled', () => {
  it('takes its open checkpoints with it, and their tokens are told, also when it is asked again', async () => {
    const world = await asked();

    for (let time = 0; time < 2; time++)
      expect((await requestCancel(world.runs, RUN_ID)).tokens).toEqual([{ at: '0001', token: 'task-token-1' }]);

    expect(await listCheckpoints(world.runs, RUN_ID)).toMatchObject([{ state: 'cancelled' }]);
    await expect(resolve(world, {})).rejects.toMatchObject({ reason: 'cancelled' });
  });

  it('is never set running again by an answer', async () => {
    const world = await asked();
    await endRun(world.runs, await readRun(world.runs, RUN_ID), { status: 'failed' });

    await expect(resolve(world, {})).rejects.toMatchObject({ reason: 'cancelled' });
    expect(await status(world)).toBe('failed');
    for await (const { run } of listOpenRuns(world.runs)) expect(run).toBeUndefined();
  });
});

describe('a checkpoint among the steps of its run', () => {
  it.each<[string, (world: CheckpointWorld) => Promise<unknown>, object]>([
    ['waits', async () => {}, { state: 'waiting' }],
    ['is done when it was answered', (world) => resolve(world, {}), { state: 'done', endedAtMs: START_MS }],
    [
      'failed when it was rejected',
      (world) => resolve(world, { decision: 'reject' }),
      { state: 'not_performed', failure: { error: 'Maestro.Rejected' } },
    ],
    [
      'failed when time ran out',
      async ({ clock }) => clock.set(START_MS + HOUR),
      { state: 'not_performed', endedAtMs: START_MS + HOUR, failure: { error: 'States.Timeout' } },
    ],
    [
      'failed when the run was cancelled',
      ({ runs }) => requestCancel(runs, RUN_ID),
      { state: 'not_performed', failure: { error: 'Maestro.Cancelled' } },
    ],
  ])('%s', async (_, happens, expected) => {
    const world = await asked();
    await happens(world);

    const [checkpoint] = await listCheckpoints(world.runs, RUN_ID);
    const step = checkpoint && checkpointStep(checkpoint);
    expect(step).toMatchObject({ step: 'ask', at: '0001', kind: 'checkpoint', startedAtMs: START_MS, ...expected });
    expect(step?.letGo).toBeUndefined();
  });

  it('was let go when the run went on without an answer', async () => {
    const world = await asked({ onTimeout: 'continue', default: 1 });
    world.clock.set(START_MS + HOUR);

    const [checkpoint] = await listCheckpoints(world.runs, RUN_ID);
    expect(checkpoint && checkpointStep(checkpoint)).toMatchObject({ state: 'not_performed', letGo: true });
  });
});

describe('on DynamoDB', () => {
  let server: DynaliteServer;
  beforeAll(async () => {
    server = await startDynalite();
  });
  afterAll(() => server.close());

  it('checkpoints open, are answered once, expire and are cancelled as they are on SQLite', async () => {
    const world = checkpointWorld({ store: server.store() });
    await world.ask({ options: [{ value: 'a', label: 'A' }], fields: { type: 'object' }, prompt: { deep: [1] } });
    await world.ask({ at: '0002', token: 't2', timeout: 10 });
    await world.ask({ at: '0003', token: 't3' });
    expect((await readRun(world.runs, RUN_ID)).checkpointUntilMs).toBe(START_MS + 10_000);

    const both = await Promise.allSettled([resolve(world, { option: 'a' }), resolve(world, { option: 'a' })]);
    expect(both.map(({ status: settled }) => settled).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await unansweredTokens(world.runs, RUN_ID, 0)).toMatchObject([{ token: 'task-token-1', output: { answer: { option: 'a' } } }]);
    await markAnswered(world.runs, RUN_ID, '0001');
    expect(await unansweredTokens(world.runs, RUN_ID, 0)).toEqual([]);

    world.clock.set(START_MS + 10_000);
    await expireCheckpoints(world.runs, await readRun(world.runs, RUN_ID));
    expect(await status(world)).toBe('waiting_checkpoint');
    expect((await requestCancel(world.runs, RUN_ID)).tokens).toEqual([{ at: '0003', token: 't3' }]);
    expect((await listCheckpoints(world.runs, RUN_ID)).map(({ state }) => state)).toEqual(['resolved', 'expired', 'cancelled']);
  });
});

describe('the task token', () => {
  it('is in nothing that is listed or told', async () => {
    const world = await asked();
    const listed = JSON.stringify(await listCheckpoints(world.runs, RUN_ID));
    await resolve(world, { decision: 'reject', reason: 'no' });
    const error = await resolve(world, {}).catch((reason: unknown) => reason);

    for (const text of [listed, JSON.stringify(world.events), String(error), JSON.stringify(error)])
      expect(text).not.toContain('task-token');
    expect(question().token).toContain('task-token');
  });
});
