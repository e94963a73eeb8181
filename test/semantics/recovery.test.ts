// Runs whose state machine ended from outside, with none of its own states to undo them: the record says what is owed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createRecorder, type ExecutionStatusChange, type Recorder } from '../../functions/recorder/index.ts';
import { machineArn, type Registration } from '../../local/runtime/index.ts';
import { isJsonObject, type JsonObject } from '../../shared/json.ts';
import { stepKey } from '../../shared/runs/index.ts';
import type { FlatRun } from '../support/flat-run.ts';
import { createWorld, executionOf, lost, ok, refused, rejected, START_MS, type World, type WorldOptions } from './world.ts';

let world: World;

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(() => world.close());

function file(name: string, steps: string, timeout = '10m'): string {
  return `name: ${name}\nversion: "1"\ntimeout: ${timeout}
services:
  s: { type: http, endpoint: "http://s", timeout: 30s, breaker: false }
steps:
${steps}`;
}

const FIRST = '  - { id: first, service: s, method: /first, compensate: { method: /undo } }\n';
const SECOND = '  - { id: second, service: s, method: /second, compensate: { method: /undo } }\n';
const PAUSE = '  - { id: pause, wait: 5m }\n';
const LAST = '  - { id: last, service: s, method: /last, compensate: { method: /undo } }\n';

/** Calls of these steps take this long. */
function taking(times: { [step: string]: number }): WorldOptions {
  return { mock: ({ step, kind }) => (kind === 'do' && times[step] !== undefined ? ok({}, times[step]) : undefined) };
}

async function stop(executionArn: string): Promise<void> {
  await world.drive(world.runtime.engine.stopExecution({ executionArn, error: 'Stopped', cause: 'by hand' }));
}

/** Starts a run, stops its execution by hand at `ms`, and waits for its end. */
async function stoppedAt(ms: number): Promise<FlatRun> {
  const id = await world.start();
  await world.pass(ms);
  await stop(await executionOf(world, id));
  return world.end(id);
}

/** Nothing more is done about a run, however often it is swept. */
async function expectOver(run: FlatRun): Promise<void> {
  const calls = world.log();
  const { status, report = null } = await world.record(run.id);
  await world.pass(4 * 3_600_000);
  expect(world.log()).toEqual(calls);
  const after = await world.record(run.id);
  expect([after.status, after.report ?? null]).toEqual([status, report]);
}

/** The execution that undoes a run; by default its first. */
function undoExecution(name: string, runId: string, round = 1, start = 1): string {
  return `${machineArn(`${name}-undo`).replace(':stateMachine:', ':execution:')}:${runId}-undo-${round}-${start}`;
}

/** Sets fields of a state, wherever it is in a definition. */
function editState(definition: JsonObject, name: string, set: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(definition), (key, value: unknown) =>
    key === name && typeof value === 'object' && value !== null ? { ...value, ...set } : value,
  ) as JsonObject;
}

