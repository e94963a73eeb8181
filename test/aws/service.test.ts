// The service on AWS: requests through API Gateway, runs on Step Functions, ends through EventBridge, all over wire protocols.

import { PurgeQueueCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { eventTargetInput } from '../../shared/triggers/index.ts';
import { eventually } from '../support/eventually.ts';
import type { GatewayRequest, GatewayResponse } from './gateway.ts';
import { deliver, sqsEvent } from './sqs-source.ts';
import { ASKS, EXPRESS, LARGE, LATER, ORDER, PATIENT } from './workflows.ts';
import { type AwsWorld, startAws } from './world.ts';

const OPERATOR = 'arn:aws:iam::123456789012:role/operator';
const RUNS = '/api/v2/orchestrate/run';
let world: AwsWorld;
let key: string;

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation(() => true);
  world = await startAws([ORDER, PATIENT, ASKS, LATER, EXPRESS, LARGE]);
  const made = await world.request({
    method: 'POST',
    path: '/svc/api/v2/keys',
    userArn: OPERATOR,
    body: { name: 'first', scopes: ['run', 'admin'] },
  });
  expect(made.statusCode).toBe(201);
  key = String((await made.json())['key']);
});
afterAll(async () => {
  await world.close();
  vi.restoreAllMocks();
});
beforeEach(() => {
  world.calls.length = 0;
  world.loseEvents = false;
  world.answer = (path) => ({ body: path === '/reserve' ? { ref: 'r-1' } : { ok: true } });
});

const ask = (sent: GatewayRequest): Promise<GatewayResponse> =>
  world.request({ ...sent, headers: { Authorization: `Bearer ${key}`, ...sent.headers } });

interface Told {
  data: {
    run_id: string;
    job_id: string;
    status: string;
    output: Json;
    error: { error: string } | null;
    steps: { step_id: string; status: string }[];
  } & {
    [name: string]: Json;
  };
}

const envelope = async (answer: GatewayResponse): Promise<Told['data']> => ((await answer.json()) as unknown as Told).data;

async function start(body: object, headers: { [name: string]: string } = {}): Promise<GatewayResponse> {
  return ask({ method: 'POST', path: RUNS, body, headers });
}

/** Resolves with the envelope when the run has this status. */
async function until(runId: string, status: string): Promise<Told['data']> {
  return eventually(async () => {
    const told = await envelope(await ask({ path: `${RUNS}/${runId}` }));
    expect(told.status).toBe(status);
    return told;
  });
}

