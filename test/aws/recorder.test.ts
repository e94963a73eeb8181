// What the recorder does with a minute: it ends in time, whatever there is to do, and comes to every run within a few minutes.

import { describe, expect, it } from 'vitest';
import { createRecorder, type ExecutionStatusChange } from '../../functions/recorder/index.ts';
import { createRecorderFunction, type MinutePart, type RecorderFunctionOptions } from '../../functions/recorder/recorder-function.ts';
import { completeChange, parseStatusDetail } from '../../functions/recorder/status-event.ts';
import { createRun, createRuns, findRun, type Runs } from '../../shared/runs/index.ts';
import { openDatabase } from '../../shared/store/database.ts';
import { createSqliteStore } from '../../shared/store/sqlite/index.ts';
import { START, type VirtualClock, virtualClock } from '../engine/support.ts';
import { minuteEvent, statusEvent } from './world.ts';

const MACHINE = 'arn:aws:states:us-east-1:123456789012:stateMachine:order';

function open(): { runs: Runs; clock: VirtualClock; pass(ms: number): void } {
  const clock = virtualClock();
  const blobs = { put: async () => {}, get: async () => undefined };
  const runs = createRuns({ store: createSqliteStore(openDatabase({ path: ':memory:' })), blobs, clock });
  return {
    runs,
    clock,
    pass(ms) {
      clock.setTimer(ms, () => {});
      clock.next();
    },
  };
}

const idOf = (index: number): string => `run_01J9ZQ3V7M8N4K2T6Y5X1W${String(index).padStart(4, '0')}`;

function changeOf(id: string, more: Partial<ExecutionStatusChange> = {}): ExecutionStatusChange {
  const executionArn = `${MACHINE.replace('stateMachine', 'execution')}:${id}`;
  const ended = { status: 'SUCCEEDED', stopDate: START + 1_000, output: '{}' } as const;
  return { executionArn, stateMachineArn: MACHINE, name: id, startDate: START, input: '{}', error: null, cause: null, ...ended, ...more };
}

describe('a minute', () => {
  function recorderOf(
    world: ReturnType<typeof open>,
    more: Partial<RecorderFunctionOptions> & { asked: string[]; failures: MinutePart[] },
  ) {
    const { runs, pass } = world;
    const recorder = createRecorder({
      runs,
      executions: {
        start: async () => undefined,
        // Each question takes a second, as it does when Step Functions is asked too often.
        async describe(executionArn) {
          more.asked.push(executionArn);
          pass(1_000);
          return undefined;
        },
      },
    });
    return createRecorderFunction({
      runs,
      recorder,
      service: { sweep: async () => {} },
      audit: { signHeads: async () => 0 },
      describe: async () => undefined,
      catalog: { nameOf: async () => 'order' },
      isUndoMachine: async () => false,
      onRecovered: () => {},
      onFailure: (part) => void more.failures.push(part),
      ...more,
    });
  }

  it('looks at no further run when its time is up, and begins elsewhere the next time, until it has come to all', async () => {
    const world = open();
    // Overdue by more than a minute, and by less than what makes an execution count as lost.
    const deadlineMs = START;
    for (let index = 0; index < 40; index++) {
      const id = idOf(index);
      await createRun(world.runs, { run: [changeOf(id).executionArn, new Date(START).toISOString()], workflow: 'order', deadlineMs });
    }
    world.pass(90_000);
    const asked: string[] = [];
    const failures: MinutePart[] = [];
    const work = recorderOf(world, { asked, failures });

    await work(minuteEvent(), 25_000);

    expect(asked).toHaveLength(15);
    expect(failures).toEqual(['audit heads']);
    const seen = new Set(asked);
    for (let minute = 0; minute < 5; minute++) {
      world.pass(60_000);
      await work(minuteEvent(), 25_000);
      for (const arn of asked) seen.add(arn);
    }
    expect(seen.size).toBe(40);
  });

  it('gives each of its parts a turn when another fails', async () => {
    const world = open();
    const failures: MinutePart[] = [];
    let signed = 0;
    const work = recorderOf(world, {
      asked: [],
      failures,
      service: {
        async sweep() {
          throw new Error('the table does not answer');
        },
      },
      audit: { signHeads: async () => ++signed },
    });
    await work(minuteEvent(), 60_000);
    expect(failures).toEqual(['sweep of starts and answers']);
    expect(signed).toBe(1);
  });
});

describe('a status event', () => {
  const never = async (): Promise<never> => {
    throw new Error('asked for');
  };

  it('that has everything is taken as it is', async () => {
    const { startTime: _none, ...change } = changeOf('run_1');
    expect(await completeChange(parseStatusDetail(statusEvent({ ...change, status: 'SUCCEEDED', input: '{}' }, 1).detail), never)).toEqual(
      change,
    );
  });

  it.each([
    ['its input was too large', { input: null, inputDetails: { included: false } }],
    ['its output was too large', { output: null, outputDetails: { included: false } }],
    [
      'it failed, and says nothing of the error',
      { status: 'FAILED', output: null, outputDetails: null, error: undefined, cause: undefined },
    ],
  ])('is completed where %s', async (_, left) => {
    const told = changeOf('run_1', { output: '{"n":1}', input: '{"m":2}' });
    const { detail } = statusEvent({ ...told, status: 'SUCCEEDED', input: '{"m":2}' }, 1);
    const event: { [field: string]: unknown } = { ...detail, ...left };
    const change = await completeChange(parseStatusDetail(event), async () => ({ ...told, error: 'E', startTime: 'as the states see it' }));
    expect(change).toMatchObject({
      input: '{"m":2}',
      output: '{"n":1}',
      error: 'E',
      status: event.status,
      startTime: 'as the states see it',
    });
  });

  it('of an execution that is gone is taken as far as it goes', async () => {
    const { detail } = statusEvent({ ...changeOf('run_1'), status: 'ABORTED', input: '{}' }, 1);
    const change = await completeChange(parseStatusDetail({ ...detail, input: null }), async () => undefined);
    expect(change).toMatchObject({ status: 'ABORTED', input: null, executionArn: changeOf('run_1').executionArn });
  });

  it('of a run on record counts also when its workflow is not deployed any more', async () => {
    const world = open();
    const { runs } = world;
    const id = idOf(1);
    await createRun(runs, { run: [changeOf(id).executionArn, new Date(START).toISOString()], workflow: 'order' });
    const recorder = createRecorder({ runs, executions: { start: async () => undefined } });
    const work = createRecorderFunction({
      runs,
      recorder,
      service: { sweep: async () => {} },
      audit: { signHeads: async () => 0 },
      describe: async () => undefined,
      catalog: { nameOf: async () => undefined },
      isUndoMachine: async () => false,
      onRecovered: () => {},
      onFailure: () => {},
    });
    await work(statusEvent({ ...changeOf(id), status: 'SUCCEEDED', input: '{}' }, 1), 60_000);
    await work(statusEvent({ ...changeOf(idOf(2)), status: 'SUCCEEDED', input: '{}' }, 2), 60_000);
    expect((await findRun(runs, id))?.status).toBe('completed');
    expect(await findRun(runs, idOf(2))).toBeUndefined();
  });
});
