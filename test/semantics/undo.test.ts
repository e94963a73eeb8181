// What is undone when nobody knows whether it was done, and what becomes of undos that fail.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createWorld, lost, type Mock, ok, refused, rejected, retryAfter, unusable, type World, type WorldOptions } from './world.ts';

let world: World;

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(() => world.close());

const PLAIN = 'breaker: false';

function file(name: string, steps: string, breaker = PLAIN): string {
  return `name: ${name}
version: "1"
timeout: 10m
services:
  s: { type: http, endpoint: "http://s", timeout: 30s, breaker: false }
  b: { type: http, endpoint: "http://b", timeout: 30s, ${breaker} }
steps:
${steps}`;
}

const FIRST = '  - { id: first, service: s, method: /first, compensate: { method: /undo } }\n';
const SECOND = '  - { id: second, service: s, method: /second, compensate: { method: /undo } }\n';
const BAD = '  - { id: bad, service: s, method: /bad }\n';

/** Answers a step's tries in order, and its undo's with the other list; the last one again and again. `bad` is rejected. */
function script(dos: { [step: string]: unknown[] }, undos: { [step: string]: unknown[] } = {}): Mock {
  const made: { [name: string]: number } = {};
  return ({ step, kind }) => {
    const list = (kind === 'do' ? dos : undos)[step] as ReturnType<typeof ok>[] | undefined;
    if (!list) return step === 'bad' ? rejected() : undefined;
    const name = `${kind} ${step}`;
    const index = made[name] ?? 0;
    made[name] = index + 1;
    return list[Math.min(index, list.length - 1)];
  };
}

function undoTimes(step: string): number[] {
  return world.calls.filter((call) => call.kind === 'undo' && call.step === step).map(({ atMs }) => atMs);
}

function pauses(times: number[]): number[] {
  return times.slice(1).map((time, i) => time - (times[i] ?? 0));
}

describe('a step of unknown outcome', () => {
  const asked = (compensate: string, more = ''): string =>
    file(
      'doubts',
      `${FIRST}
  - { id: doubt, service: s, method: /doubt, retry: { attempts: 3, backoff: constant, initial: 1s }${more}, compensate: { method: /undo, input: { got: "{{ .made.id }}" }${compensate} }, output: made }
${BAD}`,
    );

  test.each([
    ['then known not to have been performed', [lost(), refused()]],
    ['then rejected', [lost(), rejected()]],
    ['first known not to have been performed', [refused(), lost(), refused()]],
    ['every time', [lost()]],
  ])('stays unknown over its retries (%s), is listed and not undone; the others are', async (_what, tries) => {
    await open(asked(''), { mock: script({ doubt: tries }) });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensation_failed', unresolved: ['doubt'], undone: ['first'], left: [] });
    expect(world.undos()).toEqual(['first']);
    expect((await world.step(run.id, 'doubt')).state).toBe('unknown');
    expect(run.steps.find(({ step }) => step === 'doubt')?.status).toBe('unresolved');
  });

  test('that says on_unknown: true is undone in its place, without an output of its own', async () => {
    await open(asked(', on_unknown: true'), { mock: script({ doubt: [lost(), refused()] }) });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensated', unresolved: [], undone: ['doubt', 'first'] });
    expect(world.undos()).toEqual(['doubt', 'first']);
    expect(world.calls.find(({ kind }) => kind === 'undo')).toMatchObject({ input: { got: null } });
  });

  test('is done, with its output, once a later try succeeds', async () => {
    await open(asked(''), { mock: script({ doubt: [lost(), ok({ id: 5 })] }) });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensated', unresolved: [], undone: ['doubt', 'first'] });
    expect(world.calls.find(({ kind }) => kind === 'undo')).toMatchObject({ input: { got: 5 } });
  });

  test('that is known never to have been performed has nothing to undo', async () => {
    await open(asked(''), { mock: script({ doubt: [refused()] }) });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensated', undone: ['first'] });
    expect(world.log()).toEqual(['first', 'doubt', 'doubt', 'doubt', 'undo first']);
  });

  test('alone makes a run compensation_failed; alone and known not to have been performed, failed', async () => {
    const only = file('only', '  - { id: doubt, service: s, method: /doubt, compensate: { method: /undo } }\n');
    await open(only, { mock: script({ doubt: [lost()] }) });
    expect(await world.run()).toMatchObject({ status: 'compensation_failed', unresolved: ['doubt'] });
    await world.close();
    await open(only, { mock: script({ doubt: [refused()] }) });
    expect(await world.run()).toMatchObject({ status: 'failed', unresolved: [], undone: [] });
    expect(world.undos()).toEqual([]);
  });

  test('without an undo is no matter of the report', async () => {
    await open(file('none', `${FIRST}  - { id: doubt, service: s, method: /doubt }\n`), { mock: script({ doubt: [lost()] }) });
    expect(await world.run()).toMatchObject({ status: 'compensated', unresolved: [], undone: ['first'] });
  });

  test('let go counts as any other when the run is undone later, and is none of its business when it completes', async () => {
    const letGo = ', on_error: continue';
    await open(asked('', letGo), { mock: script({ doubt: [lost()] }) });
    expect(await world.run()).toMatchObject({ status: 'compensation_failed', unresolved: ['doubt'], undone: ['first'] });
    await world.close();
    await open(asked(', on_unknown: true', letGo), { mock: script({ doubt: [lost()] }) });
    expect(await world.run()).toMatchObject({ status: 'compensated', undone: ['doubt', 'first'] });
    await world.close();
    await open(asked('', letGo), { mock: script({ doubt: [refused()] }) });
    expect(await world.run()).toMatchObject({ status: 'compensated', undone: ['first'], unresolved: [] });
    await world.close();
    await open(asked('', letGo), { mock: script({ doubt: [lost()], bad: [ok({})] }) });
    expect(await world.run()).toMatchObject({ status: 'completed', undone: [], unresolved: [] });
    expect(world.undos()).toEqual([]);
  });

  test('in branches and items is listed in file order, each beside what is undone', async () => {
    await open(
      file(
        'many',
        `${FIRST}
  - id: fan
    parallel:
      - { id: p1, service: s, method: /p1, compensate: { method: /undo } }
      - { id: p2, service: s, method: /p2, compensate: { method: /undo } }
`,
      ),
      { mock: script({ p1: [lost(2_000)], p2: [lost(1_000)] }) },
    );
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensation_failed', unresolved: ['p1', 'p2'], undone: ['first'] });
    expect(run.error?.step).toBe('p1');
  });

  test('is not undone by a second undo either, which lists it again', async () => {
    await open(asked(''), { mock: script({ doubt: [lost()] }) });
    const { id } = await world.run();
    const { after } = await world.drive(world.runtime.undo(id));
    expect(await world.end(id, after)).toMatchObject({ status: 'compensation_failed', unresolved: ['doubt'], undone: ['first'] });
    expect(world.undos()).toEqual(['first']);
  });
});