describe('a run', () => {
  it('is started by name, and answered when it has ended', async () => {
    const answer = await start({ workflow: 'order', input: { id: 'o-1' } });
    expect(answer.statusCode).toBe(200);
    const told = await envelope(answer);
    expect(told).toMatchObject({ status: 'completed', output: { ref: 'r-1' } });
    expect(told.steps.map(({ step_id }) => step_id)).toEqual(['reserve', 'charge', 'ship']);
    const [asked] = world.front.asked.filter(({ body }) => body['name'] === told.run_id);
    expect(asked?.operation).toBe('StartExecution');
    const ends = () => world.services.events.filter(({ Detail }) => String(Detail).includes(told.run_id));
    await eventually(() =>
      expect(ends()).toMatchObject([{ Source: 'maestro', DetailType: 'maestro.run.completed', EventBusName: 'maestro' }]),
    );
  });

  it('is one run, however often it is asked for with one key', async () => {
    const headers = { 'Idempotency-Key': 'k-1' };
    const first = await envelope(await start({ workflow: 'order', input: { id: 'o-2' } }, headers));
    const again = await envelope(await start({ workflow: 'order', input: { id: 'o-2' } }, headers));
    expect(again.run_id).toBe(first.run_id);
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /ship']);
    expect((await start({ workflow: 'order', input: { id: 'o-3' } }, headers)).statusCode).toBe(409);
  });

  it('whose start was lost on the way is started by the same request again', async () => {
    world.front.refuse.set('StartExecution', { name: 'InternalServerException', times: 20 });
    const headers = { 'Idempotency-Key': 'k-2' };
    expect((await start({ workflow: 'order', input: { id: 'o-4' } }, headers)).statusCode).toBeGreaterThanOrEqual(500);
    world.front.refuse.clear();
    expect(await envelope(await start({ workflow: 'order', input: { id: 'o-4' } }, headers))).toMatchObject({ status: 'completed' });
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /ship']);
  });

  it('that fails is undone, and says so', async () => {
    world.answer = (path) => (path === '/ship' ? { status: 409 } : { body: { ref: 'r-5' } });
    const told = await envelope(await start({ workflow: 'order', input: { id: 'o-5' } }));
    expect(told).toMatchObject({ status: 'compensated', error: { error: 'Maestro.ServiceRejected' } });
    expect(world.calls.slice(3)).toEqual(['POST /refund', 'DELETE /reserve/r-5']);
  });

  it('that is cancelled in a Wait is stopped and undone', async () => {
    const { run_id } = await envelope(await start({ workflow: 'patient', mode: 'async' }));
    await eventually(async () =>
      expect((await envelope(await ask({ path: `${RUNS}/${run_id}` }))).steps).toMatchObject([{ step_id: 'book', status: 'done' }]),
    );
    await eventually(async () => {
      const answer = await ask({ method: 'POST', path: `${RUNS}/${run_id}/cancel`, body: {} });
      expect([200, 202, 409]).toContain(answer.statusCode);
      expect((await envelope(await ask({ path: `${RUNS}/${run_id}` }))).status).not.toBe('running');
    });
    await until(run_id, 'cancelled');
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
  });
});

describe('a run of another kind', () => {
  it('that is Express ends by its own last call', async () => {
    expect(await envelope(await start({ workflow: 'quick' }))).toMatchObject({ status: 'completed', output: { ok: true } });
    expect(world.calls).toEqual(['POST /one']);
  });

  it('whose input is larger than a state may be has it in S3', async () => {
    let got = 0;
    world.answer = (_, body) => {
      got = JSON.stringify(body).length;
      return {};
    };
    const note = 'x'.repeat(400_000);
    expect(await envelope(await start({ workflow: 'large', input: { id: 'l-1', note } }))).toMatchObject({
      status: 'completed',
      output: { id: 'l-1' },
    });
    expect(got).toBeGreaterThan(400_000);
  });

  it('that waits for a service goes on when that calls back, once', async () => {
    let url = '';
    world.answer = (_, body) => {
      url = String((body as { reply_to: string }).reply_to);
      return { status: 202 };
    };
    const { run_id } = await envelope(await start({ workflow: 'later', mode: 'async' }));
    await eventually(() => expect(url).toContain('https://api.example.com/live/api/v2/callbacks/'));
    const callBack = () => world.request({ method: 'POST', path: url.slice('https://api.example.com/live'.length), body: { said: 'yes' } });
    await eventually(async () => expect((await callBack()).statusCode).toBeLessThan(300));
    expect(await until(run_id, 'completed')).toMatchObject({ output: { said: 'yes' } });
    expect((await world.request({ method: 'POST', path: '/api/v2/callbacks/run_1.1.x', body: {} })).statusCode).toBe(404);
  });

  it('that was left undone by a failed undo is undone when it is asked for again', async () => {
    world.answer = (path) => (path === '/ship' || path === '/refund' ? { status: 409 } : { body: { ref: 'r-8' } });
    const { run_id, status } = await envelope(await start({ workflow: 'order', input: { id: 'o-10' } }));
    expect(status).toBe('compensation_failed');
    world.answer = () => ({});
    world.calls.length = 0;
    expect((await ask({ method: 'POST', path: `${RUNS}/${run_id}/undo`, body: {} })).statusCode).toBeLessThan(300);
    await until(run_id, 'compensated');
    expect(world.calls).toEqual(['POST /refund']);
    expect((await ask({ method: 'POST', path: `${RUNS}/${run_id}/undo`, body: {} })).statusCode).toBe(409);
  });
});

