import { afterEach, describe, expect, test } from 'vitest';
import { envelopeSchema, jobIdOf, runListSchema } from '../../shared/contract/index.ts';
import type { Json } from '../../shared/json.ts';
import { type ServiceParts, ThrottledError } from '../../shared/orchestrate/index.ts';
import { findRun, listEvents } from '../../shared/runs/index.ts';
import { ok, type WorldOptions } from '../semantics/world.ts';
import { callerOf, createServiceWorld, ME, type ServiceWorld, SOURCE } from './world.ts';

let world: ServiceWorld | undefined;

afterEach(async () => {
  await world?.close();
  world = undefined;
});

const HEAD = 'version: "1"\ntimeout: 1h\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false }\n';
const ONE = `name: w\n${HEAD}steps:\n  - { id: a, service: s, method: /a, input: { n: "{{ .input.n }}" }, output: got }\n`;
const TYPED = `name: w\n${HEAD}input:\n  type: object\n  required: [lines]\n  properties: { lines: { type: array, items: { type: object, properties: { n: { type: integer } } } } }\nsteps:\n  - { id: a, service: s, method: /a }\n`;
const EXPRESS = `name: w\nversion: "1"\nexecution: express\ntimeout: 4m\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false }\nsteps:\n  - { id: a, service: s, method: /a }\n`;

async function open(
  files: string | string[],
  options: WorldOptions = {},
  change?: (parts: ServiceParts) => Partial<ServiceParts>,
): Promise<ServiceWorld> {
  world = await createServiceWorld(files, options, change);
  return world;
}

describe('a run', () => {
  test('is shown by the envelope at every status, under its id and its job’s', async () => {
    const { service, drive, settle, get } = await open(ONE, { mock: () => ok({ v: 1 }, 1_000) });

    const accepted = await drive(service.run(ME, SOURCE, { workflow: 'w', input: { n: 7 }, metadata: { order: 'o1' } }));
    const going = await drive(service.get(ME, accepted.jobId));
    const done = await settle(accepted.runId);

    expect(accepted).toEqual({ jobId: jobIdOf(accepted.runId), runId: accepted.runId, mode: 'sync', repeated: false });
    expect(envelopeSchema.parse(going)).toEqual(going);
    expect(going.data).toMatchObject({ status: 'running', output: null, run: { completed_at: null } });
    expect(envelopeSchema.shape.data.parse(done)).toEqual(done);
    expect(done).toMatchObject({
      job_id: accepted.jobId,
      run_id: accepted.runId,
      status: 'completed',
      job: { status: 'completed', mode: 'sync', run_id: accepted.runId },
      run: { workflow: 'w', version: '1', mode: 'sync', attempt: 1, retry_of: null, duration_ms: 1_000, metadata: { order: 'o1' } },
      input: { n: 7 },
      output: { got: { v: 1 } },
      error: null,
      steps: [{ step_id: 'a', status: 'done', attempts: 1, reused: false, duration_ms: 1_000 }],
      pending_checkpoint: null,
      audit_receipt: { tenant: 'acme', subject: { action: 'run', by: ME.principal, run_id: accepted.runId } },
    });
    expect(await get(accepted.jobId)).toEqual(done);
  });

  test('tells that its job was created, that it was queued and that it started, in this order', async () => {
    const { settled, runtime } = await open(ONE);

    const { run_id } = await settled();

    const types = (await listEvents(runtime.runs, run_id)).map(({ type }) => type);
    expect(types).toEqual(['job.created', 'run.queued', 'run.started', 'step.started', 'step.completed', 'run.completed']);
  });

  test.each<[string, Json]>([
    ['large', { n: 1, text: 'x'.repeat(300_000) }],
    [
      'full of names that mean something to Maestro',
      { n: { $stored: { key: 'k', sha256: 's', bytes: 1 } }, $maestro: { deadline: 1 }, $late: '1' },
    ],
    ['a text', 'hello'],
  ])('gets its input back as it was given, when it is %s', async (_name, input) => {
    const { settled } = await open(ONE);

    expect(await settled({ input })).toMatchObject({ status: 'completed', input });
  });

  test('that is refused is not there: unknown workflow, planned run, wrong input', async () => {
    const { service, refused, drive } = await open(TYPED);
    const code = (request: object) => refused(() => service.run(ME, SOURCE, { workflow: 'w', ...request }));

    expect(await code({ workflow: 'nobody' })).toBe('not_found');
    expect(await refused(() => service.run(ME, SOURCE, { query: 'do it' }))).toBe('not_implemented');
    expect(await refused(() => service.run(ME, SOURCE, { plan_id: 'plan_1' }))).toBe('not_implemented');
    expect(await code({ input: { lines: [] }, budget_usd: 1 })).toBe('invalid');
    expect(await code({ input: { lines: [] }, review: true })).toBe('invalid');
    expect(await code({ input: { lines: [] }, metadata: { text: 'x'.repeat(10_000) } })).toBe('invalid');
    const deep = `{"lines":[],"d":${'['.repeat(5_000)}${']'.repeat(5_000)}}`;
    expect(await code({ input: JSON.parse(deep) as Json })).toBe('invalid');
    await expect(drive(service.run(ME, SOURCE, { workflow: 'w', input: { lines: [{ n: 'x' }] } }))).rejects.toMatchObject({
      code: 'invalid',
      details: [{ path: ['input', 'lines', 0, 'n'], message: 'expected integer, found string' }],
    });
    expect((await drive(service.list(ME, {}))).data).toEqual([]);
  });

  test('of an Express workflow is started and recorded, with an id of its own', async () => {
    const { service, refused, settled, get } = await open(EXPRESS);

    const run = await settled({ metadata: { a: 1 } });

    expect(run).toMatchObject({ status: 'completed', run: { mode: 'sync', metadata: { a: 1 } }, audit_receipt: { tenant: 'acme' } });
    expect(await get(run.job_id)).toEqual(run);
    expect(await refused(() => service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }))).toBe('invalid');
    expect(await refused(() => service.get(callerOf('other'), run.run_id))).toBe('not_found');
  });
});

