import { describe, expect, it } from 'vitest';
import {
  createRecorder,
  type ExecutionStatusChange,
  type Recorder,
  type RecorderOptions,
  UndoError,
} from '../../functions/recorder/index.ts';
import type { Json } from '../../shared/json.ts';
import type { RawError, RunRef } from '../../shared/protocol/step-message.ts';
import { createRun, type DeadLetter, listOpenRuns, listSteps, readRun, readValue, requestCancel } from '../../shared/runs/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { killingStore } from '../step/killing-store.ts';
import { call, createWorld, done, outcomeOf, RUN, RUN_ID, rejected, report, START_MS, timedOut, undo, type World } from '../step/world.ts';

interface Setting extends World {
  recorder: Recorder;
  started: { machine: string; name: string; input: Json }[];
  letters: DeadLetter[];
  /** What the platform says of executions, by ARN. */
  described: Map<string, ExecutionStatusChange>;
  /** Another recorder on the same store. */
  recorderToo(options?: Partial<RecorderOptions>): Recorder;
  open(): Promise<string[]>;
  /** Runs the chain of the last undo that was started, as its machine would. */
  runUndo(places: number[]): Promise<void>;
}

function setting(options: Partial<RecorderOptions> = {}, store?: Store): Setting {
  const world = createWorld(store ? { store } : {});
  const started: Setting['started'] = [];
  const letters: DeadLetter[] = [];
  const described = new Map<string, ExecutionStatusChange>();
  const recorderToo = (more: Partial<RecorderOptions> = {}) =>
    createRecorder({
      runs: world.runs,
      executions: {
        start: async (machine, name, input) => {
          if (!started.some((other) => other.name === name)) started.push({ machine, name, input });
          return `arn:aws:states:us-east-1:123456789012:execution:${machine}:${name}`;
        },
        describe: async (arn) => described.get(arn),
      },
      notify: async (letter) => void letters.push(letter),
      ...options,
      ...more,
    });
  return {
    ...world,
    recorder: recorderToo(),
    recorderToo,
    started,
    letters,
    described,
    async open() {
      const ids: string[] = [];
      for await (const { run } of listOpenRuns(world.runs)) if (run) ids.push(run.id);
      return ids;
    },
    async runUndo(places) {
      const input = started.at(-1)?.input as unknown as { run: RunRef; error: RawError };
      for (const n of places) await world.send({ ...(undo(n, { error: input.error }) as object), run: input.run } as never);
      await world.send({ ...(report(input.error) as object), run: input.run } as never);
    },
  };
}

function change(status: ExecutionStatusChange['status'], more: Partial<ExecutionStatusChange> = {}): ExecutionStatusChange {
  return {
    executionArn: RUN[0],
    stateMachineArn: 'arn:aws:states:us-east-1:123456789012:stateMachine:order',
    name: 'e-1',
    status,
    startDate: START_MS,
    stopDate: null,
    input: '{"a":1}',
    output: null,
    error: null,
    cause: null,
    ...more,
  };
}

