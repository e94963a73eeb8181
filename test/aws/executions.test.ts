// Step Functions through its real client, against the local endpoint with aliases before it.

import { SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createExecutions } from '../../functions/aws/index.ts';
import * as sdk from '../../functions/aws/sdk/sfn.ts';
import { createEndpoint, type Endpoint } from '../../local/endpoint/index.ts';
import type { Clock } from '../../shared/clock.ts';
import type { JsonObject } from '../../shared/json.ts';
import { ThrottledError } from '../../shared/orchestrate/ports.ts';
import { invoke, sequence, settle, world } from '../engine/support.ts';
import { entryOf } from './entries.ts';
import { type SfnFront, startSfnFront } from './sfn-front.ts';

const tokens: string[] = [];
const never = new Promise<null>(() => {});
const here = world({
  functions: {
    ask: (payload) => {
      tokens.push((payload as { token: string }).token);
      return null;
    },
    hang: () => never,
  },
});
const MACHINE = 'arn:aws:states:us-east-1:111111111111:stateMachine:order';
const entry = entryOf('order', { machineArn: MACHINE, startArn: `${MACHINE}:live`, undoArn: `${MACHINE}-undo:live` });
let endpoint: Endpoint;
let front: SfnFront;
let client: SFNClient;

beforeAll(async () => {
  endpoint = await createEndpoint({ engine: here.engine, port: 0 });
  front = await startSfnFront(endpoint.url);
  client = new SFNClient({
    endpoint: front.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
  });
  await machine('order', sequence({ A: { Type: 'Pass', Output: '{% $states.context.Execution.StartTime %}' } }));
  await machine('order-undo', sequence({ A: { Type: 'Pass' } }));
});
afterAll(async () => {
  client.destroy();
  await front.close();
  await endpoint.close();
  here.engine.close();
  here.database.close();
});
beforeEach(() => {
  front.asked.length = 0;
  front.refuse.clear();
  tokens.length = 0;
});

const hurried: Clock = {
  now: () => 0,
  setTimer(_, fire) {
    setImmediate(fire);
    return { cancel: () => {} };
  },
};
const executions = createExecutions({
  sfn: async () => ({ sdk, client }),
  clock: hurried,
  undoArn: async (workflow) => (workflow === 'order' ? `${MACHINE}-undo:live` : undefined),
});

async function machine(name: string, definition: JsonObject): Promise<string> {
  const { stateMachineArn } = await here.engine.createStateMachine({
    name,
    definition: JSON.stringify({ QueryLanguage: 'JSONata', ...definition }),
  });
  front.aliases.set(`${stateMachineArn}:live`, `${stateMachineArn}:1`);
  return stateMachineArn;
}

async function running(name: string, definition: JsonObject): Promise<string> {
  const { executionArn } = await here.engine.startExecution({ stateMachineArn: await machine(name, definition), name });
  await settle();
  return executionArn;
}

describe('a start', () => {
  it('goes through the alias, and tells ARN and start as the states see them', async () => {
    const started = await executions.start({ entry, name: 'run_A', input: { n: 1 } });
    expect(front.asked[0]).toEqual({
      operation: 'StartExecution',
      body: { stateMachineArn: MACHINE, name: 'run_A', input: '{"n":1}' },
    });
    expect(started.executionArn).toBe('arn:aws:states:us-east-1:111111111111:execution:order:run_A');
    const { output } = await here.engine.wait(started.executionArn);
    expect(JSON.parse(output ?? '')).toBe(started.startTime);
  });

  it('that was made before is the same one, also when it has ended', async () => {
    const first = await executions.start({ entry, name: 'run_B', input: { n: 1 } });
    await here.engine.wait(first.executionArn);
    expect(await executions.start({ entry, name: 'run_B', input: { n: 1 } })).toEqual(first);
    expect(front.asked.map(({ operation }) => operation)).toEqual(['StartExecution', 'StartExecution', 'DescribeExecution']);
  });

  it('waits for an execution that is not told of yet', async () => {
    const first = await executions.start({ entry, name: 'run_C', input: {} });
    await here.engine.wait(first.executionArn);
    front.refuse.set('DescribeExecution', { name: 'ExecutionDoesNotExist', times: 2 });
    expect(await executions.start({ entry, name: 'run_C', input: {} })).toEqual(first);
  });

  it.each(['ThrottlingException', 'ExecutionLimitExceeded'])('that is refused by %s has started nothing', async (name) => {
    front.refuse.set('StartExecution', { name, times: 1 });
    await expect(executions.start({ entry, name: 'run_D', input: {} })).rejects.toThrow(ThrottledError);
    expect(await executions.recovery.describe('arn:aws:states:us-east-1:111111111111:execution:order:run_D')).toBeUndefined();
  });

  it('of a machine that is not there is an error of its own', async () => {
    const gone = { ...entry, startArn: 'arn:aws:states:us-east-1:111111111111:stateMachine:gone' };
    await expect(executions.start({ entry: gone, name: 'run_E', input: {} })).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
  });
});

