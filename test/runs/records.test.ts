import { describe, expect, it } from 'vitest';
import { createCheckpointFunction } from '../../functions/checkpoint/index.ts';
import type { RunRef } from '../../shared/protocol/step-message.ts';
import {
  CallbackError,
  CancelError,
  type CancelExecutions,
  callbackToken,
  cancelRun,
  completeCallback,
  createRun,
  createRuns,
  endRun,
  errorInfo,
  findRun,
  findRunId,
  forceCancel,
  listOpenRuns,
  listRuns,
  listSteps,
  readRun,
  readValue,
  runEventSchema,
  runRecordSchema,
  stepRecordSchema,
} from '../../shared/runs/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import {
  call,
  createWorld,
  done,
  jumpingClock,
  memoryBlobs,
  RUN,
  RUN_ID,
  rejected,
  START_MS,
  undo,
  unusable,
  type World,
} from '../step/world.ts';

const ref = (n: number): RunRef => [`arn:aws:states:us-east-1:123456789012:execution:order:e-${n}`, new Date(START_MS + n).toISOString()];

function records() {
  const clock = jumpingClock();
  const store = createSqliteStore(openDatabase({ path: ':memory:' }));
  const blobs = memoryBlobs();
  return { clock, store, blobs, runs: createRuns({ store, blobs, clock }) };
}

async function open(world: { runs: World['runs'] }): Promise<string[]> {
  const ids: string[] = [];
  for await (const { run } of listOpenRuns(world.runs)) if (run) ids.push(run.id);
  return ids;
}

