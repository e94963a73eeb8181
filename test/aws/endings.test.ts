// Runs that are ended from outside, on AWS as it is composed: by an operator, by the platform, by a cancel through the API. Status events are those
// of EventBridge, or they are lost.

import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClients, createRecords } from '../../functions/aws/index.ts';
import { systemClock } from '../../shared/clock.ts';
import type { JsonObject } from '../../shared/json.ts';
import { findRun, findRunId, listSteps, type RunRecord, type Runs, runRecordKey } from '../../shared/runs/index.ts';
import { eventually } from '../support/eventually.ts';
import { ASKS, LATER, ORDER, PARENT, PATIENT } from './workflows.ts';
import { type AwsWorld, minuteEvent, startAws, statusEvent } from './world.ts';

const RUNS = '/api/v2/orchestrate/run';
const HOUR_MS = 3_600_000;
const context = { getRemainingTimeInMillis: () => 60_000 };

let world: AwsWorld;
let runs: Runs;
let key: string;
/** Lets the call that waits be answered. */
let answerCall: () => void;

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation(() => true);
  world = await startAws([ORDER, PATIENT, ASKS, LATER, PARENT]);
  runs = createRecords({ table: process.env['MAESTRO_TABLE'] ?? '', bucket: 'values', stack: 'Test' }, createClients(), systemClock).runs;
  const made = await world.request({
    method: 'POST',
    path: '/svc/api/v2/keys',
    userArn: 'arn:aws:iam::123456789012:role/operator',
    body: { name: 'first', scopes: ['run', 'admin'] },
  });
  key = String((await made.json())['key']);
});
afterAll(async () => {
  await world.close();
  vi.restoreAllMocks();
});
beforeEach(() => {
  world.calls.length = 0;
  world.statusEvents.length = 0;
  world.loseEvents = false;
  world.answer = () => ({ body: { ref: 'r-1' } });
});

/** Keeps calls to this path waiting until `answerCall`. */
function holds(path: string): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  answerCall = resolve;
  world.answer = async (asked) => {
    if (asked === path) await promise;
    return { body: { ref: 'r-1' } };
  };
}

async function begin(workflow: string, input: object = {}): Promise<string> {
  return (await world.engine.startExecution({ stateMachineArn: world.machine(workflow), input: JSON.stringify(input) })).executionArn;
}

async function recordOf(executionArn: string): Promise<RunRecord> {
  const record = await findRun(runs, await findRunId(runs, executionArn, world.engine.describeExecution(executionArn).startDate));
  if (!record) throw new Error('no record');
  return record;
}

function delivered<T>(look: () => Promise<T> | T): Promise<T> {
  return eventually(async () => {
    await world.delivered();
    return look();
  });
}

const until = (executionArn: string, status: string): Promise<void> =>
  delivered(async () => expect((await recordOf(executionArn)).status).toBe(status));

const called = (call: string): Promise<void> => delivered(() => expect(world.calls).toContain(call));

const stepIs = (executionArn: string, step: string, state: string): Promise<void> =>
  delivered(async () => {
    const steps = await listSteps(runs, (await recordOf(executionArn)).id);
    expect(steps.find((found) => found.step === step)?.state).toBe(state);
  });

const sweep = (): Promise<void> => world.invoke.recorder(minuteEvent(), context);

/** Its deadline was an hour ago: now the sweep asks after it. */
async function makeOverdue(executionArn: string): Promise<void> {
  await runs.store.update(runRecordKey((await recordOf(executionArn)).id), { set: { deadlineMs: Date.now() - HOUR_MS } });
}

/** However often its start was asked for. */
async function expectOneUndo(executionArn: string): Promise<void> {
  const { id, workflow } = await recordOf(executionArn);
  const undos = world.engine.listExecutions({ stateMachineArn: world.machine(`${workflow}-undo`) }).items;
  expect(undos.filter(({ name }) => name.startsWith(`${id}-undo`))).toHaveLength(1);
}

describe('an execution that is ended while a step is in flight', () => {
  it('is undone when the step has ended, with it, also when nothing but the sweep is there to see it', async () => {
    holds('/charge');
    const executionArn = await begin('order', { id: 'o-1' });
    await called('POST /charge');
    await world.engine.stopExecution({ executionArn, error: 'Operator', cause: 'by hand' });
    await until(executionArn, 'compensating');
    await sweep();
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge']);

    answerCall();
    await stepIs(executionArn, 'charge', 'done');
    await sweep();

    await until(executionArn, 'compensated');
    await sweep();
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /refund', 'DELETE /reserve/r-1']);
    await expectOneUndo(executionArn);
  });

  it('is so too when its status event is lost', async () => {
    holds('/charge');
    const executionArn = await begin('order', { id: 'o-2' });
    await called('POST /charge');
    world.loseEvents = true;
    await world.engine.stopExecution({ executionArn });
    world.loseEvents = false;
    await makeOverdue(executionArn);
    await sweep();
    expect((await recordOf(executionArn)).status).toBe('compensating');

    answerCall();
    await stepIs(executionArn, 'charge', 'done');
    await sweep();

    await until(executionArn, 'compensated');
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /refund', 'DELETE /reserve/r-1']);
    await expectOneUndo(executionArn);
  });
});

