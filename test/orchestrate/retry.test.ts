import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { type Mock, ok, rejected, type WorldOptions } from '../semantics/world.ts';
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
  '  - { id: end, service: s, method: /end, input: { b: "{{ .bv.v }}" } }',
  '',
].join('\n');

const INPUT: Json = { n: 1, list: ['x', 'y', 'z'] };

/** Every request of a whole run, and the one that fails in the first. */
const PLACES = ['a', 'b', 'one[0]', 'one[1]', 'one[2]', 'l', 'r', 'end'];

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
});
