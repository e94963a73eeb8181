// Starting runs, every way there is, and finding them again.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Envelope } from '../../sdk/index.ts';
import { ended, newTag, openTarget, type Target } from './support/target.ts';

let target: Target;

beforeAll(async () => {
  target = await openTarget();
});

afterAll(() => target.close());

const RUN = '/api/v2/orchestrate/run';

function post(body: unknown, headers: { [name: string]: string } = {}): Promise<Response> {
  return target.fetch(RUN, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
}

describe('starting a workflow by its name', () => {
  test('sync: the answer is the run as it ended', async () => {
    const tag = newTag();

    const response = await post({ workflow: 'e2e_one', input: { tag, n: 7 }, metadata: { from: 'the suite' } });
    const { object, data } = (await response.json()) as Envelope;

    expect(response.status).toBe(200);
    expect(object).toBe('orchestration');
    expect(data).toMatchObject({
      job_id: expect.stringMatching(/^job_[0-9A-Z]{26}$/),
      run_id: expect.stringMatching(/^run_[0-9A-Z]{26}$/),
      status: 'completed',
      input: { tag, n: 7 },
      output: { said: 'one', n: 7 },
      error: null,
      pending_checkpoint: null,
      job: { object: 'job', kind: 'orchestration', status: 'completed', mode: 'sync', durability: 'persisted' },
      run: { object: 'run', workflow: 'e2e_one', version: '1', attempt: 1, metadata: { from: 'the suite' } },
      audit_receipt: { object: 'audit_receipt', tenant: expect.any(String), auth_mode: expect.any(String) },
    });
    expect(data.steps.map(({ step_id, status }) => [step_id, status])).toEqual([['one', 'done']]);
    expect(target.services.steps(tag)).toEqual(['one']);
    expect(target.services.asked(tag)[0]?.key).toContain(data.run_id);
  });

  test('async: the answer is 202 at once, and the run is asked for until it has ended', async () => {
    const tag = newTag();
    const go = Promise.withResolvers<undefined>();
    target.services.script(tag, () => go.promise);

    const response = await post({ workflow: 'e2e_one', input: { tag }, mode: 'async' });
    const started = (await response.json()) as Envelope;
    await target.services.arrived(tag, 'one');
    const during = await target.maestro.orchestrate.get(started.data.run_id);
    go.resolve(undefined);
    await ended(target, started.data.run_id);
    const after = await target.maestro.orchestrate.get(started.data.job_id);

    expect(response.status).toBe(202);
    expect(during.data.status).toBe('running');
    expect(during.data.steps.map(({ status }) => status)).toEqual(['started']);
    expect(after.data).toMatchObject({ run_id: started.data.run_id, status: 'completed' });
  });

  test('queued: it is accepted, comes to its turn, and is started once', async () => {
    const tag = newTag();

    const response = await post({ workflow: 'e2e_one', input: { tag }, mode: 'queued' });
    const started = (await response.json()) as Envelope;
    const { data } = await ended(target, started.data.run_id);

    expect(response.status).toBe(202);
    expect(started.data.job.mode).toBe('queued');
    expect(data).toMatchObject({ run_id: started.data.run_id, status: 'completed' });
    expect(target.services.steps(tag)).toEqual(['one']);
  });

  test('an Express workflow is run and recorded like any other, but not queued', async () => {
    const tag = newTag();

    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_express', input: { tag } });
    const again = await target.maestro.orchestrate.get(data.run_id);
    const queued = await post({ workflow: 'e2e_express', input: { tag }, mode: 'queued' });

    expect(data).toMatchObject({ status: 'completed', output: { said: 'one' } });
    expect(again.data).toMatchObject({ job_id: data.job_id, status: 'completed' });
    expect(queued.status).toBe(422);
    expect(target.services.steps(tag)).toEqual(['one']);
  });

  test('a hundred queued at once all end, each with the one call that is its own', async () => {
    const tags = Array.from({ length: 100 }, newTag);

    const started = await Promise.all(
      tags.map((tag) => target.maestro.orchestrate.run({ workflow: 'e2e_one', input: { tag }, mode: 'queued' })),
    );
    const all = await Promise.all(started.map(({ data }) => ended(target, data.run_id)));

    expect(new Set(all.map(({ data }) => data.run_id)).size).toBe(100);
    expect(all.map(({ data }) => data.status)).toEqual(tags.map(() => 'completed'));
    expect(tags.map((tag) => target.services.steps(tag).length)).toEqual(tags.map(() => 1));
  });

  test('one that runs another: both are run, and both can be looked at', async () => {
    const tag = newTag();

    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_parent', input: { tag } });
    const children = await target.maestro.orchestrate.list({ workflow: 'e2e_saga', limit: 100 });

    expect(data).toMatchObject({ status: 'completed', output: { inner: true } });
    expect(target.services.steps(tag)).toEqual(['before', 'first', 'second', 'third', 'after']);
    expect(children.data.filter(({ mode }) => mode === 'child').length).toBeGreaterThan(0);
  });
});

describe('what is not started', () => {
  test('a workflow that is not there is 404, an input against its schema 422 with the place', async () => {
    const unknown = await post({ workflow: 'e2e_nothing', input: {} });
    const wrong = await post({ workflow: 'e2e_one', input: { tag: 1 } });

    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: 'not_found', request_id: expect.stringMatching(/^req_/) } });
    expect(wrong.status).toBe(422);
    expect(await wrong.json()).toMatchObject({ error: { code: 'invalid', details: [{ path: ['input', 'tag'] }] } });
  });

  test('what is no JSON, nothing that was asked for, or of another type is refused as such', async () => {
    const statuses = [
      (await target.fetch(RUN, { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } })).status,
      (await post({})).status,
      (await target.fetch(RUN, { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } })).status,
      (await target.fetch(RUN, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', authorization: '' } })).status,
      (await target.fetch(`${RUN}/run_00000000000000000000000000`)).status,
    ];

    expect(statuses).toEqual([400, 422, 415, 401, 404]);
  });
});