test('a step whose answer could not be used was performed: it is undone, with nothing for its output', async () => {
  await open(
    file(
      'unusable',
      `${FIRST}  - { id: odd, service: s, method: /odd, compensate: { method: /undo, input: { got: "{{ .made }}" } }, output: made }\n`,
    ),
    { mock: script({ odd: [unusable()] }) },
  );
  const run = await world.run();
  expect(run.error).toMatchObject({ step: 'odd', error: 'Maestro.BadResponse' });
  expect(run).toMatchObject({ status: 'compensated', undone: ['odd', 'first'] });
  expect(world.calls.find(({ kind }) => kind === 'undo')).toMatchObject({ input: { got: null } });
});

describe('an undo that fails', () => {
  const steps = FIRST + SECOND + BAD;

  test('is tried ten times in all, exponentially from 2 s to 5 min, then listed as left; the rest goes on', async () => {
    await open(file('ten', steps), { jitter: 0.999_999, mock: script({}, { second: [lost(), refused()] }) });
    const run = await world.run();
    expect(undoTimes('second')).toHaveLength(10);
    const seconds = pauses(undoTimes('second')).map((ms) => Math.round(ms / 1_000));
    expect(seconds).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300]);
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['first'], unresolved: [] });
    expect(run.left).toMatchObject([{ step: 'second', error: 'Maestro.ServiceUnavailable' }]);
    expect(run.error).toMatchObject({ step: 'bad', error: 'Maestro.ServiceRejected' });
    expect(world.log().slice(-2)).toEqual(['undo second', 'undo first']);
  });

  test('and succeeds at the tenth try is undone', async () => {
    await open(file('tenth', steps), { mock: script({}, { second: [...Array<unknown>(9).fill(lost()), ok(null)] }) });
    expect(await world.run()).toMatchObject({ status: 'compensated', undone: ['second', 'first'], left: [] });
    expect(undoTimes('second')).toHaveLength(10);
  });

  test('is tried as often as its own retry says, and no more', async () => {
    const retried = steps.replace(
      '/second, compensate: { method: /undo }',
      '/second, compensate: { method: /undo, retry: { attempts: 3, backoff: constant, initial: 7s } }',
    );
    await open(file('three', retried), { jitter: 0.999_999, mock: script({}, { second: [lost()] }) });
    expect((await world.run()).left).toMatchObject([{ step: 'second' }]);
    expect(pauses(undoTimes('second')).map((ms) => Math.round(ms / 1_000))).toEqual([7, 7]);
  });

  test('does not retry with one attempt', async () => {
    const retried = steps.replace(
      '/second, compensate: { method: /undo }',
      '/second, compensate: { method: /undo, retry: { attempts: 1 } }',
    );
    await open(file('one', retried), { mock: script({}, { second: [lost()] }) });
    expect((await world.run()).left).toMatchObject([{ step: 'second' }]);
    expect(undoTimes('second')).toHaveLength(1);
  });

  test('is not retried when the service rejected it', async () => {
    await open(file('rejects', steps), { mock: script({}, { second: [rejected('it is gone')] }) });
    const run = await world.run();
    expect(undoTimes('second')).toHaveLength(1);
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['first'] });
    expect(run.left).toEqual([{ step: 'second', error: 'Maestro.ServiceRejected', message: expect.stringContaining('it is gone') }]);
    expect(run.steps.find(({ step }) => step === 'second')).toMatchObject({
      status: 'undo_failed',
      undo_error: { error: 'Maestro.ServiceRejected' },
    });
  });

  test('is done when only its answer could not be used', async () => {
    await open(file('oddundo', steps), { mock: script({}, { second: [unusable()] }) });
    expect(await world.run()).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
    expect(undoTimes('second')).toHaveLength(1);
  });

  test('waits for what the service asks with Retry-After, up to the longest pause of its service', async () => {
    const slow = steps.replace('/second, compensate: { method: /undo }', '/second, compensate: { method: /undo, service: w }');
    await open(
      file('after', slow).replace('steps:', '  w: { type: http, endpoint: "http://w", breaker: false, retry: { max: 40s } }\nsteps:'),
      {
        jitter: 0,
        mock: script({}, { second: [retryAfter(25_000), retryAfter(3_600_000), ok(null)] }),
      },
    );
    expect(await world.run()).toMatchObject({ status: 'compensated' });
    expect(pauses(undoTimes('second'))).toEqual([25_000, 40_000]);
  });

  test('uses one key for all its tries, also for those of a later undo', async () => {
    await open(file('keys', steps), { mock: script({}, { second: [lost(), rejected(), ok(null)] }) });
    const { id } = await world.run();
    const { after } = await world.drive(world.runtime.undo(id));
    await world.end(id, after);
    const keys = world.calls.filter(({ kind, step }) => kind === 'undo' && step === 'second').map(({ key }) => key);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/\/undo$/);
  });

  test('in an item or a branch stops neither the other items nor the other branches', async () => {
    await open(
      file(
        'blocks',
        `${FIRST}
  - id: fan
    parallel:
      - { id: p1, service: s, method: /p1, compensate: { method: /undo } }
      - { id: p2, service: s, method: /p2, compensate: { method: /undo } }
  - id: each
    foreach: "{{ range(0, 2) }}"
    steps:
      - { id: i1, service: s, method: /i1, compensate: { method: /undo } }
      - { id: i2, service: s, method: /i2, compensate: { method: /undo } }
${BAD}`,
      ),
      {
        mock: ({ step, kind, items }) =>
          step === 'bad' || (kind === 'undo' && (step === 'p2' || (step === 'i2' && items[0] === 1))) ? rejected() : undefined,
      },
    );
    const run = await world.run();
    expect(world.undos()).toEqual(['i2[2]', 'i1[2]', 'i2[1]', 'i1[1]', 'i2[0]', 'i1[0]', 'p2', 'p1', 'first']);
    expect(run.status).toBe('compensation_failed');
    expect(run.left).toMatchObject([{ step: 'p2' }, { step: 'i2' }]);
    expect(run.undone).toEqual(['i2', 'i1', 'i1', 'i2', 'i1', 'p1', 'first']);
  });

  test('leaves everything that is needed to do it by hand in a dead letter', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'maestro-undo-'));
    try {
      const named = steps.replace(
        '/second, compensate: { method: /undo }',
        '/second, compensate: { method: "POST /cancel/{{ .made.id }}", input: { why: "{{ .error.step }}", id: "{{ .made.id }}" } }, output: made',
      );
      await open(
        file('letters', `${named.replace(BAD, '')}  - { id: doubt, service: s, method: /doubt, compensate: { method: /undo } }\n`),
        {
          dataFolder: folder,
          mock: script({ second: [ok({ id: 'A 7' })], doubt: [lost()] }, { second: [rejected()] }),
        },
      );
      const run = await world.run();
      const letters = (await readFile(join(folder, 'dead-letters.jsonl'), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object);
      expect(letters).toHaveLength(1);
      expect(letters[0]).toMatchObject({
        runId: run.id,
        workflow: 'letters',
        version: '1',
        status: 'compensation_failed',
        step: 'doubt',
        left: [{ step: 'second', error: 'Maestro.ServiceRejected', undo: { verb: 'POST' } }],
        unresolved: [{ step: 'doubt', undo: {} }],
      });
      expect(JSON.stringify(letters[0])).toContain('A 7');
    } finally {
      await world.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('an undo and the circuit breaker', () => {
  const steps = `${FIRST}  - { id: second, service: s, method: /second, compensate: { service: b, method: /undo } }\n${BAD}`;

  test('waits while it is open: that uses up none of its ten tries', async () => {
    await open(file('open', steps, 'breaker: { min: 3, open: 60s }'), { jitter: 0.5, mock: script({}, { second: [refused()] }) });
    const run = await world.run();
    expect(undoTimes('second')).toHaveLength(10);
    expect(Math.max(...pauses(undoTimes('second')))).toBeGreaterThan(50_000);
    expect(run).toMatchObject({
      status: 'compensation_failed',
      undone: ['first'],
      left: [{ step: 'second', error: 'Maestro.ServiceUnavailable' }],
    });
  });

  test('opened by others is waited for, and the first call that is let through undoes', async () => {
    await open(
      file(
        'others',
        `${FIRST}  - { id: second, service: b, method: /second, compensate: { method: /undo } }
  - id: fan
    on_error: continue
    parallel:
      - { id: x1, service: b, method: /x1, on_error: continue }
      - { id: x2, service: b, method: /x2, on_error: continue }
      - { id: x3, service: b, method: /x3, on_error: continue }
      - { id: x4, service: b, method: /x4, on_error: continue }
${BAD}`,
        'breaker: { min: 3, open: 10m }',
      ),
      { mock: script({ x1: [refused(3_000)], x2: [refused(3_100)], x3: [refused(3_200)], x4: [refused(6_000)] }) },
    );
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensated', undone: ['second', 'first'] });
    expect(undoTimes('second')).toHaveLength(1);
    expect(undoTimes('second')[0]).toBeGreaterThan(590_000);
  });

  test('is waited for an hour; after that the step is left, without a call', async () => {
    await open(
      file(
        'hours',
        `${FIRST}  - { id: second, service: b, method: /second, compensate: { method: /undo } }
  - id: fan
    on_error: continue
    parallel:
      - { id: x1, service: b, method: /x1, on_error: continue }
      - { id: x2, service: b, method: /x2, on_error: continue }
      - { id: x3, service: b, method: /x3, on_error: continue }
      - { id: x4, service: b, method: /x4, on_error: continue }
${BAD}`,
        'breaker: { min: 3, open: 3h }',
      ),
      { mock: script({ x1: [refused(3_000)], x2: [refused(3_100)], x3: [refused(3_200)], x4: [refused(6_000)] }) },
    );
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['first'] });
    expect(run.left).toMatchObject([{ step: 'second' }]);
    expect(undoTimes('second')).toEqual([]);
    expect(undoTimes('first')[0]).toBeGreaterThan(3_500_000);
    expect(undoTimes('first')[0]).toBeLessThan(3_800_000);
    // The breaker has closed by then: what is left can be undone.
    await world.pass(3 * 3_600_000);
    const { after } = await world.drive(world.runtime.undo(run.id));
    expect(await world.end(run.id, after)).toMatchObject({ status: 'compensated', undone: ['second', 'first'], left: [] });
    expect(world.undos()).toEqual(['first', 'second']);
  });
});