describe('an execution that the platform ended', () => {
  /** The machine with its Wait in the place of which stands a Choice that cannot be evaluated. */
  async function withBrokenChoice<T>(work: () => Promise<T>): Promise<T> {
    const stateMachineArn = world.machine('patient');
    const { definition } = world.engine.describeStateMachine(stateMachineArn);
    const edited = JSON.parse(definition) as { States: { [name: string]: JsonObject } };
    const [name, wait] = Object.entries(edited.States).find(([, state]) => state['Type'] === 'Wait') ?? [];
    if (name === undefined || !wait) throw new Error('there is no Wait');
    const next = wait['Next'] ?? null;
    edited.States[name] = { Type: 'Choice', Choices: [{ Condition: "{% $error('forced') %}", Next: next }], Default: next };
    await world.engine.updateStateMachine({ stateMachineArn, definition: JSON.stringify(edited) });
    try {
      return await work();
    } finally {
      await world.engine.updateStateMachine({ stateMachineArn, definition });
    }
  }

  it.each([false, true])('by an error in a Choice is undone, once (its status event is lost: %s)', async (lost) => {
    await withBrokenChoice(async () => {
      world.loseEvents = lost;
      const executionArn = await begin('patient');
      expect(await world.engine.wait(executionArn)).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
      world.loseEvents = false;
      if (lost) {
        await makeOverdue(executionArn);
        await sweep();
      }
      await until(executionArn, 'compensated');
      await sweep();
      expect((await recordOf(executionArn)).error?.error).toBe('States.QueryEvaluationError');
      expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
      await expectOneUndo(executionArn);
    });
  });

  it('by its own time limit is undone, once, however often it is told', async () => {
    world.loseEvents = true;
    const executionArn = await begin('patient');
    await stepIs(executionArn, 'book', 'done');
    await world.engine.stopExecution({ executionArn });
    world.loseEvents = false;
    // As Step Functions ends one at its TimeoutSeconds.
    const ended = { ...world.engine.describeExecution(executionArn), status: 'TIMED_OUT' as const, error: 'States.Timeout', cause: null };
    await Promise.all([1, 2, 3].map((number) => world.invoke.recorder(statusEvent(ended, number), context)));
    await until(executionArn, 'compensated');
    await world.invoke.recorder(statusEvent(ended, 4), context);
    expect((await recordOf(executionArn)).error?.error).toBe('Maestro.TimedOut');
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
    await expectOneUndo(executionArn);
  });
});

describe('a cancel through the API', () => {
  const api = async (path: string, body: object): Promise<JsonObject> => {
    const answer = await world.request({ method: 'POST', path, body, headers: { Authorization: `Bearer ${key}` } });
    expect(answer.statusCode).toBeLessThan(300);
    return (await answer.json())['data'] as JsonObject;
  };

  async function startByApi(workflow: string, input: object = {}): Promise<{ id: string; executionArn: string }> {
    const { run_id } = await api(RUNS, { workflow, mode: 'async', input });
    const record = await findRun(runs, String(run_id));
    if (!record?.execution) throw new Error('it was not started');
    return { id: record.id, executionArn: record.execution };
  }

  it('in a call lets the call end, and undoes it with the rest', async () => {
    holds('/charge');
    const { id, executionArn } = await startByApi('order', { id: 'o-3' });
    await called('POST /charge');
    expect(await api(`${RUNS}/${id}/cancel`, {})).toMatchObject({ status: 'running' });
    answerCall();
    await until(executionArn, 'cancelled');
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /refund', 'DELETE /reserve/r-1']);
  });

  it('in a Wait ends it', async () => {
    const { id, executionArn } = await startByApi('patient');
    await delivered(() => {
      const { items } = world.engine.getHistory({ executionArn, reverseOrder: true, maxResults: 1 });
      expect(items[0]?.type).toBe('WaitStateEntered');
    });
    await api(`${RUNS}/${id}/cancel`, {});
    await until(executionArn, 'cancelled');
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
  });

  it('at a checkpoint ends it', async () => {
    const { id, executionArn } = await startByApi('asks', { what: 'it' });
    await until(executionArn, 'waiting_checkpoint');
    const { pending_checkpoint } = await api(`${RUNS}/${id}/cancel`, {});
    expect(pending_checkpoint).toBeNull();
    await until(executionArn, 'cancelled');
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
  });

  it('at a callback ends it', async () => {
    const { id, executionArn } = await startByApi('later');
    await stepIs(executionArn, 'order', 'waiting');
    await api(`${RUNS}/${id}/cancel`, {});
    await until(executionArn, 'cancelled');
    expect(world.calls).toEqual(['POST /later']);
  });

  it('with a child running cancels and undoes the child first', async () => {
    holds('/ship');
    const { id, executionArn } = await startByApi('parent', { id: 'o-4' });
    await called('POST /ship');
    await api(`${RUNS}/${id}/cancel`, {});
    answerCall();
    await until(executionArn, 'cancelled');
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /ship', 'POST /refund', 'DELETE /reserve/r-1']);
    const [child] = await listSteps(runs, id);
    expect((await findRun(runs, child?.child ?? ''))?.status).toBe('cancelled');
  });

  it('by force undoes nothing, and an undo that is asked for later does', async () => {
    const { id, executionArn } = await startByApi('patient');
    await stepIs(executionArn, 'book', 'done');
    expect(await api(`${RUNS}/${id}/cancel`, { force: true })).toMatchObject({ status: 'compensation_failed' });
    expect((await world.engine.wait(executionArn)).status).toBe('ABORTED');
    await world.delivered();
    expect(world.calls).toEqual(['POST /book']);
    await api(`${RUNS}/${id}/undo`, {});
    await until(executionArn, 'cancelled');
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
  });
});