describe('a state machine that was stopped by hand', () => {
  test('in a wait is recovered: what was done is undone once, in order, and the run is not called cancelled', async () => {
    await open(file('stopped', FIRST + SECOND + PAUSE + LAST));
    const run = await stoppedAt(10_000);
    expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'], left: [], unresolved: [], cancel_requested: false });
    expect(run.error).toMatchObject({ step: null, error: 'Stopped' });
    expect(world.log()).toEqual(['first', 'second', 'undo second', 'undo first']);
    await expectOver(run);
  });

  test('without a reason is told as Maestro.Aborted', async () => {
    await open(file('noreason', FIRST + PAUSE));
    const id = await world.start();
    await world.pass(1_000);
    await world.drive(world.runtime.engine.stopExecution({ executionArn: await executionOf(world, id) }));
    expect((await world.end(id)).error).toMatchObject({ step: null, error: 'Maestro.Aborted' });
  });

  test('with nothing done is failed, and no undo is begun', async () => {
    await open(file('nothing', PAUSE + LAST));
    const run = await stoppedAt(10_000);
    expect(run).toMatchObject({ status: 'failed', undone: [] });
    expect(world.log()).toEqual([]);
    await expectOver(run);
  });

  test('with a call in flight waits for its end, and undoes it with the rest', async () => {
    await open(file('inflight', FIRST + SECOND + LAST), taking({ second: 20_000 }));
    const run = await stoppedAt(5_000);
    expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'], unresolved: [] });
    expect(world.log()).toEqual(['first', 'second', 'undo second', 'undo first']);
    expect(world.calls[2]?.atMs).toBeGreaterThanOrEqual(20_000);
    await expectOver(run);
  });

  test('with a call in flight that then proves not to have been performed undoes only the rest', async () => {
    await open(file('inflightno', FIRST + SECOND + LAST), { mock: ({ step }) => (step === 'second' ? refused(20_000) : undefined) });
    const run = await stoppedAt(5_000);
    expect(run).toMatchObject({ status: 'compensated', undone: ['first'], unresolved: [] });
    await expectOver(run);
  });

  test('with a call in flight whose end nobody learns lists it', async () => {
    await open(file('inflightdoubt', FIRST + SECOND + LAST), { mock: ({ step }) => (step === 'second' ? lost(20_000) : undefined) });
    const run = await stoppedAt(5_000);
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['first'], unresolved: ['second'] });
    await expectOver(run);
  });

  test('between two tries makes no other one, and undoes what is known', async () => {
    const retried = SECOND.replace('/second,', '/second, retry: { attempts: 5, backoff: constant, initial: 20s },');
    await open(file('between', FIRST + retried + LAST), { mock: ({ step }) => (step === 'second' ? refused(1_000) : undefined) });
    const run = await stoppedAt(5_000);
    expect(run).toMatchObject({ status: 'compensated', undone: ['first'] });
    expect(world.log()).toEqual(['first', 'second', 'undo first']);
    await expectOver(run);
  });

  test('in a block undoes items and branches in the order of the contract', async () => {
    await open(
      file(
        'blocks',
        `${FIRST}
  - id: fan
    parallel:
      - steps:
          - { id: a1, service: s, method: /a1, compensate: { method: /undo } }
          - { id: a2, service: s, method: /a2, compensate: { method: /undo } }
      - id: each
        foreach: "{{ range(0, 11) }}"
        steps:
          - { id: i1, service: s, method: /i1, compensate: { method: /undo } }
          - { id: hold, wait: 5m }
`,
      ),
    );
    const run = await stoppedAt(10_000);
    expect(run.status).toBe('compensated');
    const items = [...new Set(world.log().filter((name) => name.startsWith('i1')))].toSorted(
      (a, b) => Number(b.slice(3, -1)) - Number(a.slice(3, -1)),
    );
    expect(items).toHaveLength(10);
    expect(world.undos()).toEqual([...items, 'a2', 'a1', 'first']);
    await expectOver(run);
  });

  test('at a checkpoint is recovered', async () => {
    await open(file('asks', `${FIRST}  - { id: ask, checkpoint: { title: "ok?", timeout: 5m } }\n${LAST}`));
    const run = await stoppedAt(10_000);
    expect(run).toMatchObject({ status: 'compensated', undone: ['first'] });
    expect(world.log()).toEqual(['first', 'undo first']);
    await expectOver(run);
  });

  test('while a callback is waited for seals that step as unknown; an answer that comes later is late, and undone', async () => {
    const urls: string[] = [];
    await open(
      file(
        'callback',
        `${FIRST}  - { id: ask, service: s, method: /ask, await: callback, timeout: 5m, output: got, compensate: { method: /undo, input: { id: "{{ .got.id }}" } } }\n`,
      ),
      {
        mock: ({ step, request }) => {
          if (step === 'ask' && request.callbackUrl) urls.push(request.callbackUrl);
          return undefined;
        },
      },
    );
    const run = await stoppedAt(10_000);
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['first'], unresolved: ['ask'] });
    const token = urls[0]?.split('/').at(-1) ?? '';
    await world.refusal(() => world.runtime.answerCallback(token, { id: 9 }));
    expect((await world.step(run.id, 'ask')).state).toBe('done_late');
    await world.pass(180_000);
    expect(await world.get(run.id)).toMatchObject({ status: 'compensated', undone: ['ask', 'first'], unresolved: [] });
    expect(world.log()).toEqual(['first', 'ask', 'undo first', 'undo ask']);
    expect(world.calls.at(-1)).toMatchObject({ input: { id: 9 } });
    await expectOver(await world.get(run.id));
  });

  test('while it was undoing itself is undone to the end, and nothing is undone twice', async () => {
    await open(file('undoing', `${FIRST + SECOND + LAST}  - { id: bad, service: s, method: /bad }\n`), {
      mock: ({ step, kind }) => (step === 'bad' ? rejected() : kind === 'undo' ? ok(null, 20_000) : undefined),
    });
    const run = await stoppedAt(25_000);
    expect(run).toMatchObject({ status: 'compensated', undone: ['last', 'second', 'first'] });
    expect(run.error).toMatchObject({ step: 'bad', error: 'Maestro.ServiceRejected' });
    expect(world.undos()).toEqual(['last', 'second', 'first']);
    await expectOver(run);
  });

  test('whose undo machine is stopped too is undone to the end by another one', async () => {
    await open(file('twice', FIRST + SECOND + LAST + PAUSE), { mock: ({ kind }) => (kind === 'undo' ? ok(null, 20_000) : undefined) });
    const id = await world.start();
    await world.pass(1_000);
    await stop(await executionOf(world, id));
    await world.pass(25_000);
    expect(world.undos()).toEqual(['last', 'second']);
    await stop(undoExecution('twice', id));
    const run = await world.end(id);
    expect(run).toMatchObject({ status: 'compensated', undone: ['last', 'second', 'first'] });
    expect(world.undos()).toEqual(['last', 'second', 'first']);
    await expectOver(run);
  });

  test('whose undo machines are all stopped is given up after five, with what is left', async () => {
    await open(file('stubborn', FIRST + PAUSE), { mock: ({ kind }) => (kind === 'undo' ? lost(29_000) : undefined) });
    const id = await world.start();
    await world.pass(1_000);
    await stop(await executionOf(world, id));
    for (let start = 1; start <= 5; start++) {
      await world.pass(5_000);
      await stop(undoExecution('stubborn', id, 1, start));
    }
    const run = await world.end(id);
    expect(run).toMatchObject({ status: 'compensation_failed', undone: [], left: [{ step: 'first' }] });
    expect(run.error?.error).toBe('Stopped');
    await expectOver(run);
  });
});

