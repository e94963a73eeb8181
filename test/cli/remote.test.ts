// The commands that ask a service, against one that says what a test wants: what they ask, what they print, how they end.

import { afterEach, expect, it } from 'vitest';
import type { Checkpoint, Envelope } from '../../sdk/index.ts';
import { cut, envelope, type Handler, json, RUN_ID, refusal, sse, startService, stream, type TestService } from '../sdk/support.ts';
import { beginLine, type Done, line } from './remote-support.ts';
import { fiveCalls, folder, saga } from './support.ts';

let service: TestService | undefined;
let files: ReturnType<typeof folder> | undefined;

afterEach(async () => {
  await service?.close();
  files?.remove();
  service = undefined;
  files = undefined;
});

async function serve(...handlers: Handler[]): Promise<TestService> {
  service = await startService(...handlers);
  return service;
}

/** Runs a command against the service. */
function ask(...args: string[]): Promise<Done> {
  return line([...args, '--url', service?.url ?? '', '--key', 'mk_test']);
}

const asked = (): [string, string, unknown][] =>
  (service?.asked ?? []).map(({ method, url, body }) => [method, url.replace('/api/v2', ''), body === '' ? undefined : JSON.parse(body)]);

const CHECKPOINT: Checkpoint = {
  id: 'chk_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V',
  step_id: 'approve',
  title: 'Pay 120 EUR?',
  prompt: 'An order above the limit.',
  options: [{ value: 'yes', label: 'Pay it' }],
  fields: { type: 'object', properties: { amount: { type: 'number' } } },
  allow: ['approve', 'reject'],
  assets: [],
  opened_at: '2026-01-01T00:00:00.000Z',
  expires_at: '2026-01-02T00:00:00.000Z',
};

const waiting = (...checkpoints: Checkpoint[]): Envelope =>
  envelope('waiting_checkpoint', { pending_checkpoint: checkpoints[0] ?? null, pending_checkpoints: checkpoints });

const ended = (status: 'completed' | 'compensated', more: Partial<Envelope['data']> = {}): Envelope => {
  const made = envelope(status, more);
  made.data.run.completed_at = '2026-01-01T00:00:01.000Z';
  return made;
};

it('run starts a workflow and prints its output', async () => {
  await serve(json(200, ended('completed', { output: { greeting: 'hello' } })));

  const { status, stdout, stderr } = await ask(
    'run',
    'hello',
    '--input',
    '{"name":"Ada"}',
    '--metadata',
    '{"by":"me"}',
    '--idempotency-key',
    'k',
  );

  expect(JSON.parse(stdout)).toEqual({ greeting: 'hello' });
  expect(stderr).toContain('✓ hello completed');
  expect(status).toBe(0);
  expect(asked()).toEqual([['POST', '/orchestrate/run', { workflow: 'hello', input: { name: 'Ada' }, metadata: { by: 'me' } }]]);
  expect(service?.asked[0]?.headers).toMatchObject({ authorization: 'Bearer mk_test', 'idempotency-key': 'k' });
});

it('run ends with 1 when the run failed, and says what was undone', async () => {
  const failed = ended('compensated', { error: { step: 'f', error: 'Maestro.ServiceRejected', message: 'no', also: [] } });
  await serve(json(200, failed));

  const { status, stdout, stderr } = await ask('run', 'hello');

  expect(stderr).toContain('Maestro.ServiceRejected at f: no');
  expect([status, stdout]).toEqual([1, '']);
});

it('run that goes on prints its id alone, and what it waits for', async () => {
  await serve(json(202, waiting(CHECKPOINT)));

  const { status, stdout, stderr } = await ask('run', 'hello', '--mode', 'async');

  expect([status, stdout]).toEqual([0, `${RUN_ID}\n`]);
  expect(stderr).toContain('Pay 120 EUR?');
  expect(stderr).toContain(`maestro resolve ${RUN_ID} ${CHECKPOINT.id} --decision approve|reject --option yes --answer '{"amount": …}'`);
  expect(asked()[0]?.[2]).toEqual({ workflow: 'hello', input: {}, mode: 'async' });
});

