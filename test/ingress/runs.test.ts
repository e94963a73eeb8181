// Runs over HTTP: started, followed, steered.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CallOutcome } from '../../shared/calls/index.ts';
import { type Bench, openBench, readStream } from './support.ts';

const RUN = '/api/v2/orchestrate/run';
const DONE: CallOutcome = { outcome: 'done', value: { id: 'c-1' } };
const REJECTED: CallOutcome = { outcome: 'not_performed', error: 'Maestro.ServiceRejected', message: 'no', detail: {} };
const NOBODY = 'run_00000000000000000000000000';

let bench: Bench;
/** A second API over the same service, which does not wait. */
let hurried: Bench['ask'];
/** What the shop does. */
let shop: (stepId: string) => Promise<CallOutcome>;

beforeAll(async () => {
  bench = await openBench({ call: (request) => shop(request.stepId) });
  hurried = bench.with({ syncMs: 0 });
});

beforeEach(() => {
  shop = async () => DONE;
});

afterAll(() => bench.close());

describe('starting a run', () => {
  test('answers 200 with the envelope when it has ended, and says where it is', async () => {
    const { statusCode, json, headers } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'echo', input: { text: 'a' } } });

    expect(statusCode).toBe(200);
    expect(json.data).toMatchObject({ status: 'completed', output: { said: 'a' } });
    expect(headers['content-location']).toBe(`/prod${RUN}/${json.data.run_id}`);
    expect(headers['location']).toBeUndefined();
  });

  test('answers 200 with the envelope of one that failed', async () => {
    shop = async () => REJECTED;

    const { statusCode, json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'order' } });

    expect([statusCode, json.data.status]).toEqual([200, 'failed']);
  });

  test('answers 200 when it waits at a checkpoint', async () => {
    const { statusCode, json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'approval' } });

    expect(statusCode).toBe(200);
    expect(json.data).toMatchObject({ status: 'waiting_checkpoint', pending_checkpoint: { title: 'May it go?' } });
  });

  test('answers 202 with Location when it goes on for longer than a sync start waits', async () => {
    const go = Promise.withResolvers<CallOutcome>();
    shop = () => go.promise;

    const { statusCode, json, headers } = await hurried({ method: 'POST', path: RUN, body: { workflow: 'order' } });
    go.resolve(DONE);

    expect(statusCode).toBe(202);
    expect(json.data.status).not.toBe('completed');
    expect(headers['location']).toBe(`/prod${RUN}/${json.data.run_id}`);
  });

  test.each(['async', 'queued'])('%s answers 202 at once', async (mode) => {
    const { statusCode, json, headers } = await bench.ask({
      method: 'POST',
      path: RUN,
      body: { workflow: 'echo', input: { text: 'a' }, mode },
    });

    expect(statusCode).toBe(202);
    expect(json.data.job.mode).toBe(mode);
    expect(headers['location']).toMatch(/\/run\/run_/);
  });

  test('the same Idempotency-Key and body is the same run, and another body is refused', async () => {
    const start = (text: string) =>
      bench.ask({ method: 'POST', path: RUN, headers: { 'Idempotency-Key': 'k-1' }, body: { workflow: 'echo', input: { text } } });

    const [first, again, other] = [await start('a'), await start('a'), await start('b')];

    expect(again.json.data.run_id).toBe(first.json.data.run_id);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']]).toEqual([undefined, 'true']);
    expect(other.statusCode).toBe(409);
  });

  test.each(['', ' ', 'ä', 'a b', 'x'.repeat(256)])('an Idempotency-Key of %j is refused', async (key) => {
    const { statusCode } = await bench.ask({
      method: 'POST',
      path: RUN,
      headers: { 'idempotency-key': key },
      body: { workflow: 'echo', input: { text: 'a' } },
    });

    expect(statusCode).toBe(400);
  });

  test('of a workflow that is not there is 404, and with a wrong input 422 with the place', async () => {
    const unknown = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'nothing' } });
    const wrong = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'echo', input: { text: 1 } } });

    expect(unknown.statusCode).toBe(404);
    expect([wrong.statusCode, wrong.json.error.details[0].path]).toEqual([422, ['input', 'text']]);
  });

  test.each([{ query: 'a film, please' }, { plan_id: 'plan_1' }])('by %j is not in this version', async (body) => {
    const { statusCode, json } = await bench.ask({ method: 'POST', path: RUN, body });

    expect([statusCode, json.error.code]).toEqual([501, 'not_implemented']);
  });

  test('with stream: true answers with its events from the first to the last, which carries the envelope', async () => {
    const { statusCode, headers, body } = await bench.ask({
      method: 'POST',
      path: RUN,
      body: { workflow: 'echo', input: { text: 'a' }, stream: true },
    });
    const events = await readStream(body);

    expect([statusCode, headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => String(index + 1)));
    expect(events.at(0)?.event).toBe('job.created');
    expect(events.at(-1)).toMatchObject({ event: 'run.completed', data: { envelope: { data: { status: 'completed' } } } });
    expect(events.slice(0, -1).filter(({ data }) => 'envelope' in data)).toEqual([]);
    expect(headers['content-location']).toBe(`/prod${RUN}/${String(events[0]?.data['run_id'])}`);
  });
});