describe('starting again with the same Idempotency-Key', () => {
  test('the same request is the same job, and another one is refused', async () => {
    const tag = newTag();
    const key = { 'idempotency-key': `key-${tag}` };

    const answers = await Promise.all([1, 2, 3].map(() => post({ workflow: 'e2e_one', input: { tag } }, key)));
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as Envelope[];
    const other = await post({ workflow: 'e2e_one', input: { tag, n: 1 } }, key);

    expect(new Set(bodies.map(({ data }) => data.job_id)).size).toBe(1);
    expect(target.services.steps(tag)).toEqual(['one']);
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ error: { code: 'conflict' } });
  });
});

describe('listing runs', () => {
  test('pages lead through all of them, newest first, each once', async () => {
    const tag = newTag();
    const since = new Date().toISOString();
    const made: string[] = [];
    for (let n = 0; n < 7; n++) {
      const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_one', input: { tag, n } });
      made.push(data.run_id);
    }

    const first = await target.maestro.orchestrate.list({ workflow: 'e2e_one', since, limit: 3 });
    const all: string[] = [];
    for await (const run of target.maestro.orchestrate.listAll({ workflow: 'e2e_one', since, limit: 3 })) all.push(run.id);

    expect(first.data).toHaveLength(3);
    expect(first.cursor).not.toBeNull();
    expect(all).toEqual(made.toReversed());
  });

  test('filters by status, and refuses a cursor that it did not give out', async () => {
    const tag = newTag();
    const since = new Date().toISOString();
    target.services.script(tag, () => ({ status: 422 }));
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_one', input: { tag } });

    const failed = await target.maestro.orchestrate.list({ workflow: 'e2e_one', status: 'failed', since });
    const bad = await target.fetch(`${RUN}?cursor=nonsense`);

    expect(data.status).toBe('failed');
    expect(failed.data.map(({ id }) => id)).toEqual([data.run_id]);
    expect(bad.status).toBe(422);
  });
});