describe('the end of an execution', () => {
  it('completes its run with its output', async () => {
    const s = setting();
    await s.step(call(1));

    await s.recorder.onExecutionStatus(change('SUCCEEDED', { output: '{"ok":true}' }));
    await s.recorder.onExecutionStatus(change('SUCCEEDED', { output: '{"ok":true}' }));

    expect(await s.runStatus()).toBe('completed');
    expect(await readValue(s.runs, RUN_ID, 'OUTPUT')).toEqual({ ok: true });
    expect(s.events.filter(({ type }) => type === 'run.completed')).toHaveLength(1);
    expect(await s.open()).toEqual([]);
  });

  it('records an execution that no step has told of, with its input and its parent', async () => {
    const s = setting();
    const input = JSON.stringify({ a: 1, $maestro: { parent: { run: 'run_parent', at: '0002' }, deadline: START_MS + 1 } });

    await s.recorder.onExecutionStatus(change('RUNNING', { input }));

    expect(await readRun(s.runs, RUN_ID)).toMatchObject({
      status: 'running',
      workflow: 'order',
      link: { parent: { run: 'run_parent', at: '0002' } },
    });
    expect(await readValue(s.runs, RUN_ID, 'INPUT')).toEqual({ a: 1 });
    expect(await listSteps(s.runs, 'run_parent')).toMatchObject([{ at: '0002', state: 'child', child: RUN_ID }]);
  });

  it('fails its run where nothing is owed, and says which step failed', async () => {
    const s = setting();
    s.caller.answers('s1', rejected);
    await s.send(call(1));
    const cause = JSON.stringify({ status: 'failed', step: 'step1', message: 'no such item' });

    await s.recorder.onExecutionStatus(change('FAILED', { error: 'Maestro.ServiceRejected', cause }));

    expect(await readRun(s.runs, RUN_ID)).toMatchObject({
      status: 'failed',
      error: { step: 'step1', error: 'Maestro.ServiceRejected', message: 'no such item' },
    });
    expect(s.started).toEqual([]);
  });

  it('has nothing to add where the chain has reported', async () => {
    const s = setting();
    await s.step(call(1));
    await s.send(undo(1));
    await s.send(report());

    await s.recorder.onExecutionStatus(change('FAILED', { error: 'Maestro.ServiceRejected' }));

    expect(await s.runStatus()).toBe('compensated');
    expect(s.started).toEqual([]);
  });

  it('is a cancel where the run was cancelled before it had done anything', async () => {
    const s = setting();
    await s.recorder.onExecutionStatus(change('RUNNING'));
    await requestCancel(s.runs, RUN_ID);

    await s.recorder.onExecutionStatus(change('ABORTED', { error: 'Maestro.Cancelled' }));

    expect(await s.runStatus()).toBe('cancelled');
  });
});