it('run --json prints the answer as it is', async () => {
  const answer = waiting(CHECKPOINT);
  await serve(json(202, answer));

  const { stdout, stderr } = await ask('run', 'hello', '--json');

  expect(JSON.parse(stdout)).toEqual(answer);
  expect(stderr).toBe('');
});

it('run --follow shows the steps over a cut connection, asks what a checkpoint wants, and prints the output', async () => {
  const event = (n: number, type: string, more: object): string =>
    sse(n, type).replace(/"at":"[^"]*"/, (at) => `${at},${JSON.stringify(more).slice(1, -1)}`);
  const last = sse(5, 'run.completed').replace(/}\n\n$/, `,"envelope":${JSON.stringify(ended('completed', { output: 7 }))}}\n\n`);
  await serve(
    stream(sse(1, 'run.started') + event(2, 'step.started', { step: 'a', place: '0001' }), 'cut'),
    stream(
      event(3, 'step.completed', { step: 'a', place: '0001' }) + event(4, 'checkpoint.waiting', { step: 'approve', place: '0002' }) + last,
    ),
    json(200, waiting(CHECKPOINT)),
  );

  const { status, stdout, stderr } = await ask('run', 'hello', '--follow');

  expect(stderr).toMatch(/✓ a .*\n\? approve .*waits for an answer\n\? Pay 120 EUR\?/);
  expect([status, stdout]).toEqual([0, '7\n']);
});

it('Ctrl-C stops watching; the run is neither cancelled nor lost sight of', async () => {
  await serve(stream(sse(1, 'run.started') + sse(2, 'step.skipped'), 'open'));
  const running = beginLine(['run', 'hello', '--follow', '--url', service?.url ?? ''], { onPrint: () => running.interrupt() });

  const { status, stderr } = await running.done;

  expect(stderr).toContain(`${RUN_ID} goes on`);
  expect(status).toBe(1);
  expect(asked()).toHaveLength(1);
});

it('get shows steps, attempts and open checkpoints', async () => {
  const answer = waiting(CHECKPOINT);
  answer.data.run.attempt = 2;
  answer.data.steps = [
    {
      step_id: 'charge',
      at: '0001',
      kind: 'call',
      status: 'done',
      attempts: 1,
      service: 's',
      provider: null,
      started_at: '2026-01-01T00:00:00.000Z',
      completed_at: '2026-01-01T00:00:00.040Z',
      duration_ms: 40,
      error: null,
      undo_error: null,
      let_go: false,
      reused: true,
    },
  ];
  await serve(json(200, answer));

  const { status, stdout } = await ask('get', RUN_ID);

  expect(stdout).toMatch(/attempt +2\n/);
  expect(stdout).toMatch(/charge +done +40ms +reused\n/);
  expect(stdout).toContain('Pay 120 EUR?');
  expect(status).toBe(0);
});

it('runs passes its filters on and tells how to go on', async () => {
  await serve(json(200, { object: 'list', data: [envelope('failed').data.run], cursor: 'c1' }));

  const { stdout, stderr } = await ask('runs', '--status', 'failed', '--workflow', 'hello', '--limit', '1', '--cursor', 'c0');

  expect(asked()).toEqual([['GET', '/orchestrate/run?status=failed&workflow=hello&limit=1&cursor=c0', undefined]]);
  expect(stdout).toContain(`${RUN_ID}  hello  failed`);
  expect(stderr).toContain("--cursor 'c1'");
});

it('events lists what there is, and puts events', async () => {
  await serve(
    stream(sse(3, 'run.started') + sse(4, 'run.completed', 'completed')),
    json(200, { object: 'events', data: [{ event_id: 'e1' }] }),
  );

  const listed = await ask('events', RUN_ID, '--after', '2', '--json');
  const put = await ask('events', 'put', '--source', 'shop', '--detail-type', 'order.placed', '--detail', '{"id":1}');

  expect(
    listed.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text).id),
  ).toEqual(['3', '4']);
  expect(service?.asked[0]?.headers['last-event-id']).toBe('2');
  expect(put.stdout).toBe('e1\n');
  expect(asked()[1]).toEqual(['POST', '/events', { source: 'shop', 'detail-type': 'order.placed', detail: { id: 1 } }]);
});