describe('a checkpoint', () => {
  it('is shown, answered once, and the run goes on', async () => {
    const waiting = await envelope(await start({ workflow: 'asks', input: { what: 'it' } }));
    expect(waiting).toMatchObject({ status: 'waiting_checkpoint', pending_checkpoint: { step_id: 'approve', title: 'Book it?' } });
    const { id } = waiting['pending_checkpoint'] as { id: string };
    const path = `${RUNS}/${waiting.run_id}/checkpoints/${id}`;

    const answered = await ask({ method: 'POST', path, body: { decision: 'approve' } });
    expect(answered.statusCode).toBe(200);
    const again = await ask({ method: 'POST', path, body: { decision: 'approve' } });

    expect(again.statusCode).toBe(409);
    await until(waiting.run_id, 'completed');
    expect(world.calls).toEqual(['POST /book', 'POST /confirm']);
  });

  it('that is rejected undoes what was done', async () => {
    const waiting = await envelope(await start({ workflow: 'asks', input: { what: 'it' } }));
    const { id } = waiting['pending_checkpoint'] as { id: string };
    await ask({ method: 'POST', path: `${RUNS}/${waiting.run_id}/checkpoints/${id}`, body: { decision: 'reject' } });
    expect(await until(waiting.run_id, 'compensated')).toMatchObject({ error: { error: 'Maestro.Rejected' } });
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
  });
});

describe('a stream', () => {
  it('tells a run from its start to its end, each event once, and takes up in the middle', async () => {
    const { run_id } = await envelope(await start({ workflow: 'order', input: { id: 'o-6' } }));
    const answer = await ask({ path: `${RUNS}/${run_id}/events` });
    expect(answer).toMatchObject({ statusCode: 200, headers: { 'content-type': expect.stringContaining('text/event-stream') } });
    const text = await answer.text();
    const ids = [...text.matchAll(/^id: ?(.+)$/gm)].map(([, id = '']) => id);
    const types = [...text.matchAll(/^event: ?(.+)$/gm)].map(([, type]) => type);
    expect(types.at(0)).toBe('job.created');
    expect(types.at(-1)).toBe('run.completed');
    expect(new Set(ids).size).toBe(ids.length);

    const rest = await (await ask({ path: `${RUNS}/${run_id}/events`, headers: { 'Last-Event-ID': ids[3] ?? '' } })).text();
    expect([...rest.matchAll(/^id: ?(.+)$/gm)].map(([, id]) => id)).toEqual(ids.slice(4));
  });

  it('of a run that goes on ends when the client goes', async () => {
    const { run_id } = await envelope(await start({ workflow: 'patient', mode: 'async' }));
    const answer = await ask({ path: `${RUNS}/${run_id}/events` });
    for await (const part of answer.parts) if (part.includes('step.completed')) break;
    answer.hangUp();
  });
});