describe('recovery', () => {
  it('undoes what an execution that was ended by the platform has left', async () => {
    const s = setting();
    await s.step(call(1));
    await s.step(call(2));

    await s.recorder.onExecutionStatus(change('TIMED_OUT'));

    expect(s.started).toEqual([
      {
        machine: 'order-undo',
        name: `${RUN_ID}-undo-1-1`,
        input: { run: [RUN[0], RUN[1]], error: { step: null, error: 'Maestro.TimedOut', cause: null } },
      },
    ]);
    expect(await s.runStatus()).toBe('compensating');
    await s.runUndo([2, 1]);
    expect(await s.runStatus()).toBe('compensated');
    expect(s.caller.keys()).toEqual(['0001 0', '0002 0', '0002/undo 0', '0001/undo 0']);
    await s.recorder.onExecutionStatus(
      change('SUCCEEDED', { stateMachineArn: 'arn:aws:states:us-east-1:123456789012:stateMachine:order-undo' }),
    );
    expect(await s.recorder.sweep(s.clock.now() + 3_600_000)).toEqual([]);
    expect(s.started).toHaveLength(1);
  });

  it('begins one undo when it is told twice and swept at once', async () => {
    const s = setting();
    await s.step(call(1));
    const end = change('ABORTED');

    await Promise.all([
      s.recorder.onExecutionStatus(end),
      s.recorderToo().onExecutionStatus(end),
      s.recorder.sweep(s.clock.now()),
      s.recorderToo().sweep(s.clock.now()),
    ]);

    await s.recorder.onExecutionStatus(end);
    await s.recorder.sweep(s.clock.now());

    expect(s.started).toHaveLength(1);
    expect(s.events.filter(({ type }) => type === 'compensation.started')).toHaveLength(1);
  });

  it('waits for a step that is at work, and undoes it with the rest when it ends', async () => {
    const s = setting();
    const running = Promise.withResolvers<void>();
    s.caller.answers('s1', async () => {
      await running.promise;
      return done('made');
    });
    const inFlight = s.step(call(1));
    for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
    await s.recorder.onExecutionStatus(change('ABORTED'));
    expect(s.started).toEqual([]);
    expect(await s.runStatus()).toBe('compensating');

    running.resolve();
    await outcomeOf(inFlight);
    await s.recorder.sweep(s.clock.now());

    expect(s.started).toHaveLength(1);
    await s.runUndo([1]);
    expect(await s.runStatus()).toBe('compensated');
  });

  it('seals a step whose process is gone when its lease has ended, and lists it', async () => {
    const s = setting();
    s.caller.answers('s1', () => new Promise(() => {}));
    void s.step(call(1));
    for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
    await s.recorder.onExecutionStatus(change('ABORTED'));
    await s.recorder.sweep(s.clock.now() + 1_000);
    expect(s.started).toEqual([]);

    s.clock.set(START_MS + 60_000);
    await s.recorder.sweep(s.clock.now());

    expect(await s.statuses()).toEqual({ '0001': 'unknown' });
    await s.runUndo([1]);
    expect(await s.runStatus()).toBe('compensation_failed');
    expect((await readRun(s.runs, RUN_ID)).report).toMatchObject({ unresolved: ['step1'] });
  });

  it('waits in place where it may, and not at all for a dead process where there is only one', async () => {
    const s = setting({ patienceMs: 60_000, sole: { instance: 'now' } });
    s.caller.answers('s1', () => new Promise(() => {}));
    void s.step(call(1));
    for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));

    await s.recorder.onExecutionStatus(change('ABORTED'));
    expect(s.clock.now()).toBe(START_MS);
    expect(s.started).toHaveLength(1);
  });

  it('undoes what a late writer has left after the report', async () => {
    const s = setting();
    const running = Promise.withResolvers<void>();
    s.caller.answers('s1', async () => {
      await running.promise;
      return done('late');
    });
    const late = s.step(call(1));
    for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
    s.clock.set(START_MS + 60_000);
    await s.recorder.onExecutionStatus(change('ABORTED'));
    await s.runUndo([1]);
    expect(await s.runStatus()).toBe('compensation_failed');

    running.resolve();
    await outcomeOf(late);
    expect(await s.statuses()).toEqual({ '0001': 'unresolved' });
    expect(await s.recorder.sweep(s.clock.now())).toEqual([RUN_ID]);
    await s.runUndo([1]);

    expect(s.caller.keys()).toEqual(['0001 0', '0001/undo 0']);
    expect(await s.runStatus()).toBe('compensated');
    await s.recorder.sweep(s.clock.now());
    expect(await s.open()).toEqual([]);
  });

  it('begins again when the undo itself dies, and gives up with a list in the end', async () => {
    const s = setting();
    await s.step(call(1));
    await s.recorder.onExecutionStatus(change('ABORTED'));

    for (let n = 0; n < 10; n++) {
      const { name, input } = s.started.at(-1) ?? { name: '', input: null };
      await s.recorder.onExecutionStatus(
        change('FAILED', {
          stateMachineArn: 'arn:aws:states:us-east-1:123456789012:stateMachine:order-undo',
          name,
          input: JSON.stringify(input),
        }),
      );
    }

    expect(s.started).toHaveLength(5);
    expect(await s.runStatus()).toBe('compensation_failed');
    expect(s.letters).toMatchObject([{ runId: RUN_ID, left: [{ step: 'step1', undo: { input: { n: 1 } } }] }]);
  });

  it('takes over an undo that gives no sign of life, but not one that only waits', async () => {
    const s = setting();
    await s.step(call(1));
    await s.send(undo(9));
    s.described.set(RUN[0], change('RUNNING'));
    await s.recorder.sweep(s.clock.now() + 3_600_000);
    expect(s.started).toEqual([]);

    s.described.set(RUN[0], change('ABORTED'));
    await s.recorder.sweep(s.clock.now() + 3_600_000);

    expect(s.started).toHaveLength(1);
  });

  it('finds by the sweep what no event has told, when the run is overdue', async () => {
    const s = setting();
    await s.step(call(1));
    s.described.set(RUN[0], change('FAILED', { error: 'States.Runtime' }));

    await s.recorder.sweep(START_MS + 350_000);
    expect(s.started).toEqual([]);
    await s.recorder.sweep(START_MS + 361_000);

    expect(s.started).toHaveLength(1);
    expect(await readRun(s.runs, RUN_ID)).toMatchObject({ error: { error: 'States.Runtime' } });
  });

  it('asks after a run also long before its deadline, each time that its age has doubled', async () => {
    const s = setting();
    await s.step(call(1, { limit: 86_400_000 }));
    const asked: number[] = [];
    let minute = 1;
    s.described.get = () => void asked.push(minute);

    for (; minute <= 70; minute++) await s.recorder.sweep(START_MS + minute * 60_000);

    expect(asked).toEqual([2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65]);
  });

  it('takes a run for lost that cannot be asked about', async () => {
    const s = setting();
    await s.step(call(1));

    await s.recorder.sweep(START_MS + 300_000 + 11 * 60_000);

    expect(s.started).toMatchObject([{ input: { error: { error: 'Maestro.Lost' } } }]);
  });

  it('never takes a run for lost that has no deadline and cannot be asked about', async () => {
    const s = setting();
    await s.recorder.onExecutionStatus(change('RUNNING'));

    expect(await s.recorder.sweep(START_MS + 365 * 86_400_000)).toEqual([]);
    expect(await s.runStatus()).toBe('running');
  });

  it('goes on when it died between its claim and the start of the undo', async () => {
    const s = setting();
    await s.step(call(1));
    const dying = s.recorderToo({ executions: { start: () => Promise.reject(new Error('killed')) } });
    await expect(dying.onExecutionStatus(change('ABORTED'))).rejects.toThrow('killed');
    await expect(dying.sweep(s.clock.now())).rejects.toThrow('1 runs could not be dealt with');

    expect(await s.recorder.sweep(s.clock.now())).toEqual([RUN_ID]);
    expect(s.started).toHaveLength(1);
  });

  it('leaves runs that go on, or have ended well, alone', async () => {
    const s = setting();
    await s.step(call(1));
    const other: RunRef = ['arn:aws:states:us-east-1:123456789012:execution:order:e-2', RUN[1]];
    await createRun(s.runs, { run: other, workflow: 'order', deadlineMs: START_MS + 3_600_000 });

    expect(await s.recorder.sweep(START_MS + 60_000)).toEqual([]);
    expect(s.started).toEqual([]);
    expect(await s.open()).toHaveLength(2);
  });
});