it('events of a run that goes on end when nothing more is on record', async () => {
  await serve(stream(sse(1, 'run.started') + sse(2, 'step.started'), 'open'));

  const { status, stdout } = await ask('events', RUN_ID);

  expect(stdout).toMatch(/^1 .*run\.started\n2 .*step\.started\n$/);
  expect(status).toBe(0);
});

it('events put takes a file with a list', async () => {
  const event = { source: 'shop', 'detail-type': 't', detail: {} };
  files = folder({ 'events.json': JSON.stringify([event, event]), 'bad.json': '{"source": "shop"}' });
  await serve(json(200, { object: 'events', data: [] }));
  const put = (...args: string[]): Promise<Done> =>
    line(['events', 'put', ...args, '--url', service?.url ?? ''], { cwd: files?.path ?? '' });

  expect((await put('events.json')).status).toBe(0);
  expect(asked()).toEqual([['POST', '/events', { events: [event, event] }]]);
  expect((await put('bad.json')).status).toBe(2);
  expect((await put('events.json', '--source', 'x')).stderr).toContain('exclude each other');
  expect((await put()).stderr).toContain('put needs a FILE');
  expect(service?.asked).toHaveLength(1);
});

it('resolve answers the one checkpoint that a run waits at', async () => {
  await serve(json(200, waiting(CHECKPOINT)), json(200, envelope('running')));

  const { status, stderr } = await ask('resolve', RUN_ID, '--decision', 'approve', '--option', 'yes', '--answer', '{"amount":3}');

  expect(status).toBe(0);
  expect(stderr).toContain('answered');
  expect(asked()[1]).toEqual([
    'POST',
    `/orchestrate/run/${RUN_ID}/checkpoints/${CHECKPOINT.id}`,
    { amount: 3, option: 'yes', decision: 'approve' },
  ]);
});

it('resolve names the checkpoints where there are several, and says when there is none', async () => {
  await serve(json(200, waiting(CHECKPOINT, { ...CHECKPOINT, id: 'chk_2', title: 'And this?' })), json(200, envelope('running')));

  const several = await ask('resolve', RUN_ID);
  const none = await ask('resolve', RUN_ID);

  expect(several.stderr).toMatch(/waits at 2 checkpoints[\s\S]*chk_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V {2}approve {2}Pay 120 EUR\?\n {2}chk_2/);
  expect(none.stderr).toContain('it waits at no checkpoint; it is running');
  expect([several.status, none.status]).toEqual([2, 2]);
});

it('a wrong answer to a checkpoint is told with what is wrong where', async () => {
  await serve(refusal(422, 'invalid', {}, [{ path: ['amount'], message: 'expected a number' }]));

  const told = await ask('resolve', RUN_ID, CHECKPOINT.id, '--decision', 'edit', '--answer', '{"amount":"x"}');
  const forMachines = await ask('resolve', RUN_ID, CHECKPOINT.id, '--json');

  expect(told.stderr).toBe('it is invalid\n  amount: expected a number\n');
  expect(told.status).toBe(2);
  expect(JSON.parse(forMachines.stdout)).toEqual({
    error: {
      code: 'invalid',
      message: expect.any(String),
      details: [{ path: ['amount'], message: 'expected a number' }],
      request_id: 'req_1',
    },
  });
});

it.each([
  ['cancel', '/cancel', 'cancelled', {}],
  ['undo', '/undo', 'compensated', {}],
])('%s asks for it and shows the run to its end', async (command, route, status) => {
  const over = ended('completed', { status: status as 'compensated' });
  const last = (n: number): string => sse(n, `run.${status}`).replace(/}\n\n$/, `,"envelope":${JSON.stringify(over)}}\n\n`);
  const handlers = command === 'undo' ? [stream(last(3))] : [];
  await serve(...handlers, json(200, envelope('compensating')), stream(last(4)));

  const result = await ask(command, RUN_ID);

  expect(result.status).toBe(0);
  expect(asked().map(([method, url]) => [method, url.split(RUN_ID)[1]])).toEqual([
    ...(command === 'undo' ? [['GET', '/events']] : []),
    ['POST', route],
    ['GET', '/events'],
  ]);
  expect(service?.asked.at(-1)?.headers['last-event-id']).toBe(command === 'undo' ? '3' : undefined);
});

