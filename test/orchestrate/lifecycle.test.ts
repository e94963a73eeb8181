import { afterEach, describe, expect, test } from 'vitest';
import { envelopeSchema, type ResolveRequest } from '../../shared/contract/index.ts';
import { listEvents, type RunEvent } from '../../shared/runs/index.ts';
import { ok, rejected, type WorldOptions } from '../semantics/world.ts';
import { createServiceWorld, ME, type ServiceWorld, SOURCE } from './world.ts';

let world: ServiceWorld;

afterEach(() => world.close());

const HEAD =
  'name: w\nversion: "1"\ntimeout: 1h\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false, retry: { attempts: 1 } }\n';
const CALL = (id: string, undo = true) =>
  `  - { id: ${id}, service: s, method: /${id}${undo ? `, compensate: { service: s, method: /un${id} }` : ''} }\n`;
const ASK =
  '  - { id: ask, checkpoint: { title: Well?, allow: [approve, reject, respond], fields: { type: object, required: [n], properties: { n: { type: integer } } }, timeout: 10m }, output: said }\n';
const WAIT = '  - { id: nap, wait: 20m }\n';
const CALLBACK =
  '  - { id: back, service: s, method: /back, await: callback, input: { url: "{{ callback.url }}" }, timeout: 10m, output: got }\n';

async function open(steps: string, options?: WorldOptions): Promise<ServiceWorld> {
  world = await createServiceWorld(`${HEAD}steps:\n${steps}`, options);
  return world;
}

async function start(): Promise<string> {
  return (await world.drive(world.service.run(ME, SOURCE, { workflow: 'w', mode: 'async' }))).runId;
}

describe('a cancel', () => {
  test.each<[string, string, WorldOptions]>([
    ['in a call', `${CALL('a')}${CALL('b')}`, { mock: ({ kind }) => ok({}, kind === 'do' ? 20_000 : 0) }],
    ['in a wait', `${CALL('a')}${WAIT}`, {}],
    ['at a checkpoint', `${CALL('a')}${ASK}`, {}],
  ])('undoes what was done when the run is %s', async (_where, steps, options) => {
    const { service, drive, pass, undos, refused } = await open(steps, options);
    const id = await start();
    await pass(25_000);

    const asked = await drive(service.cancel(ME, SOURCE, id));

    expect(asked.data.run.cancel_requested).toBe(true);
    const ended = await until(id);
    expect(ended).toMatchObject({ status: 'cancelled', error: { error: 'Maestro.Cancelled' }, pending_checkpoint: null });
    expect(ended.undo).toMatchObject({ left: [], unresolved: [] });
    expect(undos().at(-1)).toBe('a');
    expect(ended.undo.undone).toEqual(undos());
    expect(await refused(() => service.cancel(ME, SOURCE, id))).toBe('conflict');
  });

  test('by force lists what is owed, and it can be undone later', async () => {
    const { service, drive, undos } = await open(`${CALL('a')}${ASK}`);
    const { run_id } = await world.settled();

    const forced = await drive(service.cancel(ME, SOURCE, run_id, { force: true }));
    expect(forced.data).toMatchObject({ status: 'compensation_failed', undo: { undone: [], left: [{ step: 'a' }] } });
    expect(undos()).toEqual([]);

    const asked = await drive(service.undo(ME, SOURCE, run_id));
    expect(asked.data.status).toBe('compensating');
    const undone = await until(run_id);
    expect(undone).toMatchObject({ undo: { undone: ['a'], left: [] } });
    expect(undos()).toEqual(['a']);
    expect(await world.refused(() => service.undo(ME, SOURCE, run_id))).toBe('conflict');
  });
});