describe('a sub-workflow', () => {
  const child = file(
    'child',
    '  - { id: c1, service: s, method: /c1, compensate: { method: /undo } }\n  - { id: c2, service: s, method: /c2, compensate: { method: /undo } }\n  - { id: hold, wait: 5m }\n',
  );
  const parent = file('parent', `${FIRST}  - { id: sub, workflow: child }\n${LAST}`, '30m');

  test('whose parent is stopped is cancelled, undone, and waited for in its place', async () => {
    await open([parent, child], taking({ c2: 10_000 }));
    const run = await stoppedAt(5_000);
    expect(world.log()).toEqual(['first', 'c1', 'c2', 'undo c2', 'undo c1', 'undo first']);
    expect(run.status).toBe('compensated');
    await expectOver(run);
  });

  test('whose parent is stopped while it waits is cancelled at once', async () => {
    await open([parent, child]);
    const run = await stoppedAt(5_000);
    expect(world.undos()).toEqual(['c2', 'c1', 'first']);
    expect(Date.parse(run.completed_at ?? '') - START_MS).toBeLessThan(200_000);
    await expectOver(run);
  });

  test('that is stopped itself undoes what it did, and its parent goes on undoing once it has', async () => {
    await open([parent, child], { mock: ({ kind }) => (kind === 'undo' ? ok(null, 5_000) : undefined) });
    const id = await world.start();
    await world.pass(5_000);
    const [sub] = (await world.runtime.list({ limit: 10 })).data.filter(({ workflow }) => workflow === 'child');
    await stop(await executionOf(world, sub?.id ?? ''));
    const run = await world.end(id);
    expect(world.log()).toEqual(['first', 'c1', 'c2', 'undo c2', 'undo c1', 'undo first']);
    expect(run).toMatchObject({ status: 'compensated' });
    expect(run.error?.step).toBe('sub');
    await expectOver(run);
  });
});

