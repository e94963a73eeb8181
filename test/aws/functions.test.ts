// The Lambdas of a definition and the recorder's, called by state machines and by EventBridge, over wire protocols.

import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClients, createRecords } from '../../functions/aws/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { findRun, findRunId, listSteps, type RunRecord, type Runs, readValue, runRecordKey, stepStatus } from '../../shared/runs/index.ts';
import { eventually } from '../support/eventually.ts';
import { ORDER, PARENT, PATIENT } from './workflows.ts';
import { type AwsWorld, minuteEvent, startAws } from './world.ts';

let world: AwsWorld;
let runs: Runs;
let written: string[];

beforeAll(async () => {
  world = await startAws([ORDER, PATIENT, PARENT]);
  runs = createRecords({ table: process.env['MAESTRO_TABLE'] ?? '', bucket: 'values', stack: 'Test' }, createClients(), systemClock).runs;
});
afterAll(() => world.close());
beforeEach(() => {
  world.calls.length = 0;
  world.statusEvents.length = 0;
  world.loseEvents = false;
  world.answer = (path) => ({ body: path === '/reserve' ? { ref: 'r-1' } : { ok: true } });
  written = [];
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      written.push(String(chunk));
      return true;
    });
  return () => vi.restoreAllMocks();
});

/** Starts an execution as the console does: nothing of it is on record. */
async function begin(workflow: string, input: object, name?: string): Promise<string> {
  const request = { stateMachineArn: world.machine(workflow), input: JSON.stringify(input), ...(name === undefined ? {} : { name }) };
  return (await world.engine.startExecution(request)).executionArn;
}

async function recordOf(executionArn: string): Promise<RunRecord> {
  const { startDate } = world.engine.describeExecution(executionArn);
  const record = await findRun(runs, await findRunId(runs, executionArn, startDate));
  if (!record) throw new Error('no record');
  return record;
}

/** Resolves when the run's record has this status. */
async function until(executionArn: string, status: string): Promise<RunRecord> {
  return eventually(async () => {
    await world.delivered();
    const record = await recordOf(executionArn);
    expect(record.status).toBe(status);
    return record;
  });
}

const sweep = () => world.invoke.recorder(minuteEvent(), { getRemainingTimeInMillis: () => 60_000 });