describe('another undo', () => {
  test('calls what failed, and is refused when there is nothing or the run goes on', async () => {
    let down = true;
    const { service, drive, refused, undos } = await open(`${CALL('a')}${CALL('b')}${CALL('end', false)}`, {
      mock: ({ step, kind }) => (step === 'end' || (kind === 'undo' && step === 'a' && down) ? rejected() : ok({})),
    });
    const failed = await world.settled();
    expect(failed).toMatchObject({
      status: 'compensation_failed',
      undo: { undone: ['b'], left: [{ step: 'a', error: 'Maestro.ServiceRejected' }] },
    });
    expect(failed.steps.find(({ step_id }) => step_id === 'a')).toMatchObject({
      status: 'undo_failed',
      undo_error: { message: 'undo: no' },
    });

    down = false;
    await drive(service.undo(ME, SOURCE, failed.job_id));
    expect(await until(failed.run_id)).toMatchObject({ status: 'compensated', undo: { undone: ['b', 'a'], left: [] } });
    expect(undos()).toEqual(['b', 'a', 'a']);
    expect(await refused(() => service.undo(ME, SOURCE, failed.run_id))).toBe('conflict');
  });
});

describe('another undo of a run whose sub-workflow could not be undone', () => {
  const STEPS = `${CALL('p')}  - { id: sub, workflow: kid }\n${CALL('end', false)}`;
  const KID = `${HEAD.replace('name: w', 'name: kid')}steps:\n${CALL('k1')}${CALL('k2')}`;

  test.each([
    ['undoes what the sub-workflow left', 1, 'compensated', ['k2', 'k1', 'p', 'k2']],
    ['tells that it is left when it fails again', 2, 'compensation_failed', ['k2', 'k1', 'p', 'k2']],
  ])('%s', async (_what, times, status, undos) => {
    let left = times;
    world = await createServiceWorld([`${HEAD}steps:\n${STEPS}`, KID], {
      mock: ({ step, kind }) => (step === 'end' || (step === 'k2' && kind === 'undo' && left-- > 0) ? rejected('not now') : ok({})),
    });
    const failed = await world.settled();
    expect(failed).toMatchObject({ status: 'compensation_failed', undo: { left: [{ step: 'sub' }] } });

    await world.drive(world.service.undo(ME, SOURCE, failed.run_id));
    const again = await until(failed.run_id);

    expect(again).toMatchObject({ status, undo: { left: status === 'compensated' ? [] : [{ step: 'sub' }] } });
    expect(world.undos()).toEqual(undos);
    const child = (await world.drive(world.service.list(ME, { workflow: 'kid' }))).data[0];
    expect(child?.status).toBe(status);
  });
});

describe('a checkpoint', () => {
  test('is shown while it is open and answered once, by whoever may', async () => {
    const { service, drive, refused, settled, settle } = await open(`${CALL('a')}${ASK}${CALL('b')}`);
    const waiting = await settled();
    const id = waiting.pending_checkpoint?.id ?? '';
    const answer = (body: ResolveRequest, checkpoint = id) => service.resolveCheckpoint(ME, SOURCE, waiting.run_id, checkpoint, body);

    expect(envelopeSchema.shape.data.parse(waiting)).toEqual(waiting);
    expect(waiting).toMatchObject({
      status: 'waiting_checkpoint',
      pending_checkpoint: { step_id: 'ask', title: 'Well?', allow: ['approve', 'reject', 'respond'] },
      steps: [{ step_id: 'a' }, { step_id: 'ask', kind: 'checkpoint', status: 'waiting' }],
    });
    expect(JSON.stringify(waiting)).not.toContain('token');
    await expect(drive(answer({ n: 'many' }))).rejects.toMatchObject({ code: 'invalid', details: [{ path: ['n'] }] });
    expect(await refused(() => answer({ n: 1 }, `chk_${'0'.repeat(26)}`))).toBe('not_found');
    await drive(answer({ n: 1 }));
    expect(await refused(() => answer({ n: 2 }))).toBe('conflict');
    expect(await settle(waiting.run_id)).toMatchObject({
      status: 'completed',
      output: { said: { decision: 'respond', answer: { n: 1 }, by: ME.principal } },
      pending_checkpoints: [],
    });
  });

  test('takes no answer when its time is over', async () => {
    const { service, pass, refused, settled } = await open(ASK);
    const waiting = await settled();
    await pass(600_001);

    expect(await refused(() => service.resolveCheckpoint(ME, SOURCE, waiting.run_id, waiting.pending_checkpoint?.id ?? '', { n: 1 }))).toBe(
      'gone',
    );
  });

  test('that is rejected undoes the run', async () => {
    const { service, drive, settled } = await open(`${CALL('a')}${ASK}`);
    const waiting = await settled();

    await drive(
      service.resolveCheckpoint(ME, SOURCE, waiting.job_id, waiting.pending_checkpoint?.id ?? '', { decision: 'reject', reason: 'no' }),
    );

    expect(await until(waiting.run_id)).toMatchObject({
      status: 'compensated',
      error: { error: 'Maestro.Rejected', step: 'ask' },
      undo: { undone: ['a'] },
    });
  });
});

