// The client against the API itself: the real handlers over the embedded runtime, behind the HTTP server of `maestro dev`.

import { type AddressInfo, createServer, connect as open, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Front, startFront } from '../../local/front/index.ts';
import { type Envelope, Maestro, type RunEvent } from '../../sdk/index.ts';
import { envelopeSchema, eventSchema } from '../../shared/contract/index.ts';
import { type Bench, openBench } from '../ingress/support.ts';
import { type TestPlatform, testPlatform } from './support.ts';

let bench: Bench;
let front: Front;
let maestro: Maestro;
let platform: TestPlatform;
/** Answers of the services: held back while this is a promise. */
let held: Promise<void> | undefined;
let refuse: boolean;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  held = undefined;
  refuse = false;
  platform = testPlatform();
  bench = await openBench({
    async call({ stepId }) {
      await held;
      if (refuse && stepId === 'charge') return { outcome: 'not_performed', error: 'Maestro.ServiceRejected', message: 'no', detail: {} };
      return { outcome: 'done', value: { paid: 12 } };
    },
  });
  front = await startFront({
    handle: bench.api.handle,
    host: '127.0.0.1',
    port: 0,
    clock: bench.parts.clock,
    requestId: () => bench.parts.ids.id('req'),
    onError: (error) => bench.faults.push(error),
  });
  maestro = new Maestro({ baseUrl: front.url, apiKey: bench.key, platform });
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  bench.local.drain();
  await front.close(0);
  await bench.close();
});

async function eventsOf(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** A client behind a line that breaks after so many bytes of answers, one length after the other; then it holds. */
async function behindBadLine(lengths: number[]): Promise<{ maestro: Maestro; cuts: () => number }> {
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server = createServer((near) => {
    const far = open(front.port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    const length = lengths.shift();
    let passed = 0;
    near.pipe(far);
    far.on('data', (bytes) => {
      if (length === undefined) return void near.write(bytes);
      near.write(bytes.subarray(0, Math.max(0, length - passed)));
      passed += bytes.length;
      if (passed < length) return;
      cuts++;
      near.resetAndDestroy();
      far.destroy();
    });
    far.on('close', () => near.end());
    near.on('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  );
  const { port } = server.address() as AddressInfo;
  return { maestro: new Maestro({ baseUrl: `http://127.0.0.1:${port}`, apiKey: bench.key, platform, retries: 20 }), cuts: () => cuts };
}

it('a run is started, listed and shown, in the shapes of the contract', async () => {
  const started = await maestro.orchestrate.run({ workflow: 'echo', input: { text: 'hi' }, metadata: { by: 'test' } });
  const { run_id: id, job_id: jobId } = started.data;

  expect(envelopeSchema.parse(started)).toEqual(started);
  expect(started.data).toMatchObject({ status: 'completed', output: { said: 'hi' }, run: { metadata: { by: 'test' } } });
  expect((await maestro.orchestrate.get(jobId)).data.run_id).toBe(id);
  const all: string[] = [];
  for await (const run of maestro.orchestrate.listAll({ workflow: 'echo', limit: 1 })) all.push(run.id);
  expect(all).toEqual([id]);
});

it('asked for again under the same key it is the same run; another request under it is refused', async () => {
  const request = { workflow: 'echo', input: { text: 'hi' }, idempotencyKey: 'order-7' };
  const [first, second] = await Promise.all([maestro.orchestrate.run(request), maestro.orchestrate.run(request)]);

  expect(second.data.run_id).toBe(first.data.run_id);
  await expect(maestro.orchestrate.run({ ...request, input: { text: 'ho' } })).rejects.toMatchObject({ code: 'conflict', status: 409 });
});

it('an input that does not fit is refused with what is wrong where', async () => {
  await expect(maestro.orchestrate.run({ workflow: 'echo', input: {} })).rejects.toMatchObject({
    code: 'invalid',
    requestId: expect.stringMatching(/^req_/),
    details: expect.arrayContaining([expect.objectContaining({ path: expect.any(Array), message: expect.any(String) })]),
  });
});

it('the events of a start are those of the run, and end with its envelope', async () => {
  const events = await eventsOf(maestro.orchestrate.run({ workflow: 'order', stream: true }));
  const again = await eventsOf(maestro.orchestrate.stream(events[0]?.run_id ?? ''));

  for (const event of events) eventSchema.parse(event);
  expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, index) => index + 1));
  expect(events.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['job.created', 'run.started', 'step.started', 'step.completed', 'run.completed']),
  );
  expect(events.filter(({ type }) => type === 'step.completed').map(({ step, place }) => [step, typeof place])).toEqual([
    ['reserve', 'string'],
    ['charge', 'string'],
  ]);
  expect(events.at(-1)?.envelope?.data.status).toBe('completed');
  expect(again).toEqual(events);
  expect(await eventsOf(maestro.orchestrate.stream(events[0]?.run_id ?? '', { after: events.length }))).toEqual([]);
});

it('over a line that breaks again and again, a start is one run, and no event is lost or told twice', async () => {
  const lengths = [40, 200, 450, 700, 30, 900, 1_100, 5, 1_300];
  const { maestro: far, cuts } = await behindBadLine(lengths);

  const events = await eventsOf(far.orchestrate.run({ workflow: 'order', stream: true }));
  const runs = await maestro.orchestrate.list({ workflow: 'order' });

  expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, index) => index + 1));
  expect(events.at(-1)?.envelope?.data.status).toBe('completed');
  expect(runs.data).toHaveLength(1);
  expect(cuts()).toBeGreaterThan(4);
});