describe('run records', () => {
  it('are made once, however often a run is announced', async () => {
    const { runs } = records();
    const made = { run: ref(1), workflow: 'order', version: '2', input: { a: 1 }, deadlineMs: START_MS + 1_000 };

    const first = await createRun(runs, made);
    const again = await createRun(runs, { ...made, workflow: 'other', input: { a: 2 } });

    expect(again).toEqual(first);
    expect(runRecordSchema.parse(first)).toMatchObject({
      workflow: 'order',
      status: 'running',
      startedAtMs: START_MS + 1,
      deadlineMs: START_MS + 1_000,
    });
    expect(await readValue(runs, first.id, 'INPUT')).toEqual({ a: 1 });
    expect(await open({ runs })).toEqual([first.id]);
  });

  it('begin queued, under the id that the execution will bear', async () => {
    const { runs, store } = records();
    const id = 'run_01JZZZZZZZZZZZZZZZZZZZZZZZ';
    const run: RunRef = [`arn:aws:states:us-east-1:123456789012:execution:order:${id}`, '2026-01-02T03:04:05.678Z'];

    expect(await createRun(runs, { id, workflow: 'order', input: 1 })).toMatchObject({ status: 'queued', execution: null });
    expect(await createRun(runs, { run, workflow: 'order' })).toMatchObject({ id, status: 'running', execution: run[0] });

    const events = await store.list(`RUN#${id}`, { prefix: 'EVENT#' });
    expect(events.map(({ body }) => `${body['n']} ${body['type']}`)).toEqual(['1 run.queued', '2 run.started']);
    expect(await findRunId(runs, run[0], Date.parse(run[1]))).toBe(id);
  });

  it('are found by ARN and start in milliseconds, however the start was written', async () => {
    const { runs } = records();
    for (const time of ['2026-01-02T03:04:05.6Z', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05.678123Z', '2026-01-02T03:04:05.678Z']) {
      const run: RunRef = [`arn:aws:states:us-east-1:123456789012:execution:order:${time.length}`, time];
      const { id } = await createRun(runs, { run, workflow: 'order' });

      expect(await findRunId(runs, run[0], Date.parse(time))).toBe(id);
    }
  });

  it('end once, and leave the list of open runs', async () => {
    const { runs, store } = records();
    const run = await createRun(runs, { run: ref(1), workflow: 'order' });

    const ended = await Promise.all([
      endRun(runs, run, { status: 'completed', output: { ok: 1 } }),
      endRun(runs, run, { status: 'completed', output: { ok: 1 } }),
    ]);

    expect(ended).toEqual([true, false]);
    expect(await readRun(runs, run.id)).toMatchObject({ status: 'completed', endedAtMs: START_MS });
    expect(await readValue(runs, run.id, 'OUTPUT')).toEqual({ ok: 1 });
    expect(await open({ runs })).toEqual([]);
    expect((await store.list(`RUN#${run.id}`, { prefix: 'EVENT#' })).map(({ body }) => body['type'])).toEqual([
      'run.started',
      'run.completed',
    ]);
  });

  it('keep a large input beside the store, and give it back', async () => {
    const { runs, blobs } = records();
    const input = { text: 'ü'.repeat(150_000) };

    const run = await createRun(runs, { run: ref(1), workflow: 'order', input });

    expect([...blobs.all.keys()]).toEqual([expect.stringMatching(new RegExp(`^${run.id}/INPUT\\.[0-9a-f]{16}$`))]);
    expect(await readValue(runs, run.id, 'INPUT')).toEqual(input);
  });

  it('number the events of a run without gaps when many write at once', async () => {
    const { store, blobs, clock } = records();
    const slow: Store = {
      ...store,
      put: async (...args) => {
        await new Promise((resolve) => setImmediate(resolve));
        return store.put(...args);
      },
    };
    const writers = Array.from({ length: 8 }, () => createRuns({ store: slow, blobs, clock }));

    await Promise.all(Array.from({ length: 120 }, async (_, n) => writers[n % 8]?.append('run_x', 'step.started', { step: `s${n}` })));

    const events = (await store.list('RUN#run_x')).map(({ body }) => runEventSchema.parse(body));
    expect(events.map(({ n }) => n)).toEqual(Array.from({ length: 120 }, (_, n) => n + 1));
    expect(new Set(events.map(({ step }) => step)).size).toBe(120);
  });

  it('leave no gap where the write of an event fails', async () => {
    const { store, blobs, clock } = records();
    let failing = false;
    const runs = createRuns({
      store: { ...store, put: (...args) => (failing ? Promise.reject(new Error('down')) : store.put(...args)) },
      blobs,
      clock,
    });
    await runs.append('run_x', 'run.started');
    failing = true;
    await expect(runs.append('run_x', 'step.started')).rejects.toThrow('down');
    failing = false;

    expect(await runs.append('run_x', 'step.started')).toMatchObject({ n: 2 });
  });
});

describe('the list of runs', () => {
  it('is newest first, in pages, by status, workflow, tenant and time', async () => {
    const { runs, clock } = records();
    const ids: string[] = [];
    for (let n = 0; n < 250; n++) {
      clock.set(START_MS + n);
      const run = await createRun(runs, {
        run: ref(n),
        workflow: n % 3 === 0 ? 'order' : 'other',
        ...(n % 5 === 0 ? { tenant: 't1' } : {}),
      });
      if (n % 2 === 0) await endRun(runs, run, { status: 'completed' });
      ids.push(run.id);
    }
    async function all(options: Parameters<typeof listRuns>[1]): Promise<string[]> {
      const found: string[] = [];
      for (let cursor: string | undefined, page = 0; page < 100; page++) {
        const answer = await listRuns(runs, { ...options, ...(cursor === undefined ? {} : { cursor }) });
        found.push(...answer.runs.map(({ id }) => id));
        cursor = answer.cursor;
        if (cursor === undefined) return found;
      }
      throw new Error('the pages do not end');
    }
    const expected = (holds: (n: number) => boolean) => ids.filter((_, n) => n % 5 !== 0 && holds(n)).reverse();
    const others = ids.filter((_, n) => n % 5 === 0 && n >= 100).reverse();

    expect((await listRuns(runs)).runs.map(({ id }) => id)).toEqual(expected(() => true).slice(0, 20));
    expect(await all({ limit: 7 })).toEqual(expected(() => true));
    expect(await all({ limit: 100, status: 'completed' })).toEqual(expected((n) => n % 2 === 0));
    expect(await all({ limit: 3, workflow: 'order', status: 'running' })).toEqual(expected((n) => n % 3 === 0 && n % 2 === 1));
    expect(await all({ limit: 10, tenant: 't1', sinceMs: START_MS + 100 })).toEqual(others);
    expect(await all({ tenant: 't2' })).toEqual([]);
    await expect(listRuns(runs, { cursor: 'x' })).rejects.toThrow(RangeError);
    await expect(listRuns(runs, { limit: 0 })).rejects.toThrow(RangeError);
  });
});

describe('the failure that a person reads', () => {
  it.each([
    ['our own JSON', '{"step":"a","message":"no such item"}', 'no such item'],
    ['a Lambda’s wrapping of it', JSON.stringify({ errorType: 'E', errorMessage: '{"message":"inner"}', trace: [] }), 'inner'],
    [
      'a child’s end',
      JSON.stringify({ ExecutionArn: 'x', Error: 'E', Cause: '{"status":"failed","message":"of the child"}' }),
      'of the child',
    ],
    ['prose', 'it broke', 'it broke'],
    ['what only looks like JSON', '{"message":', '{"message":'],
    ['JSON that says nothing', '{"a":1}', '{"a":1}'],
    ['nothing', '', ''],
  ])('is found in %s', (_name, cause, message) => {
    expect(errorInfo({ step: 's', error: 'E', cause })).toEqual({ step: 's', error: 'E', message, also: [] });
  });

  it('is an abort where none is known, and keeps the others of its block', () => {
    expect(errorInfo(null)).toMatchObject({ step: null, error: 'Maestro.Aborted' });
    expect(errorInfo({ step: 'a', error: 'E', cause: null, also: [{ step: 'b', error: 'F', cause: 'x' }] }).also).toEqual([
      { step: 'b', error: 'F', message: 'x', also: [] },
    ]);
  });
});

/** Executions that note what they are asked to do. */
function executions(waiting = false): CancelExecutions & { did: string[] } {
  const did: string[] = [];
  return {
    did,
    failTask: async (token, error) => void did.push(`fail ${token} ${error}`),
    stop: async (arn) => void did.push(`stop ${arn.slice(arn.lastIndexOf(':') + 1)}`),
    isWaiting: async () => waiting,
  };
}

describe('cancelling a run', () => {
  it('refuses its next calls, and answers Cancelled to the one in flight, whose record stays', async () => {
    const world = createWorld();
    const running = Promise.withResolvers<void>();
    world.caller.answers('s1', async () => {
      await running.promise;
      return done('made');
    });
    const inFlight = world.send(call(1));
    for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));

    await cancelRun(world.runs, executions(), RUN_ID);
    running.resolve();

    expect(await inFlight).toMatchObject({ error: 'Maestro.Cancelled', facts: { outcome: 'done' } });
    expect(await world.send(call(2, { onError: 'continue' }))).toMatchObject({ error: 'Maestro.Cancelled' });
    expect(await world.statuses()).toEqual({ '0001': 'done', '0002': 'not_performed' });
    expect(await world.send(undo(1))).toEqual({ value: { step: 'step1', did: 'undone' } });
  });

  it('ends a run that was only queued, also when it begins all the same', async () => {
    const { runs, store } = records();
    await createRun(runs, { id: 'run_01JZZZZZZZZZZZZZZZZZZZZZZZ', workflow: 'order' });
    const acts = executions(true);

    expect(await cancelRun(runs, acts, 'run_01JZZZZZZZZZZZZZZZZZZZZZZZ')).toMatchObject({ ended: true });

    expect(acts.did).toEqual([]);
    const world = createWorld({ store });
    const run: RunRef = ['arn:aws:states:us-east-1:123456789012:execution:order:run_01JZZZZZZZZZZZZZZZZZZZZZZZ', RUN[1]];
    expect(await world.send(call(1, { run }))).toMatchObject({ error: 'Maestro.Cancelled' });
    await world.send({ v: 1, op: 'undo', run, step: 'step1', at: '0001', error: null });
    expect(await world.send({ v: 1, op: 'report', run, workflow: 'order', version: '1', error: null })).toMatchObject({
      value: { error: 'Maestro.Cancelled' },
    });
    expect(world.caller.requests).toEqual([]);
    expect((await findRun(runs, 'run_01JZZZZZZZZZZZZZZZZZZZZZZZ'))?.status).toBe('cancelled');
  });

  it('answers open tokens, cancels children, and stops an execution that sits in a Wait', async () => {
    const world = createWorld({ callbackUrl: (token) => `http://x/${token}` });
    await world.step(call(1, { token: 'token-1' }));
    await createCheckpointFunction({ runs: world.runs })({
      v: 1,
      op: 'checkpoint',
      run: RUN,
      step: 'ask',
      at: '0002',
      token: 'token-2',
      limit: 300_000,
      title: 'Ship?',
      allow: ['approve'],
      timeout: 60,
      onTimeout: 'fail',
    });
    const child = ref(7);
    await createRun(world.runs, {
      run: [child[0], child[1], { parent: { run: RUN_ID, at: '0003' } }],
      workflow: 'child',
      link: { parent: { run: RUN_ID, at: '0003' } },
    });
    expect(await world.runStatus()).toBe('waiting_checkpoint');
    const acts = executions(true);

    await cancelRun(world.runs, acts, RUN_ID);

    expect(acts.did).toEqual(['fail token-1 Maestro.Cancelled', 'fail token-2 Maestro.Cancelled', 'stop e-7', 'stop e-1']);
  });

  it('is refused when the run has ended, is being undone, or is not there', async () => {
    const world = createWorld();
    await world.step(call(1));
    const reason = async (id: string) =>
      cancelRun(world.runs, executions(), id).then(
        () => 'cancelled',
        (error: unknown) => (error instanceof CancelError ? error.reason : error),
      );

    expect(await reason('run_nowhere')).toBe('not_found');
    await world.send(undo(1));
    expect(await reason(RUN_ID)).toBe('undoing');
    await endRun(world.runs, await readRun(world.runs, RUN_ID), { status: 'compensated' });
    expect(await reason(RUN_ID)).toBe('ended');
  });

  it('by force lists what was owed and stops', async () => {
    const world = createWorld();
    await world.step(call(1));
    const acts = executions();

    expect(await forceCancel(world.runs, acts, RUN_ID)).toBe('compensation_failed');

    expect(acts.did).toEqual(['stop e-1']);
    expect((await readRun(world.runs, RUN_ID)).report).toMatchObject({ left: [{ step: 'step1' }] });
  });
});