describe('an execution that the console started', () => {
  it('is recorded under the workflow’s name, whatever its machine is called', async () => {
    const executionArn = await begin('order', { id: 'o-1' });
    await world.engine.wait(executionArn);
    const record = await until(executionArn, 'completed');
    expect(record.workflow).toBe('order');
    expect(world.machine('order')).not.toContain('order');
    expect(await readValue(runs, record.id, 'INPUT')).toEqual({ id: 'o-1' });
    expect(await readValue(runs, record.id, 'OUTPUT')).toEqual({ ref: 'r-1' });
    expect((await listSteps(runs, record.id)).map((step) => `${step.step} ${stepStatus(step)}`)).toEqual([
      'reserve done',
      'charge done',
      'ship done',
    ]);
  });

  it('that fails is undone by its own definition, last first', async () => {
    world.answer = (path) => (path === '/ship' ? { status: 409 } : { body: { ref: 'r-2' } });
    const executionArn = await begin('order', { id: 'o-2' });
    await until(executionArn, 'compensated');
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /ship', 'POST /refund', 'DELETE /reserve/r-2']);
  });

  it('that is stopped by hand is undone by the undo machine, once, however often its end is told', async () => {
    const executionArn = await begin('patient', {});
    await eventually(() => expect(world.calls).toEqual(['POST /book']));
    await eventually(async () => expect((await listSteps(runs, (await recordOf(executionArn)).id))[0]?.state).toBe('done'));
    await world.engine.stopExecution({ executionArn, error: 'Operator', cause: 'by hand' });
    const record = await until(executionArn, 'compensated');
    const ended = world.statusEvents.find(({ detail }) => detail['executionArn'] === executionArn && detail['status'] === 'ABORTED');

    await world.invoke.recorder(ended, { getRemainingTimeInMillis: () => 60_000 });
    await sweep();

    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
    expect(record.error?.error).toBe('Operator');
    const undos = world.front.asked.filter(({ body }) => String(body['name']).startsWith(`${record.id}-undo`));
    expect(undos.map(({ operation }) => operation)).toEqual(['StartExecution']);
  });

  it('whose end is never told is found by the sweep', async () => {
    world.loseEvents = true;
    const executionArn = await begin('patient', {});
    await eventually(async () => expect((await listSteps(runs, (await recordOf(executionArn)).id))[0]?.state).toBe('done'));
    await world.engine.stopExecution({ executionArn });
    const { id } = await recordOf(executionArn);
    await sweep();
    expect((await recordOf(executionArn)).status).toBe('running');
    // Its deadline was an hour ago.
    await runs.store.update(runRecordKey(id), { set: { deadlineMs: Date.now() - 3_600_000 } });

    await sweep();

    await until(executionArn, 'compensated');
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
    expect(written.join('')).toContain('"RunRecovered":1');
  });

  it('that was cancelled while it was in a call is stopped in the Wait behind it by the sweep', async () => {
    const executionArn = await begin('patient', {});
    await eventually(async () => expect((await listSteps(runs, (await recordOf(executionArn)).id))[0]?.state).toBe('done'));
    const { id } = await recordOf(executionArn);
    await runs.store.update(runRecordKey(id), { set: { cancel: true, cancelledAtMs: Date.now() - 120_000 } });
    await sweep();
    const record = await until(executionArn, 'cancelled');
    expect(record.error?.error).toBe('Maestro.Cancelled');
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
  });
});

describe('a sub-workflow', () => {
  it('is a run of its own, and is undone with its parent by its own undo machine', async () => {
    world.answer = (path) => (path === '/last' ? { status: 422 } : { body: { ref: 'r-3' } });
    const executionArn = await begin('parent', { id: 'o-3' });
    await until(executionArn, 'compensated');
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /ship', 'POST /last', 'POST /refund', 'DELETE /reserve/r-3']);
  });
});

describe('the recorder', () => {
  it('asks for what an event leaves out because it is too large', async () => {
    world.loseEvents = true;
    const executionArn = await begin('order', { id: 'o-4', note: 'n'.repeat(100) });
    await world.engine.wait(executionArn);
    const ended = world.statusEvents.find(({ detail }) => detail['status'] === 'SUCCEEDED');
    const detail = { ...ended?.detail, input: null, output: null, inputDetails: { included: false }, outputDetails: { included: false } };
    await world.invoke.recorder({ ...ended, detail }, { getRemainingTimeInMillis: () => 60_000 });
    const record = await recordOf(executionArn);
    expect(record.status).toBe('completed');
    expect(await readValue(runs, record.id, 'OUTPUT')).toEqual({ ref: 'r-1' });
  });

  it('leaves executions of other machines alone', async () => {
    const { stateMachineArn } = await world.engine.createStateMachine({
      name: 'foreign',
      definition: JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'A', States: { A: { Type: 'Fail' } } }),
    });
    const { executionArn } = await world.engine.startExecution({ stateMachineArn });
    await world.engine.wait(executionArn);
    await world.delivered();
    await expect(recordOf(executionArn)).rejects.toThrow('no record');
  });

  it('throws for an event of another shape, so that it is told again, and quotes nothing of it', async () => {
    const [event] = [minuteEvent()];
    const odd = { ...event, 'detail-type': 'Step Functions Execution Status Change', detail: { executionArn: 7, input: 'canary-7' } };
    await expect(world.invoke.recorder(odd, { getRemainingTimeInMillis: () => 60_000 })).rejects.toThrow(/another shape .*stateMachineArn/);
    expect(written.join('')).not.toContain('canary-7');
  });

  it('does nothing in a minute for which there is no time left, and says so', async () => {
    await world.invoke.recorder(minuteEvent(), { getRemainingTimeInMillis: () => 9_000 });
    expect(written.join('')).toContain('"SweepFailed"');
  });

  it('signs the heads of the audit chains once a day', async () => {
    const key = { pk: 'HOUSEKEEPING', sk: 'AUDIT_HEADS' };
    await runs.store.delete(key);
    await sweep();
    const [first] = await runs.store.read([key]);
    await sweep();
    expect((await runs.store.read([key]))[0]).toEqual(first);
    await runs.store.put(key, { atMs: Number(first?.['atMs']) - 25 * 3_600_000 });
    await sweep();
    expect(Number((await runs.store.read([key]))[0]?.['atMs'])).toBeGreaterThanOrEqual(Number(first?.['atMs']));
  });
});