describe('an undo', () => {
  it('is started by the workflow’s name, and once', async () => {
    const first = await executions.recovery.start('order-undo', 'run_A-undo-1-1', { run: ['a', 'b'] });
    expect(first).toBe('arn:aws:states:us-east-1:111111111111:execution:order-undo:run_A-undo-1-1');
    await here.engine.wait(first ?? '');
    expect(await executions.recovery.start('order-undo', 'run_A-undo-1-1', { run: ['a', 'b'] })).toBe(first);
  });

  it('of a workflow that is not deployed says so', async () => {
    await expect(executions.recovery.start('gone-undo', 'x', {})).rejects.toThrow(/gone-undo: it is not deployed/);
  });
});

describe('a task token', () => {
  const asking = sequence({
    Ask: invoke(
      'ask',
      { token: '{% $states.context.Task.Token %}' },
      { Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken', Output: '{% $states.result %}' },
    ),
  });

  it('is answered once; what comes later is no error', async () => {
    const executionArn = await running('asks', asking);
    const [token = ''] = tokens;
    await executions.succeedTask(token, { ok: true });
    expect(await here.engine.wait(executionArn)).toMatchObject({ status: 'SUCCEEDED', output: '{"ok":true}' });
    await executions.succeedTask(token, { ok: false });
    await executions.failTask(token, 'Late', 'too late');
  });

  it('that is failed ends the task with error and cause, cut to what the API takes', async () => {
    const executionArn = await running('asks-again', asking);
    await executions.failTask(tokens[0] ?? '', 'E'.repeat(300), 'c'.repeat(40_000));
    expect(await here.engine.wait(executionArn)).toMatchObject({ status: 'FAILED', error: 'E'.repeat(256), cause: 'c'.repeat(32_768) });
  });
});

describe('an execution', () => {
  it('waits when it sits in a Wait, and not when it is in a task beside it', async () => {
    const waiting = await running('waits', sequence({ W: { Type: 'Wait', Seconds: 1_000 } }));
    const busy = await running(
      'busy',
      sequence({
        P: {
          Type: 'Parallel',
          Branches: [sequence({ W: { Type: 'Wait', Seconds: 1_000 } }), sequence({ Hang: invoke('hang', {}) })],
        },
      }),
    );
    expect(await executions.isWaiting(waiting)).toBe(true);
    expect(await executions.isWaiting(busy)).toBe(false);
    await executions.stop(waiting, 'Maestro.Cancelled', 'by hand');
    expect(await executions.isWaiting(waiting)).toBe(false);
  });

  it('is described as a status change tells it, and stopping what has ended is no error', async () => {
    const executionArn = await running('stopped', sequence({ W: { Type: 'Wait', Seconds: 1_000 } }));
    expect(await executions.children.status(executionArn)).toBe('RUNNING');
    await executions.stop(executionArn, 'Maestro.Cancelled', 'by hand');
    await executions.stop(executionArn, 'Maestro.Cancelled', 'by hand');
    const told = here.engine.describeExecution(executionArn);
    expect(await executions.recovery.describe(executionArn)).toEqual({
      ...told,
      startTime: new Date(told.startDate).toISOString(),
      status: 'ABORTED',
      error: 'Maestro.Cancelled',
      cause: 'by hand',
    });
  });

  it('tells what it gave when it has succeeded, and nothing before or otherwise', async () => {
    const going = await running('going', sequence({ W: { Type: 'Wait', Seconds: 1_000 } }));
    expect(await executions.children.output(going)).toBeUndefined();
    await executions.stop(going, 'Maestro.Cancelled', 'by hand');
    expect(await executions.children.output(going)).toBeUndefined();
    const done = await running('done', sequence({ P: { Type: 'Pass', Output: { n: 7 } } }));
    await here.engine.wait(done);
    expect(JSON.parse((await executions.children.output(done)) ?? '')).toEqual({ n: 7 });
  });

  it('that is not there has no status, and an Express one is not asked about', async () => {
    const express = 'arn:aws:states:us-east-1:111111111111:express:fast:a:b';
    expect(await executions.children.status('arn:aws:states:us-east-1:111111111111:execution:order:none')).toBeUndefined();
    expect(await executions.recovery.describe(express)).toBeUndefined();
    await executions.stop(express, 'e', 'c');
    expect(await executions.isWaiting(express)).toBe(false);
    expect(front.asked.map(({ operation }) => operation)).toEqual(['DescribeExecution']);
  });
});