describe('a callback', () => {
  test('is answered by its token alone, once; what answers it is in the audit', async () => {
    const { service, drive, refused, pass, settle, audit } = await open(CALLBACK);
    const id = await start();
    await pass(1_000);
    const input = world.calls[0]?.input as { url: string };
    const token = input.url.split('/').at(-1) ?? '';

    expect(await refused(() => service.answerCallback(SOURCE, `${token}x`, 1))).toBe('not_found');
    expect(await refused(() => service.answerCallback(SOURCE, 'nonsense', 1))).toBe('not_found');
    await drive(service.answerCallback(SOURCE, token, { v: 9 }));
    expect(await settle(id)).toMatchObject({ status: 'completed', output: { got: { v: 9 } } });
    expect(await refused(() => service.answerCallback(SOURCE, token, { v: 10 }))).toBeNull();
    expect((await world.get(id)).output).toEqual({ got: { v: 9 } });
    const receipts = (await drive(audit.list('acme', { limit: 100 }))).data;
    expect(receipts.map(({ auth_mode }) => auth_mode).sort()).toEqual(['api_key', 'callback']);
  });
});

describe('events', () => {
  test('come from where one asks, and end with the run', async () => {
    const { service, drive } = await open(CALL('a'));
    const id = await start();
    const { events, jobId, runId } = await drive(service.events(ME, id, 2));
    const seen: RunEvent[] = [];
    await drive(
      (async () => {
        for await (const event of events) seen.push(event);
      })(),
    );

    expect(jobId.slice(4)).toBe(runId.slice(4));
    expect(seen.map(({ n }) => n)).toEqual([3, 4, 5, 6]);
    expect(seen.at(-1)?.type).toBe('run.completed');
  });
});

describe('a step that a condition passes over', () => {
  const STEPS = [
    CALL('a', false),
    '  - { id: b, when: "{{ .input.b }}", service: s, method: /b }\n',
    '  - id: which\n    switch:\n      - when: "{{ .input.b }}"\n        steps: [{ id: yes, service: s, method: /yes }]\n      - steps: [{ id: no, service: s, method: /no }]\n',
    '  - { id: ask, when: "{{ .input.b }}", checkpoint: { title: Well?, timeout: 10m } }\n',
    '  - id: each\n    foreach: "{{ .input.list }}"\n    steps: [{ id: one, when: "{{ .item }}", service: s, method: /one }]\n',
  ].join('');

  test('is shown and told as skipped when the run is completed', async () => {
    await open(STEPS);
    const run = await world.settled({ input: { b: false, list: [true, false] } });
    const events = await listEvents(world.runtime.runs, run.run_id);

    expect(run.steps.map(({ step_id, status }) => `${step_id} ${status}`)).toEqual([
      'a done',
      'b skipped',
      'yes skipped',
      'no done',
      'ask skipped',
      'one done',
    ]);
    expect(events.filter(({ type }) => type === 'step.skipped').map(({ step }) => step)).toEqual(['b', 'yes', 'ask']);
    expect(events.at(-1)?.type).toBe('run.completed');
  });
});

/** Drives time until the run has ended. */
async function until(id: string): Promise<Awaited<ReturnType<ServiceWorld['settle']>>> {
  for (let tries = 0; tries < 100; tries++) {
    const run = await world.settle(id);
    if (run.run.completed_at !== null && run.status !== 'compensating') return run;
    await world.pass(1_000);
  }
  throw new Error(`run ${id} does not end`);
}