describe('undoing again', () => {
  it('calls the undos that failed, and no other', async () => {
    const s = setting();
    s.caller.answers('u2', rejected, done(null));
    s.caller.answers('s3', timedOut);
    await s.step(call(1));
    await s.step(call(2));
    await s.recorder.onExecutionStatus(change('ABORTED'));
    await s.runUndo([2, 1]);
    expect(await s.runStatus()).toBe('compensation_failed');

    await s.recorder.undoAgain(RUN_ID);
    await s.runUndo([2, 1]);

    expect(s.caller.keys().slice(2)).toEqual(['0002/undo 0', '0001/undo 0', '0002/undo 0']);
    expect(await s.runStatus()).toBe('compensated');
    expect(await s.open()).toEqual([]);
  });

  it('is refused where there is nothing to undo, or it is not the time', async () => {
    const s = setting();
    const reason = async (id: string) =>
      s.recorder.undoAgain(id).then(
        () => 'begun',
        (error: unknown) => (error instanceof UndoError ? error.reason : error),
      );
    expect(await reason('run_nowhere')).toBe('not_found');
    await s.step(call(1));
    expect(await reason(RUN_ID)).toBe('running');
    await s.recorder.onExecutionStatus(change('ABORTED'));
    expect(await reason(RUN_ID)).toBe('undoing');
    await s.runUndo([1]);
    expect(await reason(RUN_ID)).toBe('nothing');
  });
});

describe('a recorder that is killed', () => {
  it('at any point has its work done by the next sweep: one undo at a time, and the run ends', async () => {
    let kills = 0;
    for (let killAt = 0; killAt < 40; killAt++) {
      const killing = killingStore(createSqliteStore(openDatabase({ path: ':memory:' })));
      const s = setting({}, killing.store);
      await s.step(call(1));
      await s.step(call(2));
      killing.arm(killAt);
      await s.recorder.onExecutionStatus(change('ABORTED')).catch(() => kills++);
      await s.recorder.sweep(s.clock.now()).catch(() => {});
      killing.arm(Number.POSITIVE_INFINITY);

      // Told again, as EventBridge does when the function failed; or not, and then the sweep finds the run overdue.
      if (killAt % 2 === 0) await s.recorderToo().onExecutionStatus(change('ABORTED'));
      s.described.set(RUN[0], change('ABORTED'));
      await s.recorderToo().sweep(s.clock.now() + 400_000);

      expect(new Set(s.started.map(({ name }) => name)).size, `killed at ${killAt}`).toBe(1);
      await s.runUndo([2, 1]);
      expect(await s.runStatus()).toBe('compensated');
      await s.recorderToo().sweep(s.clock.now() + 4_000_000);
      expect(await s.open()).toEqual([]);
      expect(s.events.filter(({ type }) => type === 'compensation.started').length).toBeLessThanOrEqual(1);
      expect(s.caller.keys()).toEqual(['0001 0', '0002 0', '0002/undo 0', '0001/undo 0']);
    }
    expect(kills).toBeGreaterThan(3);
  });
});
