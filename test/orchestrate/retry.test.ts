import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { moveJob } from '../../shared/orchestrate/jobs.ts';
import { dedupeName } from '../../shared/protocol/run-id.ts';
import { lost, type Mock, ok, rejected, type WorldOptions } from '../semantics/world.ts';
import { createServiceWorld, ME, type ServiceWorld, SOURCE } from './world.ts';

let world: ServiceWorld;

afterEach(() => world.close());

const HEAD = 'version: "1"\ntimeout: 1h\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false }\n';

function file(steps: string, name = 'w'): string {
  return `name: ${name}\n${HEAD}steps:\n${steps}`;
}

async function open(files: string | string[], options: WorldOptions = {}): Promise<void> {
  world = await createServiceWorld(files, options);
}

/** What was called since the last time that this was asked. */
function callsSince(): () => string[] {
  let seen = 0;
  return () => {
    const log = world.log();
    const fresh = log.slice(seen);
    seen = log.length;
    return fresh;
  };
}

async function retry(id: string): Promise<Awaited<ReturnType<ServiceWorld['settle']>>> {
  const { runId } = await world.drive(world.service.retry(ME, SOURCE, id));
  return world.settle(runId);
}

const SEQUENCE = [
  '  - { id: a, service: s, method: /a, input: { n: "{{ .input.n }}" }, output: av }',
  '  - { id: b, service: s, method: /b, input: { from: "{{ .av.v }}" }, output: bv }',
  '  - id: each',
  '    foreach: "{{ .input.list }}"',
  '    steps:',
  '      - { id: one, service: s, method: /one, input: { item: "{{ .item }}" } }',
  '  - id: both',
  '    parallel:',
  '      - { id: l, service: s, method: /l }',
  '      - { id: r, service: s, method: /r, input: { b: "{{ .bv.v }}" } }',
  '  - id: nest',
  '    parallel:',
  '      - id: inner',
  '        foreach: "{{ .input.list }}"',
  '        steps:',
  '          - { id: in, service: s, method: /in, input: { item: "{{ .item }}", b: "{{ .bv.v }}" } }',
  '      - id: pick',
  '        switch:',
  '          - when: "{{ .input.n == 1 }}"',
  '            steps: [{ id: yes, service: s, method: /yes, input: { n: "{{ .input.n }}" } }]',
  '          - steps: [{ id: no, service: s, method: /no }]',
  '  - { id: end, service: s, method: /end, input: { b: "{{ .bv.v }}" } }',
  '',
].join('\n');

const INPUT: Json = { n: 1, list: ['x', 'y', 'z'] };

/** Every request of a whole run, and the one that fails in the first. */
const PLACES = ['a', 'b', 'one[0]', 'one[1]', 'one[2]', 'l', 'r', 'in[0]', 'in[1]', 'in[2]', 'yes', 'end'];