describe('an Idempotency-Key', () => {
  const KEY = { idempotencyKey: 'k1' };

  test('stands for one run of one request, in one tenant, for a day', async () => {
    const { service, drive, refused, pass, log } = await open(ONE);
    const run = (caller = ME, request = {}) =>
      drive(service.run(caller, SOURCE, { workflow: 'w', input: { n: 1, m: 2 }, ...request }, KEY));

    const first = await run();
    const again = await run();
    const otherOrder = await run(ME, { input: { m: 2, n: 1 }, stream: true });
    const elsewhere = await run(callerOf('other'));

    expect(again).toEqual({ ...first, repeated: true });
    expect(otherOrder.runId).toBe(first.runId);
    expect(elsewhere.runId).not.toBe(first.runId);
    expect(await refused(() => run(ME, { input: { n: 2 } }))).toBe('conflict');
    expect(await refused(() => run(ME, { mode: 'async' }))).toBe('conflict');
    await pass(24 * 3_600_000 + 1);
    const nextDay = await run(ME, { input: { n: 2 } });
    expect(nextDay).toMatchObject({ repeated: false });
    await drive(service.settle(ME, nextDay.runId, 1_000));
    expect(log()).toHaveLength(3);
  });

  test('stands for one run when many ask at once', async () => {
    const { service, drive, log } = await open(ONE);

    const accepted = await drive(Promise.all(Array.from({ length: 20 }, () => service.run(ME, SOURCE, { workflow: 'w' }, KEY))));
    await drive(service.settle(ME, accepted[0]?.runId ?? '', 10_000));

    expect(new Set(accepted.map(({ runId }) => runId)).size).toBe(1);
    expect(accepted.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(log()).toEqual(['a']);
  });

  test('goes on with a start that was cut off', async () => {
    let cut = true;
    const { service, drive, settle } = await open(ONE, {}, ({ executions }) => ({
      executions: { ...executions, start: async (asked) => (cut ? Promise.reject(new Error('cut off')) : executions.start(asked)) },
    }));
    const run = () => drive(service.run(ME, SOURCE, { workflow: 'w' }, KEY));

    await expect(run()).rejects.toThrow('cut off');
    cut = false;
    const accepted = await run();

    expect(accepted.repeated).toBe(true);
    expect(await settle(accepted.runId)).toMatchObject({ status: 'completed' });
    expect((await drive(service.list(ME, {}))).data).toHaveLength(1);
  });

  test('stands for its run also when the workflow is gone', async () => {
    let there = true;
    const { service, drive, settle } = await open(ONE, {}, ({ catalog }) => ({
      catalog: { ...catalog, find: async (name) => (there ? catalog.find(name) : undefined) },
    }));
    const run = () => drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'async' }, KEY));
    const first = await run();
    await settle(first.runId);

    there = false;

    expect(await run()).toEqual({ ...first, repeated: true });
  });

  test('of an Express run stands for it too', async () => {
    const { service, drive, log } = await open(EXPRESS);
    const run = () => drive(service.run(ME, SOURCE, { workflow: 'w' }, KEY));

    const first = await run();
    expect(await run()).toEqual({ ...first, repeated: true });
    await drive(service.settle(ME, first.runId, 10_000));
    expect(log()).toEqual(['a']);
  });
});