describe('a run', () => {
  test('is found by its id and by its job, and is on the list', async () => {
    const { json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'echo', input: { text: 'a' } } });

    const byRun = await bench.ask({ path: `${RUN}/${json.data.run_id}` });
    const byJob = await bench.ask({ path: `${RUN}/${json.data.job_id}` });
    const list = await bench.ask({ path: RUN, query: { workflow: 'echo', status: 'completed', limit: '1' } });

    expect(byRun.json).toEqual(byJob.json);
    expect(list.json.data.map((run: { id: string }) => run.id)).toEqual([json.data.run_id]);
    expect(list.json.cursor).toEqual(expect.any(String));
  });

  test('tells its events after Last-Event-ID', async () => {
    const { json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'echo', input: { text: 'a' } } });
    const path = `${RUN}/${json.data.job_id}/events`;

    const all = await readStream((await bench.ask({ path })).body);
    const rest = await readStream((await bench.ask({ path, headers: { 'last-event-id': '2' } })).body);
    const none = await bench.ask({ path, headers: { 'last-event-id': all.at(-1)?.id ?? '' } });

    expect(rest).toEqual(all.slice(2));
    expect(none.statusCode, 'an EventSource comes back to everything else').toBe(204);
  });

  test.each(['running', 'ended'])('tells all its events after a Last-Event-ID that it never told, while it is %s', async (when) => {
    const workflow = when === 'running' ? { workflow: 'approval' } : { workflow: 'echo', input: { text: 'a' } };
    const { json } = await bench.ask({ method: 'POST', path: RUN, body: workflow });
    const path = `${RUN}/${json.data.run_id}`;

    const following = await bench.ask({ path: `${path}/events`, headers: { 'last-event-id': '9'.repeat(15) } });
    if (when === 'running') await bench.ask({ method: 'POST', path: `${path}/cancel` });

    expect((await readStream(following.body)).map(({ id }) => id).slice(0, 3)).toEqual(['1', '2', '3']);
  });

  test.each(['x', '-1', '1.5', '1e3', '9'.repeat(16), '0x1'])('a Last-Event-ID of %j is refused', async (id) => {
    const { statusCode } = await bench.ask({ path: `${RUN}/${NOBODY}/events`, headers: { 'last-event-id': id } });

    expect(statusCode).toBe(400);
  });

  test('that does not exist is 404 on every route', async () => {
    const posts = ['cancel', 'retry', 'undo', 'checkpoints/chk_00000000000000000000000000'];
    const answers = [
      await bench.ask({ path: `${RUN}/${NOBODY}` }),
      await bench.ask({ path: `${RUN}/${NOBODY}/events` }),
      ...(await Promise.all(posts.map((post) => bench.ask({ method: 'POST', path: `${RUN}/${NOBODY}/${post}` })))),
    ];

    expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 404));
  });

  test('is cancelled with 202, and a second time refused', async () => {
    const { json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'approval' } });
    const path = `${RUN}/${json.data.run_id}/cancel`;

    const first = await bench.ask({ method: 'POST', path, body: {} });
    await readStream((await bench.ask({ path: `${RUN}/${json.data.run_id}/events` })).body);
    const again = await bench.ask({ method: 'POST', path });

    expect([first.statusCode, again.statusCode]).toEqual([202, 409]);
  });

  test('that failed is retried as a new run of the same job', async () => {
    shop = async (stepId) => (stepId === 'charge' ? REJECTED : DONE);
    const failed = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'order' } });
    shop = async () => DONE;

    const { statusCode, json, headers } = await bench.ask({ method: 'POST', path: `${RUN}/${failed.json.data.run_id}/retry`, body: {} });
    const events = await readStream((await bench.ask({ path: `${RUN}/${json.data.run_id}/events` })).body);

    expect(statusCode).toBe(202);
    expect(json.data.job_id).toBe(failed.json.data.job_id);
    expect(json.data.run_id).not.toBe(failed.json.data.run_id);
    expect(headers['location']).toBe(`/prod${RUN}/${json.data.run_id}`);
    expect(events.at(-1)?.event).toBe('run.completed');
  });

  test('whose undo failed can be undone again, and one with nothing left cannot', async () => {
    shop = async (stepId) => (stepId === 'charge' ? REJECTED : DONE);
    const { json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'order' } });

    const { statusCode } = await bench.ask({ method: 'POST', path: `${RUN}/${json.data.run_id}/undo` });

    expect([json.data.status, statusCode]).toEqual(['compensated', 409]);
  });
});