describe('a retry', () => {
  test.each(PLACES)('after %s failed calls only what had not been done', async (place) => {
    let down = true;
    const mock: Mock = ({ step, items }) => {
      const name = `${step}${items.map((item) => `[${item}]`).join('')}`;
      return down && name === place ? rejected() : ok({ v: name });
    };
    await open(file(SEQUENCE), { mock });
    const fresh = callsSince();

    const failed = await world.settled({ input: INPUT });
    expect(failed).toMatchObject({ status: 'failed', error: { error: 'Maestro.ServiceRejected' } });
    const done = fresh().filter((name) => name !== place);

    down = false;
    const again = await retry(failed.job_id);
    const called = fresh();
    expect(again).toMatchObject({ status: 'completed', job_id: failed.job_id, run: { attempt: 2, retry_of: failed.run_id } });
    expect(called.filter((name) => done.includes(name))).toEqual([]);
    expect([...done, ...called].sort()).toEqual([...PLACES].sort());
    const reused = again.steps.filter((step) => step.reused);
    expect(reused).toHaveLength(done.length);
  });

  test('of a retry goes on from both', async () => {
    const broken = new Set(['l', 'end']);
    await open(file(SEQUENCE), { mock: ({ step }) => (broken.has(step) ? rejected() : ok({ v: step })) });
    const fresh = callsSince();
    const first = await world.settled({ input: INPUT });
    await retry(first.job_id).then(() => broken.delete('l'));
    const third = await retry(first.job_id);
    broken.clear();
    fresh();

    const last = await retry(first.job_id);

    expect(third).toMatchObject({ status: 'failed', run: { attempt: 3 } });
    expect(last).toMatchObject({ status: 'completed', job_id: first.job_id, run: { attempt: 4, retry_of: third.run_id } });
    expect(fresh()).toEqual(['end']);
    expect((await world.get(first.run_id)).job).toMatchObject({ run_id: last.run_id, status: 'completed' });
    expect((await world.get(first.job_id)).run_id).toBe(last.run_id);
  });

  test('calls again what is asked for otherwise', async () => {
    let answer = 1;
    const steps = `${call('clock')}${call('a', '{ at: "{{ .run.id }}" }')}${call('end')}`;
    await open(file(steps), { mock: ({ step }) => (step === 'end' && answer === 1 ? rejected() : ok({ v: answer })) });
    const fresh = callsSince();
    const failed = await world.settled();
    fresh();

    answer = 2;
    await retry(failed.run_id);

    expect(fresh()).toEqual(['a', 'end']);
  });

  test.each<[string, string, Mock, string[]]>([
    ['something was undone', call('a', null, true), ({ step }) => (step === 'end' ? rejected() : undefined), ['a', 'end']],
    [
      'something is in doubt',
      call('a', null, false, ', on_error: continue'),
      ({ step }) => (step === 'end' ? rejected() : lost()),
      ['a', 'end'],
    ],
    [
      'an undo failed',
      call('a', null, true),
      ({ step, kind }) => (step === 'end' || kind === 'undo' ? rejected() : undefined),
      ['a', 'end'],
    ],
  ])('begins anew when %s', async (_why, steps, mock, expected) => {
    let down = true;
    await open(file(`${steps}${call('end')}`), { mock: (request) => (down ? mock(request) : undefined) });
    const fresh = callsSince();
    const failed = await world.settled();
    fresh();

    down = false;
    expect(await retry(failed.run_id)).toMatchObject({ status: 'completed', run: { attempt: 2 } });
    expect(fresh()).toEqual(expected);
  });

  test('reads large results of the run before as its own', async () => {
    let down = true;
    const large = { v: 'x'.repeat(100_000), small: 1 };
    const steps = `${call('a', null, false, ', output: big')}  - { id: b, service: s, method: /b, input: { all: "{{ .big }}", small: "{{ .big.small }}" } }\n${call('end')}`;
    await open(file(steps), { mock: ({ step }) => (step === 'a' ? ok(large) : step === 'b' && down ? rejected() : ok({})) });
    const fresh = callsSince();
    const failed = await world.settled();
    expect(failed.status).toBe('failed');
    fresh();

    down = false;
    const again = await retry(failed.run_id);

    expect(fresh()).toEqual(['b', 'end']);
    expect(again).toMatchObject({ status: 'completed', output: { big: large } });
    expect(world.calls.at(-2)?.input).toEqual({ all: large, small: 1 });
    expect(JSON.stringify(await world.steps(again.run_id))).not.toContain(failed.run_id);
  });

  test('goes on within the sub-workflow that failed', async () => {
    let down = true;
    const kid = file(`${call('k1')}${call('k2')}`, 'kid');
    const parent = file(`${call('a')}  - { id: done, workflow: other }\n  - { id: run_kid, workflow: kid }\n${call('end')}`);
    await open([parent, kid, file(call('o1'), 'other')], { mock: ({ step }) => (down && step === 'k2' ? rejected() : ok({})) });
    const fresh = callsSince();
    const failed = await world.settled();
    expect(fresh()).toEqual(['a', 'o1', 'k1', 'k2']);

    down = false;
    const again = await retry(failed.run_id);

    expect(again).toMatchObject({ status: 'completed' });
    expect(fresh()).toEqual(['k2', 'end']);
  });

  test('asks no checkpoint and waits for no callback that was answered', async () => {
    let down = true;
    const steps =
      '  - { id: ask, checkpoint: { title: Well?, timeout: 10m }, output: said }\n' +
      '  - { id: back, service: s, method: /back, await: callback, input: { url: "{{ callback.url }}" }, timeout: 10m, output: got }\n' +
      call('end', '{ said: "{{ .said.decision }}", got: "{{ .got.v }}" }');
    await open(file(steps), { mock: ({ step }) => (down && step === 'end' ? rejected() : ok({})) });
    const waiting = await world.settled();
    await world.drive(world.service.resolveCheckpoint(ME, SOURCE, waiting.run_id, waiting.pending_checkpoint?.id ?? '', {}));
    await world.pass(1_000);
    const url = (world.calls[0]?.input as { url: string } | undefined)?.url ?? '';
    await world.drive(world.service.answerCallback(SOURCE, url.split('/').at(-1) ?? '', { v: 9 }));
    expect(await world.settle(waiting.run_id)).toMatchObject({ status: 'failed' });
    const fresh = callsSince();
    fresh();

    down = false;
    const again = await retry(waiting.run_id);

    expect(again).toMatchObject({ status: 'completed', pending_checkpoints: [] });
    expect(fresh()).toEqual(['end']);
    expect(world.calls.at(-1)?.input).toEqual({ said: 'respond', got: 9 });
    expect(again.steps.map(({ reused }) => reused)).toEqual([true, true, false]);
  });

  test('waits for calls that were in flight when the run failed', async () => {
    let down = true;
    const steps = `  - id: both\n    parallel:\n    ${call('slow')}    ${call('quick')}${call('end')}`;
    await open(file(steps), { mock: ({ step }) => (step === 'quick' && down ? rejected() : ok({}, step === 'slow' ? 2_000 : 0)) });
    const failed = await world.settled();
    const fresh = callsSince();
    fresh();

    down = false;
    expect(await retry(failed.run_id)).toMatchObject({ status: 'completed' });
    expect(fresh()).toEqual(['quick', 'end']);
  });

  test('that was cut off before its start is started by the sweep; before its record, the job is where it was', async () => {
    let down = true;
    let cut = false;
    world = await createServiceWorld(file(call('a')), { mock: () => (down ? rejected() : ok({})) }, ({ executions }) => ({
      executions: { ...executions, start: async (asked) => (cut ? Promise.reject(new Error('cut off')) : executions.start(asked)) },
    }));
    const { service, drive, runtime } = world;
    const failed = await world.settled();
    const record = await world.record(failed.run_id);
    down = false;

    await drive(moveJob(runtime.runs, failed.job_id, record, dedupeName('w', `retry ${failed.run_id}`), world.clock.now()));
    expect(await world.get(failed.job_id)).toMatchObject({ run_id: failed.run_id, status: 'failed' });
    cut = true;
    await expect(drive(service.retry(ME, SOURCE, failed.job_id))).rejects.toThrow('cut off');
    const queued = await world.get(failed.job_id);
    expect(queued).toMatchObject({ status: 'queued', run: { attempt: 2 } });
    cut = false;
    await world.pass(60_000);
    await drive(service.sweep(world.clock.now()));

    expect(await world.settle(queued.run_id)).toMatchObject({ status: 'completed', job_id: failed.job_id });
  });

  test('of an Express run begins anew', async () => {
    let down = true;
    const express = file(`${call('a')}${call('b')}`).replace('timeout: 1h', 'timeout: 4m\nexecution: express');
    await open(express, { mock: ({ step }) => (down && step === 'b' ? rejected() : ok({})) });
    const failed = await world.settled();

    down = false;
    const again = await retry(failed.job_id);

    expect(again).toMatchObject({ status: 'completed', job_id: failed.job_id, run: { attempt: 2, retry_of: failed.run_id } });
    expect(world.log()).toEqual(['a', 'b', 'a', 'b']);
    expect((await world.get(failed.job_id)).run_id).toBe(again.run_id);
  });

  test('is one run when it is asked for by many, and refused where there is nothing to retry', async () => {
    let down = true;
    await open(file(call('a')), { mock: () => (down ? rejected() : ok({}, 1_000)) });
    const { service, drive, refused } = world;
    const failed = await world.settled();
    down = false;

    const accepted = await drive(Promise.all(Array.from({ length: 5 }, () => service.retry(ME, SOURCE, failed.run_id))));
    const [first] = accepted;

    expect(new Set(accepted.map(({ runId }) => runId)).size).toBe(1);
    expect(await refused(() => service.retry(ME, SOURCE, failed.job_id))).toBe('conflict');
    expect(await world.settle(first?.runId ?? '')).toMatchObject({ status: 'completed', run: { attempt: 2 } });
    expect(await refused(() => service.retry(ME, SOURCE, failed.job_id))).toBe('conflict');
    expect(await refused(() => service.retry(ME, SOURCE, failed.run_id))).toBe('conflict');
    expect(world.log()).toEqual(['a', 'a']);
  });
});

function call(id: string, input: string | null = null, undo = false, more = ''): string {
  const given = input === null ? '' : `, input: ${input}`;
  const undone = undo ? `, compensate: { service: s, method: /un${id} }` : '';
  return `  - { id: ${id}, service: s, method: /${id}${given}${undone}${more} }\n`;
}