describe('a queued run', () => {
  it('waits in the queue, and is started by its message', async () => {
    const answer = await start({ workflow: 'order', input: { id: 'o-7' }, mode: 'queued' });
    const told = await envelope(answer);
    expect(told.status).toBe('queued');
    expect(world.calls).toEqual([]);
    expect(await deliver(world.sqs, world.queues.start, world.invoke.starter)).toBe(1);
    await until(told.run_id, 'completed');
    expect(await deliver(world.sqs, world.queues.start, world.invoke.starter)).toBe(0);
  });

  it('that is throttled stays in the queue, is started later, and once', async () => {
    const { run_id } = await envelope(await start({ workflow: 'order', input: { id: 'o-8' }, mode: 'queued' }));
    world.front.refuse.set('StartExecution', { name: 'ExecutionLimitExceeded', times: 20 });
    const event = sqsEvent([{ MessageId: 'm-1', ReceiptHandle: 'gone', Body: run_id }]);
    expect(await world.invoke.starter(event)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm-1' }] });
    world.front.refuse.clear();
    expect(await world.invoke.starter(event)).toEqual({ batchItemFailures: [] });
    expect(await world.invoke.starter(event)).toEqual({ batchItemFailures: [] });
    await until(run_id, 'completed');
    expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /ship']);
    await world.sqs.send(new PurgeQueueCommand({ QueueUrl: world.queues.start }));
  });
});

describe('a trigger', () => {
  it('that fired twice for one thing is one run', async () => {
    const message = (id: string) =>
      eventTargetInput('order', 0).inputTemplate.replace(
        '<aws.events.event.json>',
        JSON.stringify({ version: '0', id, source: 'web', 'detail-type': 'ordered', detail: { id: 'o-9' } }),
      );
    const event = sqsEvent([
      { MessageId: 'm-1', ReceiptHandle: 'a', Body: message('e-1') },
      { MessageId: 'm-2', ReceiptHandle: 'b', Body: message('e-2') },
    ]);
    expect(await world.invoke.starter(event)).toEqual({ batchItemFailures: [] });
    await eventually(() => expect(world.calls).toEqual(['POST /reserve', 'POST /charge', 'POST /ship']));
    const { data } = (await (await ask({ path: RUNS, query: { workflow: 'order', limit: '1' } })).json()) as { data: { mode: string }[] };
    expect(data[0]?.mode).toBe('event');
  });
});

describe('the API', () => {
  it('answers without a body, with one, and with a refusal, each with its headers', async () => {
    const health = await world.request({ path: '/healthz' });
    expect(health.statusCode).toBe(200);
    const unknown = await world.request({ path: `${RUNS}/run_01J9ZQ3V7M8N4K2T6Y5X1W0ABC` });
    expect(unknown.statusCode).toBe(401);
    expect(await unknown.json()).toMatchObject({ error: { code: 'unauthorized' } });
    expect((await ask({ path: `${RUNS}/run_01J9ZQ3V7M8N4K2T6Y5X1W0ABC` })).statusCode).toBe(404);
    expect((await ask({ method: 'HEAD', path: '/healthz' })).statusCode).toBe(200);
  });

  it('lists what is deployed, and leaves deploying to CDK', async () => {
    const { data } = (await (await ask({ path: '/api/v2/workflows' })).json()) as { data: { name: string; version: string }[] };
    expect(data.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'asks 1',
      'large 1',
      'later 1',
      'order 3',
      'patient 1',
      'quick 1',
    ]);
    const put = { method: 'PUT', path: '/api/v2/workflows/x', body: 'name: x', headers: { 'Content-Type': 'application/yaml' } };
    expect((await ask(put)).statusCode).toBe(403);
  });

  it('puts events on the bus, and verifies its receipts', async () => {
    const put = await ask({ method: 'POST', path: '/api/v2/events', body: { source: 'web', 'detail-type': 'ordered', detail: { id: 1 } } });
    expect(put.statusCode).toBeLessThan(300);
    expect(world.services.events.at(-1)).toMatchObject({ EventBusName: 'maestro', Source: 'web', Detail: '{"id":1}' });
    const audit = await ask({ path: '/api/v2/audit', query: { verify: 'true' } });
    expect(JSON.stringify(await audit.json())).toContain('"ok":true');
  });

  it('takes callers of IAM below /svc, and nobody else there', async () => {
    expect((await world.request({ path: '/svc/api/v2/workflows', userArn: OPERATOR })).statusCode).toBe(200);
    expect((await world.request({ path: '/svc/api/v2/workflows', headers: { Authorization: `Bearer ${key}` } })).statusCode).toBe(403);
  });
});