describe('another undo', () => {
  const THIRD = '  - { id: third, service: s, method: /third, compensate: { method: /undo } }\n';
  const steps = FIRST + SECOND + THIRD + BAD;

  test('runs just what is left, in order, and then nothing is left', async () => {
    await open(file('rest', steps), { mock: script({}, { first: [rejected(), ok(null)], third: [rejected(), ok(null)] }) });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['second'], left: [{ step: 'first' }, { step: 'third' }] });
    const { after } = await world.drive(world.runtime.undo(run.id));
    const again = await world.end(run.id, after);
    expect(again).toMatchObject({ status: 'compensated', undone: ['third', 'second', 'first'], left: [] });
    expect(again.error).toEqual(run.error);
    expect(world.undos()).toEqual(['third', 'second', 'first', 'third', 'first']);
    expect(await world.refusal(() => world.runtime.undo(run.id))).toBe('conflict');
  });

  test('tries ten times anew, and may fail anew', async () => {
    await open(file('anew', steps), { mock: script({}, { second: [lost()] }) });
    const run = await world.run();
    const { after } = await world.drive(world.runtime.undo(run.id));
    const again = await world.end(run.id, after);
    expect(again).toMatchObject({ status: 'compensation_failed', undone: ['third', 'first'], left: [{ step: 'second' }] });
    expect(undoTimes('second')).toHaveLength(20);
    expect(undoTimes('first')).toHaveLength(1);
  });

  test('of a cancelled run makes it cancelled, once nothing is left', async () => {
    await open(file('cancels', `${FIRST}${SECOND}  - { id: pause, wait: 5m }\n`), { mock: script({}, { second: [rejected(), ok(null)] }) });
    const id = await world.start();
    await world.pass(1_000);
    await world.drive(world.runtime.cancel(id));
    expect(await world.end(id)).toMatchObject({ status: 'compensation_failed', left: [{ step: 'second' }] });
    const { after } = await world.drive(world.runtime.undo(id));
    expect(await world.end(id, after)).toMatchObject({ status: 'cancelled', undone: ['second', 'first'], left: [] });
    expect(world.undos()).toEqual(['second', 'first', 'second']);
  });

  test('is refused while the run goes on, while it is being undone, and when nothing is left', async () => {
    await open(file('refuses', steps), {
      mock: ({ step, kind }) =>
        kind === 'undo' ? (step === 'first' ? rejected() : ok(null, 5_000)) : ok({}, step === 'bad' ? 31_000 : 1_000),
    });
    const id = await world.start();
    expect(await world.refusal(() => world.runtime.undo(id))).toBe('conflict');
    await world.pass(36_000);
    expect((await world.record(id)).status).toBe('compensating');
    expect(await world.refusal(() => world.runtime.undo(id))).toBe('conflict');
    const run = await world.end(id);
    expect(run.status).toBe('compensation_failed');
    expect(world.undos()).toEqual(['third', 'second', 'first']);
    expect(await world.refusal(() => world.runtime.undo('run_00000000000000000000000000'))).toBe('not_found');
  });

  test('asked for twice at once is begun once', async () => {
    let round = 1;
    await open(file('both', steps), {
      mock: ({ step, kind }) => (step === 'bad' || (kind === 'undo' && round === 1) ? rejected() : ok({}, 1_000)),
    });
    const run = await world.run();
    round = 2;
    const asked = await world.drive(Promise.allSettled([world.runtime.undo(run.id), world.runtime.undo(run.id)]));
    expect(asked.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const after = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value.after] : []))[0];
    expect(await world.end(run.id, after)).toMatchObject({ status: 'compensated', undone: ['third', 'second', 'first'] });
    expect(world.undos()).toEqual(['third', 'second', 'first', 'third', 'second', 'first']);
  });

  test('of a parent undoes what is left of its sub-workflow too', async () => {
    const child = file(
      'child',
      '  - { id: c1, service: s, method: /c1, compensate: { method: /undo } }\n  - { id: c2, service: s, method: /c2, compensate: { method: /undo } }\n',
    );
    await open([file('parent', `${FIRST}  - { id: sub, workflow: child }\n${BAD}`).replace('10m', '1h'), child], {
      mock: script({}, { c1: [rejected(), ok(null)] }),
    });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['first'], left: [{ step: 'sub' }] });
    expect(world.undos()).toEqual(['c2', 'c1', 'first']);
    const [sub] = (await world.runtime.list({ limit: 10 })).data.filter(({ workflow }) => workflow === 'child');
    expect(sub?.status).toBe('compensation_failed');
    const ofChild = await world.drive(world.runtime.undo(sub?.id ?? ''));
    expect(await world.end(sub?.id ?? '', ofChild.after)).toMatchObject({ status: 'compensated' });
    const { after } = await world.drive(world.runtime.undo(run.id));
    expect(await world.end(run.id, after)).toMatchObject({ status: 'compensated', undone: ['sub', 'first'], left: [] });
    expect(world.undos()).toEqual(['c2', 'c1', 'first', 'c1']);
  });
});
