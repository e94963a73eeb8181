// The commands against a `maestro dev` that runs as a process: found through the data folder, and by URL and key.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { beginLine, type Done, line } from './remote-support.ts';
import { fiveCalls, folder, type MockService, type Started, saga, startMaestro, startService } from './support.ts';

let service: MockService;
let files: ReturnType<typeof folder>;
let dev: Started;
let url: string;
let key: string;

const APPROVAL = `name: approval
version: "1"
steps:
  - id: ask
    checkpoint: { title: "Pay?", timeout: 1h, allow: [edit, reject], fields: { type: object, required: [amount], properties: { amount: { type: number } } } }
    output: answer
output: { amount: "{{ .answer.answer.amount }}" }
`;

const TRIGGERED = `name: triggered
version: "1"
triggers:
  - event: { source: [shop], detail-type: [placed] }
    input: { id: "{{ .event.detail.id }}" }
steps:
  - { id: pause, wait: 1ms }
output: { id: "{{ .input.id }}" }
`;

/** Its undo is refused as long as the path says so. */
function stuck(at: string): string {
  return `name: stuck
version: "1"
services:
  s: { type: http, endpoint: "${at}" }
steps:
  - { id: a, service: s, method: "POST /a", compensate: { method: "POST /fail-undo", on_unknown: true } }
  - { id: f, service: s, method: "POST /fail" }
`;
}

const maestro = (...args: string[]): Promise<Done> => line(args, { cwd: files.path });
const json = async (...args: string[]): Promise<{ [name: string]: unknown } & { data: never }> =>
  JSON.parse((await maestro(...args, '--json')).stdout);

beforeAll(async () => {
  service = await startService();
  files = folder({
    'five.yaml': fiveCalls(service.url),
    'saga.yaml': saga(service.url),
    'stuck.yaml': stuck(service.url),
    'approval.yaml': APPROVAL,
    'triggered.yaml': TRIGGERED,
  });
  dev = startMaestro(['dev', '.', '--port', '0', '--json'], { cwd: files.path, timeoutMs: 120_000 });
  const ready = JSON.parse(await dev.line('"kind":"ready"'));
  url = ready.urls.api;
  key = ready.api_key;
});

afterAll(async () => {
  dev.child.kill('SIGKILL');
  await dev.ended;
  await service.close();
  files.remove();
});

it('a workflow is run by name, and its run is found, with and without naming the service', async () => {
  const ran = await maestro('run', 'five', '--input', '{"a":1}');
  const followed = await maestro('run', 'five', '--follow');
  const listed = await json('runs', '--workflow', 'five');
  const [{ id }] = listed.data as [{ id: string }];
  const here = await json('get', id);
  const remote = await json('get', id, '--url', url, '--key', key);

  expect(JSON.parse(ran.stdout)).toHaveProperty('last');
  expect(followed.stderr).toMatch(/✓ a .*\n✓ b .*\n✓ c .*\n✓ d .*\n✓ e .*\n✓ five completed/);
  expect([ran.status, followed.status]).toEqual([0, 0]);
  expect(here).toMatchObject({ object: 'orchestration', data: { run_id: id, status: 'completed', run: { mode: 'sync' } } });
  expect(remote).toEqual(here);
});

it('a checkpoint is shown, a wrong answer is refused with what is wrong, a right one lets the run go on', async () => {
  const started = await maestro('run', 'approval');
  const id = started.stdout.trim();
  const wrong = await maestro('resolve', id, '--decision', 'edit', '--answer', '{"amount":"much"}');
  const right = await maestro('resolve', id, '--decision', 'edit', '--answer', '{"amount":12}');
  const again = await maestro('resolve', id);
  const events = await maestro('events', id, '--follow', '--json');

  expect(started.stderr).toContain('Pay?');
  expect(wrong.stderr).toContain('amount');
  expect([started.status, wrong.status, right.status, again.status]).toEqual([0, 2, 0, 2]);
  expect(again.stderr).toContain('waits at no checkpoint');
  const last = JSON.parse(events.stdout.trim().split('\n').at(-1) ?? '');
  expect(last).toMatchObject({ type: 'run.completed', envelope: { data: { output: { amount: 12 } } } });
});