it('cancel --force --no-wait asks once and does not wait', async () => {
  await serve(json(200, envelope('cancelled')));

  expect((await ask('cancel', RUN_ID, '--force', '--no-wait')).status).toBe(0);
  expect(asked()).toEqual([['POST', `/orchestrate/run/${RUN_ID}/cancel`, { force: true }]]);
});

it('retry prints the new run', async () => {
  await serve(json(202, envelope('running')));

  expect(await ask('retry', RUN_ID)).toMatchObject({ status: 0, stdout: `${RUN_ID}\n` });
  expect(asked()).toEqual([['POST', `/orchestrate/run/${RUN_ID}/retry`, {}]]);
});

it('keys create prints the key alone; list and revoke never show one', async () => {
  const key = {
    object: 'key',
    id: 'k1',
    name: 'ci',
    tenant: 'default',
    scopes: ['run'],
    created_at: 'T',
    expires_at: null,
    revoked_at: null,
    rate_limit: 5,
  };
  await serve(
    json(201, { ...key, key: 'mk_k1_secret' }),
    json(200, { object: 'list', data: [key] }),
    json(200, { ...key, revoked_at: 'T2' }),
  );

  const made = await ask('keys', 'create', 'ci', '--scopes', 'run,read', '--expires-in', '720h', '--rate-limit', '5', '--tenant', 'shop');
  const listed = await ask('keys', 'list');
  const revoked = await ask('keys', 'revoke', 'k1');

  expect(made.stdout).toBe('mk_k1_secret\n');
  expect(made.stderr).toContain('shown this once');
  expect(made.stderr).not.toContain('secret');
  expect(listed.stdout).toMatch(/^k1 {2}ci {2}default {2}run/);
  expect(revoked).toMatchObject({ status: 0, stdout: '' });
  expect(asked()).toEqual([
    ['POST', '/keys', { name: 'ci', scopes: ['run', 'read'], tenant: 'shop', expires_in: '720h', rate_limit: 5 }],
    ['GET', '/keys', undefined],
    ['DELETE', '/keys/k1', undefined],
  ]);
});

it('audit verify ends with 1 where something is wrong', async () => {
  const page = (verdict: object): Handler => json(200, { object: 'audit', data: [], heads: [], cursor: null, verdict });
  const problem = { chain: 3, seq: 7, problem: 'altered', message: 'its hash is another' };
  await serve(page({ ok: true, receipts: 9, chains: 4, problems: [] }), page({ ok: false, receipts: 9, chains: 4, problems: [problem] }));

  const good = await ask('audit', 'verify');
  const bad = await ask('audit', 'verify');

  expect(good).toMatchObject({ status: 0, stdout: '✓ 9 receipts in 4 chains: every one is as it was written\n' });
  expect(bad.status).toBe(1);
  expect(bad.stdout).toContain('chain 3, receipt 7: altered: its hash is another');
});

it('audit list pages', async () => {
  const receipt = {
    object: 'audit_receipt',
    request_id: 'req_1',
    auth_mode: 'api_key',
    source: { method: 'POST', route: '/api/v2/orchestrate/run' },
    tenant: 'default',
    created_at: 'T',
    hash: 'h',
    previous_hash: 'p',
    chain: 1,
    seq: 2,
    subject: { action: 'run', run_id: RUN_ID },
  };
  await serve(json(200, { object: 'audit', data: [receipt], heads: [], cursor: 'c2', verdict: null }));

  const { stdout, stderr } = await ask('audit', 'list', '--limit', '1');

  expect(stdout).toContain(`action=run run_id=${RUN_ID}`);
  expect(stderr).toContain('--cursor c2');
});