describe('a checkpoint', () => {
  test('is resolved once, and a wrong answer leaves it open', async () => {
    const { json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'approval' } });
    const path = `${RUN}/${json.data.run_id}/checkpoints/${json.data.pending_checkpoint.id}`;

    const wrong = await bench.ask({ method: 'POST', path, body: { decision: 'respond', option: 'never' } });
    const undecided = await bench.ask({ method: 'POST', path, body: { decision: 'perhaps', option: 'soon' } });
    const right = await bench.ask({ method: 'POST', path, body: { decision: 'approve', option: 'soon' } });
    const again = await bench.ask({ method: 'POST', path, body: { decision: 'approve', option: 'soon' } });

    expect([wrong, undecided, right, again].map(({ statusCode }) => statusCode)).toEqual([422, 422, 200, 409]);
  });
});

describe('a callback', () => {
  test('is answered by whoever knows its URL, once', async () => {
    const { json } = await bench.ask({ method: 'POST', path: RUN, body: { workflow: 'hook', mode: 'async' } });
    const follow = await bench.ask({ path: `${RUN}/${json.data.run_id}/events` });
    await until(follow.body, 'step.started');
    const path = new URL(bench.callbacks.at(-1) ?? '').pathname;

    const unknown = await bench.ask({ method: 'POST', path: `${path.slice(0, -4)}zzzz`, key: null, body: { ok: true } });
    const first = await bench.ask({ method: 'POST', path, key: null, body: { ok: true } });
    await readStream((await bench.ask({ path: `${RUN}/${json.data.run_id}/events` })).body);
    const { json: end } = await bench.ask({ path: `${RUN}/${json.data.run_id}` });

    expect([unknown.statusCode, first.statusCode]).toEqual([404, 202]);
    expect(end.data).toMatchObject({ status: 'completed', output: { ok: true } });
  });
});

/** Reads a stream until an event of this type, then lets go of it. */
async function until(body: string | AsyncIterable<string>, type: string): Promise<void> {
  if (typeof body === 'string') throw new Error('it is no stream');
  for await (const part of body) if (part.includes(`event: ${type}`)) return;
}