describe('a state machine that the platform ended', () => {
  test('by its own backstop is recovered as timed out, also with a call in flight', async () => {
    const edit = (plain: Registration): Registration => ({
      ...plain,
      definition: { ...plain.definition, TimeoutSeconds: 15 } as Registration['definition'],
    });
    await open(file('backstop', FIRST + SECOND + LAST), { edit, ...taking({ second: 25_000 }) });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
    expect(run.error).toMatchObject({ step: null, error: 'Maestro.TimedOut' });
    expect(world.undos()).toEqual(['second', 'first']);
    await expectOver(run);
  });

  test('in a state that cannot catch is recovered', async () => {
    const steps = `${FIRST + SECOND}  - id: choose
    switch:
      - when: .input.x == 1
        steps:
          - { id: one, service: s, method: /one }
      - steps:
          - { id: two, service: s, method: /two }
${LAST}`;
    const edit = (plain: Registration): Registration => ({
      ...plain,
      definition: editState(plain.definition as unknown as JsonObject, 'choose', {
        Choices: [{ Condition: "{% $number('no number') = 1 %}", Next: 'one' }],
      }) as unknown as Registration['definition'],
    });
    await open(file('choice', steps), { edit });
    const run = await world.run();
    expect(world.runtime.engine.describeExecution(await executionOf(world, run.id))).toMatchObject({
      status: 'FAILED',
      error: 'States.QueryEvaluationError',
    });
    expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
    expect(run.error?.error).toBe('States.QueryEvaluationError');
    expect(world.undos()).toEqual(['second', 'first']);
    await expectOver(run);
  });
});