describe('an undo that fails for good', () => {
  it('is told as a metric and as a letter', async () => {
    world.answer = (path) => (path === '/ship' || path === '/refund' ? { status: 409 } : { body: { ref: 'r-5' } });
    const executionArn = await begin('order', { id: 'o-5' });
    const record = await until(executionArn, 'compensation_failed');
    const { Messages = [] } = await world.sqs.send(new ReceiveMessageCommand({ QueueUrl: world.queues.undo }));
    expect(JSON.parse(Messages[0]?.Body ?? '{}')).toMatchObject({ runId: record.id, workflow: 'order', left: [{ step: 'charge' }] });
    // The metrics come out when the invocation ends.
    await eventually(() => expect(written.join('')).toContain('"UndoFailed":1'));
  });
});

describe('what is logged', () => {
  const lines = () =>
    written
      .join('')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('is one line of metrics per invocation, with the ids of run and step beside them', async () => {
    const executionArn = await begin('order', { id: 'o-6' });
    await world.engine.wait(executionArn);
    const { id } = await until(executionArn, 'completed');
    const metrics = lines().filter((line) => 'StepLatency' in line && line['run_id'] === id);
    expect(metrics).toHaveLength(3);
    expect(metrics[0]).toMatchObject({
      _aws: {
        CloudWatchMetrics: [{ Namespace: 'Maestro', Dimensions: [['service']], Metrics: [{ Name: 'StepLatency', Unit: 'Milliseconds' }] }],
      },
      service: 'Test',
      run_id: id,
      step: 'reserve',
      op: 'call',
    });
  });

  it('holds nothing of inputs, answers, addresses or errors of services, whatever fails', async () => {
    const canary = 'canary-4711';
    world.answer = (path) => {
      if (path === '/charge') return { status: 400, body: { error: `card ${canary}` } };
      return { body: { ref: canary, secret: canary } };
    };
    const executionArn = await begin('order', { id: canary, note: canary });
    await until(executionArn, 'compensated');
    const failed = lines().filter(({ message }) => message === 'failed');
    expect(failed).toEqual([
      expect.objectContaining({ level: 'WARN', step: 'charge', called: 'shop', error: 'Maestro.ServiceRejected', service: 'Test' }),
    ]);
    expect(written.join('')).not.toContain(canary);
    expect(written.length).toBeGreaterThan(3);
  });

  it('of a fault of our own is its name and where it came from', async () => {
    const message = { v: 1, op: 'call', run: ['arn:x', 'canary-no-date'], step: 'a', at: '00001', limit: 1, service: {} };
    await expect(world.invoke.step(message)).rejects.toMatchObject({ name: 'Maestro.ServiceUnavailable' });
    const [line] = lines().filter(({ level }) => level === 'ERROR');
    expect(line).toMatchObject({ message: 'failed for a reason of our own', step: 'a', error: { name: 'Error' } });
    expect(JSON.stringify(line)).toContain('keys.ts');
    expect(JSON.stringify(line)).not.toContain('canary');
  });
});