it('a failed run is retried and cancelled', async () => {
  const failed = await maestro('run', 'saga');
  const [{ id }] = (await json('runs', '--workflow', 'saga', '--status', 'compensated')).data as [{ id: string }];
  const hold = service.hold('/b');
  const retried = beginLine(['retry', id, '--follow'], { cwd: files.path });
  await hold.arrived;
  const [{ id: second, attempt }] = (await json('runs', '--workflow', 'saga', '--status', 'running')).data as [
    { id: string; attempt: number },
  ];
  const asked = await maestro('cancel', second, '--no-wait');
  hold.release();
  const ended = await retried.done;

  expect(failed.stderr).toContain('undone, in this order: b, a');
  expect(attempt).toBe(2);
  expect(asked.status).toBe(0);
  expect(ended.stderr).toContain('saga cancelled');
  expect([failed.status, ended.status]).toEqual([1, 1]);
  expect((await maestro('cancel', second)).stderr).toContain('it has ended');
});

it('what an undo left is undone again, and only what happens then is shown', async () => {
  const failed = await maestro('run', 'stuck');
  const [{ id }] = (await json('runs', '--status', 'compensation_failed')).data as [{ id: string }];
  const before = service.log.filter((text) => text.includes('/fail-undo')).length;
  const undone = await maestro('undo', id);

  expect(failed.stderr).toContain(`maestro undo ${id}`);
  expect(undone.status).toBe(1);
  expect(undone.stderr).toMatch(/^undoing, last step first.*\n✗ a .*undo failed/);
  expect(service.log.filter((text) => text.includes('/fail-undo')).length).toBeGreaterThan(before);
});

it('a key is made, is good for what it may do, and is refused once it is revoked', async () => {
  const made = await maestro('keys', 'create', 'reader', '--scopes', 'read');
  const text = made.stdout.trim();
  const reads = await maestro('runs', '--url', url, '--key', text);
  const starts = await maestro('run', 'five', '--url', url, '--key', text);
  const keys: { id: string; name: string }[] = (await json('keys', 'list')).data;
  const id = keys.find(({ name }) => name === 'reader')?.id ?? '';
  const revoked = await maestro('keys', 'revoke', id);
  const refused = await maestro('runs', '--url', url, '--key', text);
  const forged = await maestro('runs', '--url', url);

  expect(made.stdout).toMatch(/^mk_\S+\n$/);
  expect([made, reads, starts, revoked, refused, forged].map(({ status }) => status)).toEqual([0, 0, 2, 0, 2, 2]);
  expect(starts.stderr).toContain('keys create');
  expect(refused.stderr).toContain('MAESTRO_API_KEY');
});

it('an event starts the workflow that waits for it', async () => {
  const put = await maestro('events', 'put', '--source', 'shop', '--detail-type', 'placed', '--detail', '{"id":"A-1"}');
  await dev.said('"workflow":"triggered"');
  const listed = await json('runs', '--workflow', 'triggered');
  const [{ id }] = listed.data as [{ id: string }];
  const events = await maestro('events', id, '--follow', '--json');

  expect(put.status).toBe(0);
  expect(JSON.parse(events.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
    envelope: { data: { output: { id: 'A-1' }, run: { mode: 'event' } } },
  });
});

it('a workflow is deployed and run', async () => {
  const other = folder({ 'later.yaml': 'name: later\nversion: "7"\nsteps:\n  - { id: pause, wait: 1ms }\noutput: { now: true }\n' });
  const deployed = await line(['deploy', 'later.yaml', '--url', url, '--key', key], { cwd: other.path });
  const ran = await maestro('run', 'later');
  other.remove();

  expect(deployed.stderr).toContain('deployed as later, version 7');
  expect(JSON.parse(ran.stdout)).toEqual({ now: true });
});

it('breakers and the audit chain are there', async () => {
  const verdict = await json('audit', 'verify');

  expect((await maestro('breakers')).status).toBe(0);
  expect(verdict).toMatchObject({ ok: true, problems: [] });
  expect(verdict['receipts']).toBeGreaterThan(5);
  expect((await maestro('audit', 'list', '--limit', '3')).stdout.split('\n')).toHaveLength(4);
});

it('without the service, the data folder says the same of a run, and can undo and cancel', async () => {
  const [{ id }] = (await json('runs', '--workflow', 'five')).data as [{ id: string }];
  const served = await json('get', id);
  const waiting = (await maestro('run', 'approval', '--mode', 'async')).stdout.trim();
  const [{ id: left }] = (await json('runs', '--status', 'compensation_failed')).data as [{ id: string }];
  dev.child.kill('SIGKILL');
  await dev.ended;

  const alone = await json('get', id);
  const undone = await maestro('undo', left);
  const cancelled = await maestro('cancel', waiting);

  expect(alone).toEqual(served);
  expect(undone.stderr).toContain('undo failed');
  expect(cancelled.stderr).toContain('approval cancelled');
  expect([undone.status, cancelled.status]).toEqual([1, 0]);
});