describe('a step that somebody is at work on longer than its lease', () => {
  /** As if the function had been frozen: its lease is over, and yet it goes on. */
  async function freeze(id: string, step: string): Promise<void> {
    const { at } = await world.step(id, step);
    await world.runtime.runs.store.update(stepKey(id, at), { set: { leaseUntilMs: world.clock.now() } }, { present: true });
  }

  async function run(second: string, reply: ReturnType<typeof ok>): Promise<FlatRun> {
    await open(file('frozen', FIRST + second + LAST), {
      mock: ({ step, kind }) => (step === 'second' && kind === 'do' ? reply : undefined),
    });
    const id = await world.start();
    await world.pass(1_000);
    await freeze(id, 'second');
    await stop(await executionOf(world, id));
    return world.end(id);
  }

  const NAMED = SECOND.replace(
    'compensate: { method: /undo }',
    'output: made, compensate: { method: /undo, input: { id: "{{ .made.id }}" } }',
  );

  test('is sealed as unknown; its end is then late, and what it did is undone by the sweep', async () => {
    const before = await run(NAMED, ok({ id: 4 }, 20_000));
    expect(before).toMatchObject({ status: 'compensation_failed', undone: ['first'], unresolved: ['second'] });
    expect(await world.step(before.id, 'second')).toMatchObject({ state: 'unknown', sealed: true });
    await world.pass(30_000);
    expect((await world.step(before.id, 'second')).state).toBe('done_late');
    await world.pass(180_000);
    const after = await world.get(before.id);
    expect(after).toMatchObject({ status: 'compensated', undone: ['second', 'first'], unresolved: [] });
    expect(world.log()).toEqual(['first', 'second', 'undo first', 'undo second']);
    expect(world.calls.at(-1)).toMatchObject({ input: { id: 4 } });
    await expectOver(after);
  });

  test('that failed in the end without being performed stays listed, and nothing is called', async () => {
    const before = await run(SECOND, refused(20_000));
    await world.pass(300_000);
    expect(await world.get(before.id)).toMatchObject({ status: 'compensation_failed', unresolved: ['second'] });
    expect(world.undos()).toEqual(['first']);
  });

  test('that may be undone on a doubt was undone: its late end is not undone again', async () => {
    const before = await run(SECOND.replace('{ method: /undo }', '{ method: /undo, on_unknown: true }'), ok({}, 20_000));
    expect(before).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
    const early = world.log();
    expect(early).toEqual(['first', 'second', 'undo second', 'undo first']);
    await world.pass(600_000);
    expect(world.log()).toEqual(early);
    expect(await world.get(before.id)).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
    await expectOver(await world.get(before.id));
  });

  test('whose undo on a doubt failed is undone by the sweep once it is known what it made', async () => {
    const named = NAMED.replace('} }', '}, on_unknown: true }');
    await open(file('known', FIRST + named + LAST), {
      mock: ({ step, kind, input }) => {
        if (step !== 'second') return undefined;
        if (kind === 'do') return ok({ id: 4 }, 20_000);
        return isJsonObject(input) && input['id'] === 4 ? ok(null) : rejected('which one?');
      },
    });
    const id = await world.start();
    await world.pass(1_000);
    await freeze(id, 'second');
    await stop(await executionOf(world, id));
    expect(await world.end(id)).toMatchObject({
      status: 'compensation_failed',
      undone: ['first'],
      left: [{ step: 'second', message: expect.stringContaining('which one?') }],
    });
    await world.pass(20_000);
    expect(await world.step(id, 'second')).toMatchObject({ state: 'done_late', undoFailure: { error: 'Maestro.ServiceRejected' } });
    await world.pass(180_000);
    const after = await world.get(id);
    expect(after).toMatchObject({ status: 'compensated', undone: ['second', 'first'], left: [] });
    expect(world.log()).toEqual(['first', 'second', 'undo second', 'undo first', 'undo second']);
    await expectOver(after);
  });
});

describe('an end that nobody was told of', () => {
  /** Ends an execution in the moment in which the process closes: it is on record, and its event is lost. */
  async function lose(act: (id: string) => Promise<void>, files: string, folder: string, options: WorldOptions = {}): Promise<string> {
    await open(files, { dataFolder: folder, ...options });
    const id = await world.start();
    await world.pass(10_000);
    const arn = await executionOf(world, id);
    const closing = world.runtime.close();
    await world.runtime.engine.stopExecution({ executionArn: arn, error: 'Stopped', cause: 'by hand' });
    await act(id);
    world.clock.dropTimers();
    await closing;
    return id;
  }

  async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'maestro-recovery-'));
    try {
      await body(folder);
    } finally {
      await world.close();
      await rm(folder, { recursive: true, force: true });
    }
  }

  const files = file('lost', FIRST + SECOND + PAUSE + LAST);

  test('is found by the sweep, a minute after the deadline at the latest', async () => {
    await inFolder(async (folder) => {
      const id = await lose(async () => {}, files, folder);
      await open(files, { dataFolder: folder, generation: 2, startMs: START_MS + 20_000 });
      expect((await world.record(id)).status).toBe('running');
      const run = await world.end(id);
      expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
      expect(Date.parse(run.completed_at ?? '') - START_MS).toBeLessThanOrEqual(600_000 + 120_000);
      expect(world.log()).toEqual(['undo second', 'undo first']);
      await expectOver(run);
    });
  });

  test('is found at once by a process that takes up what an earlier one left', async () => {
    await inFolder(async (folder) => {
      const id = await lose(async () => {}, files, folder);
      await open(files, { dataFolder: folder, generation: 2, startMs: START_MS + 20_000 });
      expect(await world.drive(world.runtime.recover())).toMatchObject([{ runId: id, workflow: 'lost' }]);
      const run = await world.end(id);
      expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
      expect(Date.parse(run.completed_at ?? '') - START_MS).toBe(20_000);
      expect(world.log()).toEqual(['undo second', 'undo first']);
      await expectOver(run);
    });
  });
});