describe('a start that is refused for its rate', () => {
  const throttle = (times: number) => {
    let left = times;
    return ({ executions }: ServiceParts): Partial<ServiceParts> => ({
      executions: {
        ...executions,
        start: async (asked) => (left-- > 0 ? Promise.reject(new ThrottledError('slow down')) : executions.start(asked)),
      },
    });
  };

  test('is told as rate_limited, and no run comes of it later', async () => {
    const { service, drive, refused, pass, settled, log } = await open(ONE, {}, throttle(1));

    expect(await refused(() => service.run(ME, SOURCE, { workflow: 'w' }, { idempotencyKey: 'k' }))).toBe('rate_limited');
    await pass(3_600_000);
    await drive(service.sweep(world?.clock.now() ?? 0));

    expect(log()).toEqual([]);
    expect((await drive(service.list(ME, {}))).data).toMatchObject([{ status: 'cancelled' }]);
    const accepted = await drive(service.run(ME, SOURCE, { workflow: 'w' }, { idempotencyKey: 'k' }));
    expect(accepted.repeated).toBe(false);
    expect(await settled()).toMatchObject({ status: 'completed' });
  });

  test('leaves a queued run in the queue', async () => {
    const { service, drive, queued, settle } = await open(ONE, {}, throttle(1));
    const { runId } = await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }));

    await expect(drive(service.startQueued(runId))).rejects.toThrow(ThrottledError);
    expect(await drive(service.startQueued(runId))).toBe(true);
    expect(queued).toEqual([runId]);
    expect(await settle(runId)).toMatchObject({ status: 'completed', run: { mode: 'queued' } });
  });
});

describe('a queued run', () => {
  test('is on record until the starter starts it, once', async () => {
    const { service, drive, get, settle, queued, log } = await open(ONE);

    const { runId } = await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'queued', input: { n: 5 } }));
    expect(await get(runId)).toMatchObject({ status: 'queued', run: { started_at: null, execution: null }, input: { n: 5 } });
    expect(queued).toEqual([runId]);

    expect(await drive(service.startQueued(runId))).toBe(true);
    expect(await drive(service.startQueued(runId))).toBe(false);
    expect(await settle(runId)).toMatchObject({ status: 'completed' });
    expect(log()).toEqual(['a']);
  });

  test('that was cancelled is not started', async () => {
    const { service, drive, settle, log } = await open(ONE);
    const { runId } = await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'queued' }));

    await drive(service.cancel(ME, SOURCE, runId));

    expect(await drive(service.startQueued(runId))).toBe(false);
    expect(await settle(runId)).toMatchObject({ status: 'cancelled' });
    expect(log()).toEqual([]);
  });
});