it('a checkpoint is answered once, and rightly', async () => {
  const { data } = await maestro.orchestrate.run({ workflow: 'approval' });
  const id = data.pending_checkpoint?.id ?? '';
  const answer = (body: object): Promise<Envelope> => maestro.orchestrate.resolveCheckpoint(data.run_id, id, { ...body });
  const rest = eventsOf(maestro.orchestrate.stream(data.run_id));

  await expect(answer({ decision: 'edit' })).rejects.toMatchObject({ code: 'invalid' });
  await answer({ decision: 'approve', option: 'soon' });
  await expect(answer({ decision: 'approve', option: 'soon' })).rejects.toMatchObject({ code: 'conflict' });
  expect((await rest).at(-1)?.envelope?.data).toMatchObject({ status: 'completed', output: 'approve' });
});

it('a run is cancelled in a call, and retried after a failure', async () => {
  const answered = Promise.withResolvers<void>();
  held = answered.promise;
  const { data } = await maestro.orchestrate.run({ workflow: 'order', mode: 'async' });
  for await (const { type } of maestro.orchestrate.stream(data.run_id)) if (type === 'step.started') break;
  await maestro.orchestrate.cancel(data.run_id);
  held = undefined;
  answered.resolve();
  const cancelled = (await eventsOf(maestro.orchestrate.stream(data.run_id))).at(-1)?.envelope;

  refuse = true;
  const failed = await maestro.orchestrate.run({ workflow: 'order' });
  refuse = false;
  const retried = await maestro.orchestrate.retry(failed.data.run_id);
  const after = (await eventsOf(maestro.orchestrate.stream(retried.data.run_id))).at(-1)?.envelope;

  expect(cancelled?.data.status).toBe('cancelled');
  expect(failed.data.status).toBe('compensated');
  expect(after?.data).toMatchObject({ status: 'completed', job_id: failed.data.job_id, run: { attempt: 2, retry_of: failed.data.run_id } });
  await expect(maestro.orchestrate.undo(failed.data.run_id)).rejects.toMatchObject({ code: 'conflict' });
});

it('workflows are deployed, shown, drawn and removed', async () => {
  const text = 'name: later\nversion: "7"\nsteps:\n  - { id: say, set: { x: 1 } }\n';

  expect(await maestro.workflows.deploy('later', text)).toMatchObject({ object: 'workflow', name: 'later', version: '7' });
  expect(await maestro.workflows.get('later')).toMatchObject({ source: text });
  expect((await maestro.workflows.list()).data.map(({ name }) => name)).toContain('later');
  expect(await maestro.workflows.graph('later')).toMatch(/^flowchart TD$/m);
  await maestro.workflows.remove('later');
  await expect(maestro.workflows.get('later')).rejects.toMatchObject({ code: 'not_found' });
  await expect(maestro.workflows.deploy('later', 'name: later\n')).rejects.toMatchObject({ code: 'invalid' });
});

it('keys are made and revoked; a revoked one is refused', async () => {
  const made = await maestro.keys.create({ name: 'ci', scopes: ['read'], expires_in: '1h' });
  const other = new Maestro({ baseUrl: front.url, apiKey: made.key, platform });

  expect((await other.orchestrate.list()).data).toEqual([]);
  await expect(other.orchestrate.run({ workflow: 'echo', input: { text: 'x' } })).rejects.toMatchObject({ code: 'forbidden' });
  expect((await maestro.keys.list()).data.find(({ id }) => id === made.id)).not.toHaveProperty('key');
  expect((await maestro.keys.revoke(made.id)).revoked_at).not.toBeNull();
  await expect(other.orchestrate.list()).rejects.toMatchObject({ code: 'unauthorized', status: 401 });
});

it('events are put, receipts are listed and verified, breakers are listed and closed', async () => {
  await maestro.orchestrate.run({ workflow: 'echo', input: { text: 'x' } });
  const { data } = await maestro.events.put([{ source: 'shop', 'detail-type': 'placed', detail: {} }]);
  const receipts: string[] = [];
  for await (const { subject } of maestro.audit.listAll({ limit: 1 })) receipts.push(String(subject['action']));

  expect(data).toHaveLength(1);
  expect(receipts.toSorted()).toEqual(expect.arrayContaining(['events.put', 'run']));
  expect(await maestro.audit.verify()).toMatchObject({ ok: true, receipts: receipts.length });
  expect((await maestro.breakers.list()).data).toEqual([]);
  await expect(maestro.breakers.reset('http://shop.example.com')).rejects.toMatchObject({ code: 'not_found' });
  expect(await maestro.health()).toEqual({ status: 'ok', version: '1.2.3' });
});

it('what this version does not serve is refused as such', async () => {
  const { data } = await maestro.orchestrate.run({ workflow: 'echo', input: { text: 'x' } });

  await expect(maestro.orchestrate.artifacts(data.run_id)).rejects.toMatchObject({ code: 'not_implemented', status: 501 });
  await expect(maestro.orchestrate.plan({ query: 'q' })).rejects.toMatchObject({ code: 'not_implemented' });
  await expect(maestro.orchestrate.run({ query: 'q' })).rejects.toMatchObject({ code: 'not_implemented' });
});