describe('a callback', () => {
  const url = (world: World) => String(world.caller.requests[0]?.callbackUrl).slice('http://x/'.length);

  it('gives the service a URL, in the header and where the input asks for it, the same on every try', async () => {
    const world = createWorld({ callbackUrl: (token) => `http://x/${token}` });
    world.caller.answers('s1', { ...rejected, error: 'Maestro.ServiceUnavailable' }, done('accepted'));
    const message = call(1, {
      token: 't1',
      attempts: 2,
      timeout: 86_400_000,
      input: { hooks: [{ url: null }] },
      callbackAt: ['/hooks/0/url'],
    });
    await world.send(message);

    expect(await world.step({ ...message, attempt: 1, token: 't2' })).toBeNull();

    expect(world.caller.requests.map(({ callbackUrl }) => callbackUrl)).toEqual([`http://x/${url(world)}`, `http://x/${url(world)}`]);
    expect(world.caller.requests[1]).toMatchObject({ input: { hooks: [{ url: `http://x/${url(world)}` }] }, timeoutMs: 30_000 });
    expect(await world.statuses()).toEqual({ '0001': 'waiting' });
  });

  it('is recorded with its finished undo request before the token is answered, and counts once', async () => {
    const world = createWorld({ callbackUrl: (token) => `http://x/${token}` });
    const message = call(1, { token: 't1', select: ['/id'] });
    message.undo = { ...message.undo, input: { id: { $late: '$o.id & $o.more' } } } as unknown as NonNullable<typeof message.undo>;
    await world.step(message);

    expect(await completeCallback(world.runs, url(world), { ok: true, value: { id: 'p', more: 'q' } })).toEqual({
      ok: true,
      token: 't1',
      runId: RUN_ID,
      at: '0001',
      repeated: false,
      output: { id: 'p' },
    });
    expect(await completeCallback(world.runs, url(world), { ok: true, value: 'another' })).toEqual({
      ok: true,
      token: 't1',
      runId: RUN_ID,
      at: '0001',
      repeated: true,
      output: { id: 'p' },
    });
    expect((await listSteps(world.runs, RUN_ID)).map((step) => stepRecordSchema.parse(step))).toMatchObject([
      { state: 'done', undo: { input: { id: 'pq' } } },
    ]);
    expect(world.events.map(({ type }) => type)).toEqual(['run.started', 'step.started', 'step.completed']);
  });

  it('waits also where what the service said to the request cannot be used', async () => {
    const world = createWorld({ callbackUrl: (token) => `http://x/${token}` });
    world.caller.answers('s1', unusable);

    expect(await world.step(call(1, { token: 't1' }))).toBeNull();
    expect(await world.statuses()).toEqual({ '0001': 'waiting' });
  });

  it('may be answered before the request has been', async () => {
    const world = createWorld({ callbackUrl: (token) => `http://x/${token}` });
    world.caller.answers('s1', async (request) => {
      await completeCallback(world.runs, String(request.callbackUrl).slice('http://x/'.length), { ok: true, value: 'quick' });
      return done('accepted');
    });

    expect(await world.step(call(1, { token: 't1' }))).toBe('quick');
    expect(await world.statuses()).toEqual({ '0001': 'done' });
  });

  it('may say that it failed: then there is nothing to undo', async () => {
    const world = createWorld({ callbackUrl: (token) => `http://x/${token}` });
    await world.step(call(1, { token: 't1', stops: ['0009'], blocks: ['0009'] }));

    expect(
      await completeCallback(world.runs, url(world), { ok: false, error: 'Maestro.ServiceRejected', message: 'out of stock' }),
    ).toMatchObject({ ok: false, token: 't1', error: 'Maestro.ServiceRejected' });

    expect(await world.statuses()).toEqual({ '0001': 'not_performed' });
    expect(await world.send(call(2, { blocks: ['0009'] }))).toMatchObject({ error: 'Maestro.Stopped' });
  });

  it('is refused with any other token, and after its step has been undone', async () => {
    const world = createWorld({ callbackUrl: (token) => `http://x/${token}` });
    await world.step(call(1, { token: 't1' }));
    const reason = async (token: string) =>
      completeCallback(world.runs, token, { ok: true, value: 1 }).then(
        () => 'taken',
        (error: unknown) => (error instanceof CallbackError ? error.reason : error),
      );

    for (const token of ['', 'x', '..', `${RUN_ID}.0001.`, `${RUN_ID}.0001.wrong`, `${RUN_ID}.0002.secret1`, `run_other.0001.secret1`])
      expect(await reason(token)).toBe('unknown');
    await world.send({ ...call(3), at: '0003', token: 't3' });
    await world.send(undo(1));
    expect(await reason(url(world))).toBe('over');
    expect((await listSteps(world.runs, RUN_ID))[0]).toMatchObject({ state: 'done_late', undoState: 'unresolved' });
    expect(await readRun(world.runs, RUN_ID)).toMatchObject({ late: true });
    expect(callbackToken('r', { at: '1', callback: 's' } as never)).toBe('r.1.s');
  });

  it('fails as BadConfiguration where answers cannot be received', async () => {
    const world = createWorld();

    expect(await world.send(call(1, { token: 't1' }))).toMatchObject({ error: 'Maestro.BadConfiguration' });
    expect(world.caller.requests).toEqual([]);
  });
});