it('deploy sends files by their own names, what is called first; an invalid one stops it all', async () => {
  const parent = 'name: parent\nversion: "1"\nsteps:\n  - { id: sub, workflow: saga, input: {} }\n';
  files = folder({
    'a-parent.yaml': parent,
    'saga.yaml': saga('http://127.0.0.1:9'),
    'bad.yaml': 'name: bad\n',
    'five.yaml': fiveCalls('http://127.0.0.1:9'),
  });
  await serve(json(200, { object: 'workflow', name: 'x', version: '1' }));
  const deploy = (...names: string[]): Promise<Done> => line(['deploy', ...names, '--url', service?.url ?? ''], { cwd: files?.path ?? '' });

  const good = await deploy('a-parent.yaml', 'saga.yaml');
  const bad = await deploy('five.yaml', 'bad.yaml');

  expect(good.status).toBe(0);
  expect(service?.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'PUT /api/v2/workflows/saga',
    'PUT /api/v2/workflows/parent',
  ]);
  expect(service?.asked[1]?.body).toBe(parent);
  expect(bad.status).toBe(2);
  expect(bad.stderr).toContain('bad.yaml: not valid, so nothing was deployed');
});

it('breakers are listed, and one is closed', async () => {
  const list = { object: 'list', data: [{ origin: 'http://a.test', state: 'open', retry_at: 'T' }] };
  await serve(json(200, list), json(200, list), json(200, list.data[0]), json(200, list));

  const listed = await ask('breakers');
  await ask('breakers', '--reset', 'http://a.test');
  const unknown = await ask('breakers', '--reset', 'http://b.test');

  expect(listed.stdout).toContain('http://a.test  open  until T');
  expect(asked()[2]).toEqual(['POST', '/breakers/http%3A%2F%2Fa.test/reset', {}]);
  expect(unknown.status).toBe(2);
});

it.each([
  [refusal(401, 'unauthorized'), 2, /MAESTRO_API_KEY/],
  [refusal(403, 'forbidden'), 2, /keys create/],
  [refusal(404, 'not_found'), 2, /it is not_found/],
  [refusal(409, 'conflict'), 2, /it is conflict/],
  [refusal(410, 'gone'), 2, /it is gone/],
  [refusal(429, 'rate_limited', { 'retry-after': '3600' }), 1, /again in 3600 s/],
  [refusal(501, 'not_implemented'), 1, /it is not_implemented/],
  [json(200, 'a page', { 'content-type': 'text/html' }), 1, /no Maestro service.*--url/s],
] as [Handler, number, RegExp][])('what the service refuses is told with what to do (%#)', async (handler, status, text) => {
  await serve(handler);

  const told = await ask('get', RUN_ID);

  expect(told.stderr).toMatch(text);
  expect(told.status).toBe(status);
});

it('an answer that was lost to a request that changes something is told as such', async () => {
  await serve(cut);

  const { status, stderr } = await ask('cancel', RUN_ID);

  expect(stderr).toContain('may have been done');
  expect(status).toBe(1);
});

it('a question that got no answer changed nothing, and nobody is told to look', async () => {
  await serve(cut);

  const { status, stderr } = await ask('get', RUN_ID);

  expect(stderr).toMatch(/no Maestro service answers there/);
  expect(stderr).not.toContain('may have been done');
  expect(status).toBe(1);
});

it('a workflow that the service does not have is answered with those it has', async () => {
  await serve(refusal(404, 'not_found'), json(200, { object: 'list', data: [{ name: 'hello' }, { name: 'order' }] }));

  const { status, stderr } = await ask('run', 'helo');

  expect(stderr).toMatch(/^workflow helo: .*it has hello, order\. Did you mean hello\? `maestro deploy FILE`/);
  expect(status).toBe(2);
});

it('a key that may not list workflows gets the refusal alone', async () => {
  await serve(refusal(404, 'not_found'), refusal(403, 'forbidden'));

  expect((await ask('run', 'helo')).stderr).toMatch(/it is not_found/);
});