describe('two recoveries at once', () => {
  /** Another recorder over the same records and executions, as another container would have. */
  function recorder(started: string[] = []): Recorder {
    const { engine, runs } = world.runtime;
    return createRecorder({
      runs,
      executions: {
        async start(machine, name, input) {
          started.push(name);
          try {
            return (await engine.startExecution({ stateMachineArn: machineArn(machine), name, input: { value: input } })).executionArn;
          } catch (error) {
            if (!(error instanceof Error && error.name === 'ExecutionAlreadyExists')) throw error;
            return `${machineArn(machine).replace(':stateMachine:', ':execution:')}:${name}`;
          }
        },
        describe: async (arn) => engine.describeExecution(arn) satisfies ExecutionStatusChange,
      },
    });
  }

  test('do nothing twice: told and swept by three at the same moment, every undo is called once', async () => {
    await open(file('three', FIRST + SECOND + PAUSE), { mock: ({ kind }) => (kind === 'undo' ? ok(null, 3_000) : undefined) });
    const id = await world.start();
    await world.pass(1_000);
    const arn = await executionOf(world, id);
    const [one, two] = [recorder(), recorder()];
    await world.drive(
      (async () => {
        await world.runtime.engine.stopExecution({ executionArn: arn, error: 'Stopped', cause: 'by hand' });
        const change = world.runtime.engine.describeExecution(arn);
        await Promise.all([
          one.onExecutionStatus(change),
          two.onExecutionStatus(change),
          one.sweep(world.clock.now()),
          two.sweep(world.clock.now()),
          two.onExecutionStatus(change),
        ]);
      })(),
    );
    const run = await world.end(id);
    expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
    expect(world.undos()).toEqual(['second', 'first']);
    expect((await world.record(id))['undoStarts']).toBe(1);
    await expectOver(run);
  });

  test('while a step is in flight agree on one undo, begun when the step has ended', async () => {
    await open(file('flight', FIRST + SECOND + LAST), {
      mock: ({ step, kind }) => (kind === 'do' && step === 'second' ? ok({}, 25_000) : ok(null, 2_000)),
    });
    const id = await world.start();
    await world.pass(5_000);
    const arn = await executionOf(world, id);
    await stop(arn);
    const change = world.runtime.engine.describeExecution(arn);
    const others = [recorder(), recorder(), recorder()];
    for (const ms of [1_000, 15_000, 25_000, 26_000, 27_000, 30_000, 120_000, 1_300_000])
      world.at(5_000 + ms, () => Promise.all(others.flatMap((one) => [one.sweep(world.clock.now()), one.onExecutionStatus(change)])));
    const run = await world.end(id);
    expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
    expect(world.undos()).toEqual(['second', 'first']);
    await expectOver(run);
  });

  test('told of the end of the run’s own chain after its report do nothing', async () => {
    await open(file('own', `${FIRST}  - { id: bad, service: s, method: /bad }\n`), {
      mock: ({ step }) => (step === 'bad' ? rejected() : undefined),
    });
    const run = await world.run();
    const started: string[] = [];
    const late = recorder(started);
    const change = world.runtime.engine.describeExecution(await executionOf(world, run.id));
    await world.drive(Promise.all([late.onExecutionStatus(change), late.onExecutionStatus(change), late.sweep(world.clock.now())]));
    expect(started).toEqual([]);
    await expectOver(run);
    expect(world.undos()).toEqual(['first']);
  });
});