describe('a trigger', () => {
  test('that fires twice for one thing starts one run, which is everybody’s default tenant’s', async () => {
    const { service, drive, settle, log } = await open(ONE);
    const start = (dedupe: string) => drive(service.startTriggered({ workflow: 'w', input: { n: 1 }, mode: 'event', dedupe }));

    const first = await start('event 1');
    expect(await start('event 1')).toBe(first);
    const second = await start('event 2');
    expect(second).not.toBe(first);
    const run = await settle(first, callerOf('default'));
    expect(run).toMatchObject({
      status: 'completed',
      job_id: jobIdOf(first),
      run: { mode: 'event' },
      audit_receipt: { auth_mode: 'internal', tenant: 'default', source: { method: 'EVENT' } },
    });
    await settle(second, callerOf('default'));
    expect(log()).toEqual(['a', 'a']);
  });

  test('starts an Express workflow once for one thing', async () => {
    const { service, drive, settle, log } = await open(EXPRESS);
    const start = () => drive(service.startTriggered({ workflow: 'w', input: {}, mode: 'schedule', dedupe: 'at noon' }));

    const first = await start();
    expect(await start()).toBe(first);
    expect(await settle(first, callerOf('default'))).toMatchObject({ status: 'completed', run: { mode: 'schedule' } });
    expect(log()).toEqual(['a']);
  });
});

describe('a tenant', () => {
  const CHILD = `name: kid\n${HEAD}steps:\n  - { id: c, service: s, method: /c }\n`;
  const PARENT = `name: w\n${HEAD}steps:\n  - { id: a, service: s, method: /a }\n  - { id: k, workflow: kid }\n`;

  test('sees no run of another, by no way', async () => {
    const { service, drive, refused, settled } = await open(ONE);
    const { run_id, job_id } = await settled();
    const other = callerOf('other');

    for (const id of [run_id, job_id]) {
      for (const act of [
        () => service.get(other, id),
        () => service.locate(other, id),
        () => service.settle(other, id, 1),
        () => service.events(other, id, 0),
        () => service.cancel(other, SOURCE, id),
        () => service.retry(other, SOURCE, id),
        () => service.undo(other, SOURCE, id),
        () => service.resolveCheckpoint(other, SOURCE, id, `chk_${'0'.repeat(26)}`, {}),
      ])
        expect(await refused(act)).toBe('not_found');
    }
    expect(await drive(service.list(other, {}))).toEqual({ object: 'list', data: [], cursor: null });
    expect((await drive(service.list(ME, {}))).data).toMatchObject([{ id: run_id }]);
    for (const id of ['run_x', '__proto__', 'job_', `job_${run_id.slice(4)}x`])
      expect(await refused(() => service.get(ME, id))).toBe('not_found');
  });

  test('has the runs that its runs start', async () => {
    const { service, drive, refused, settled } = await open([PARENT, CHILD]);
    const parent = await settled();

    const runs = (await drive(service.list(ME, {}))).data;
    const child = runs.find(({ workflow }) => workflow === 'kid');

    expect(parent.steps).toMatchObject([{ step_id: 'a' }, { step_id: 'k', kind: 'workflow', status: 'done' }]);
    expect(child).toMatchObject({ status: 'completed', mode: 'child', job_id: jobIdOf(child?.id ?? '') });
    expect(await refused(() => service.get(callerOf('default'), child?.id ?? ''))).toBe('not_found');
    expect((await findRun(world?.runtime.runs as never, child?.id ?? ''))?.deadlineMs).toBeGreaterThan(0);
  });

  test('lists its runs in pages, by status, workflow and time', async () => {
    const { service, drive, settled, refused, clock } = await open(ONE);
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift((await settled()).run_id);
    await settled({}, callerOf('other'));
    const since = new Date(clock.now() + 1).toISOString();

    const first = await drive(service.list(ME, { limit: 2 }));
    const second = await drive(service.list(ME, { limit: 100, cursor: first.cursor ?? '' }));

    expect(runListSchema.parse(first)).toEqual(first);
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
    expect(second.cursor).toBeNull();
    expect((await drive(service.list(ME, { status: 'failed' }))).data).toEqual([]);
    expect((await drive(service.list(ME, { workflow: 'w', status: 'completed' }))).data).toHaveLength(5);
    expect((await drive(service.list(ME, { since }))).data).toEqual([]);
    expect(await refused(() => service.list(ME, { cursor: 'nonsense' }))).toBe('invalid');
  });
});