it('what is wrong is told once, and in commands', async () => {
  const details = [{ path: ['id'], message: 'expected a run id' }];
  await serve(
    json(422, { error: { code: 'invalid', message: 'path.id: expected a run id', details, request_id: 'req_1' } }),
    json(404, {
      error: { code: 'not_found', message: 'no such run. `GET /api/v2/orchestrate/run` lists those there are.', request_id: 'req_2' },
    }),
  );

  expect((await ask('get', 'x')).stderr).toBe('path.id: expected a run id\n');
  expect((await ask('get', RUN_ID)).stderr).toBe('no such run. `maestro runs` lists those there are.\n');
});

it('where no service is, it is said how to get one', async () => {
  files = folder({});
  const url = (await serve(cut)).url;
  await service?.close();

  const nobody = await line(['keys', 'list'], { cwd: files.path });
  const gone = await line(['keys', 'create', 'x', '--url', url]);

  expect(nobody.stderr).toMatch(/no service was named, and no `maestro dev` holds the data folder .*\.maestro/);
  expect(gone.stderr).toMatch(/no Maestro service answers there .*ECONNREFUSED.*maestro dev/s);
  expect([nobody.status, gone.status]).toEqual([2, 1]);
});

it('the environment names service and key; --data turns to the data folder instead', async () => {
  files = folder({});
  await serve(json(200, { object: 'list', data: [], cursor: null }));
  const env = { MAESTRO_URL: service?.url ?? '', MAESTRO_API_KEY: 'mk_env' };

  const remote = await line(['runs', '--json'], { env });
  const local = await line(['runs', '--json', '--data', 'none'], { env, cwd: files.path });
  const both = await line(['runs', '--data', 'none', '--url', 'http://a.test']);

  expect(service?.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer mk_env']);
  expect(JSON.parse(local.stdout)).toEqual(JSON.parse(remote.stdout));
  expect(both.stderr).toContain('--url and --data exclude each other');
});

it('runs in a folder without data says where it looked, to people', async () => {
  files = folder({});

  const people = await line(['runs'], { cwd: files.path });
  const machine = await line(['runs', '--json'], { cwd: files.path });

  expect(people).toMatchObject({ status: 0, stdout: '' });
  expect(people.stderr).toMatch(/data folder .*\.maestro: there is none\..*\nno runs\n/);
  expect(machine.stderr).toBe('');
  expect(JSON.parse(machine.stdout)).toEqual({ object: 'list', data: [], cursor: null });
});

it.each([
  [['run', 'hello', '--mode', 'later'], /--mode is "later"/],
  [['run', 'hello', '--input', '{'], /--input: this is not JSON/],
  [['run', 'hello', '--metadata', '[]'], /--metadata is no object/],
  [['resolve', RUN_ID, '--decision', 'maybe'], /--decision is "maybe"/],
  [['resolve', RUN_ID, '--answer', '3'], /--answer is no object/],
  [['events', RUN_ID, '--after', '-1x'], /--after is "-1x"/],
  [['events', RUN_ID, 'more'], /"more" is one argument too many/],
  [['run', 'flows/hello.yaml'], /"flows\/hello.yaml" looks like a file.*maestro execute FILE/],
  [['keys'], /nothing was said to do; expected create NAME \| list \| revoke ID/],
  [['keys', 'create'], /NAME is missing/],
  [['keys', 'revoke'], /ID is missing; `maestro keys list`/],
  [['keys', 'make', 'x'], /"make x" is none of/],
  [['keys', 'create', 'x', '--scopes', 'root'], /--scopes has "root"/],
  [['audit', 'check'], /"check" is none of/],
  [['runs', '--url', 'ftp://x'], /baseUrl/],
] as [string[], RegExp][])('wrong usage is told before anything is asked: %j', async (args, text) => {
  await serve(json(500, {}));
  const options = args.includes('--url') ? [] : ['--url', service?.url ?? ''];

  const { status, stderr } = await line([...args, ...options]);

  expect(stderr).toMatch(text);
  expect(status).toBe(2);
  expect(service?.asked).toHaveLength(0);
});
