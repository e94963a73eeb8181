// What a cancel does, wherever the run is.

import { afterEach, describe, expect, test } from 'vitest';
import { createWorld, executionOf, lost, ok, refused, rejected, type World, type WorldOptions } from './world.ts';

let world: World;

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(() => world.close());

const SERVICE = `
timeout: 3h
services:
  s: { type: http, endpoint: "http://s", timeout: 30s, breaker: false }
`;

function file(name: string, steps: string): string {
  return `name: ${name}\nversion: "1"${SERVICE}steps:\n${steps}`;
}

const FIRST = '  - { id: first, service: s, method: /first, compensate: { method: /undo } }\n';

/** Every call of these steps takes this long; undos none. */
function taking(times: { [step: string]: number }): WorldOptions {
  return { mock: ({ step, kind }) => (kind === 'do' && times[step] !== undefined ? ok({}, times[step]) : undefined) };
}

/** Starts a run, cancels it at `ms` and answers how it ended, with the code that the cancel was refused with. */
async function cancelledAt(ms: number): Promise<Awaited<ReturnType<World['end']>> & { refusedWith: string | null; endedMs: number }> {
  const id = await world.start();
  let refusedWith: string | null = null;
  world.at(ms, () =>
    world.runtime.cancel(id).catch((error: { code?: string }) => {
      refusedWith = error.code ?? String(error);
    }),
  );
  const run = await world.end(id);
  return { ...run, refusedWith, endedMs: Date.parse(run.completed_at ?? '') - Date.parse(run.created_at) };
}

/** Cancels in the moment after a step's last look at the control record: while its end is being told. */
function cancelAfterLastLook(id: string, step: string, waited: boolean): void {
  const { runs } = world.runtime;
  const append = runs.append.bind(runs);
  runs.append = async (...told) => {
    if (told[1] === 'step.completed' && told[2]?.['step'] === step) {
      const cancel = world.runtime.cancel(id);
      if (waited) await cancel;
    }
    return append(...told);
  };
}

describe('a cancel during a call', () => {
  const steps = `${FIRST}
  - { id: slow, service: s, method: /slow, compensate: { method: /undo, input: { got: "{{ .made.id }}" } }, output: made }
  - { id: never, service: s, method: /never, compensate: { method: /undo } }
`;

  test('lets it finish, keeps it as done, and undoes it with what it answered', async () => {
    await open(file('incall', steps), { mock: ({ step, kind }) => (step === 'slow' && kind === 'do' ? ok({ id: 7 }, 10_000) : undefined) });
    const run = await cancelledAt(4_000);
    expect(run).toMatchObject({ status: 'cancelled', cancel_requested: true, undone: ['slow', 'first'], left: [], unresolved: [] });
    expect(run.error).toMatchObject({ step: 'slow', error: 'Maestro.Cancelled' });
    expect(world.log()).toEqual(['first', 'slow', 'undo slow', 'undo first']);
    expect(world.calls[2]).toMatchObject({ atMs: 10_000, input: { got: 7 } });
  });

  test('is not followed by another try of it; what is known not to have been performed is not undone', async () => {
    const retried = steps.replace('/slow,', '/slow, retry: { attempts: 5, initial: 20s, max: 20s },');
    await open(file('retrying', retried), { mock: ({ step }) => (step === 'slow' ? refused(5_000) : undefined) });
    const run = await cancelledAt(4_000);
    expect(run).toMatchObject({ status: 'cancelled', undone: ['first'] });
    expect(world.log()).toEqual(['first', 'slow', 'undo first']);
  });

  test('between two tries is not followed by another one', async () => {
    const retried = steps.replace('/slow,', '/slow, retry: { attempts: 5, initial: 20s, max: 20s },');
    await open(file('pausing', retried), { mock: ({ step }) => (step === 'slow' ? refused(1_000) : undefined) });
    const run = await cancelledAt(4_000);
    expect(run).toMatchObject({ status: 'cancelled', undone: ['first'] });
    expect(run.error).toMatchObject({ step: 'slow', error: 'Maestro.Cancelled' });
    expect(world.log()).toEqual(['first', 'slow', 'undo first']);
  });

  test('whose outcome stays unknown lists that step, and the run ends as compensation_failed, not as cancelled', async () => {
    await open(file('doubt', steps), { mock: ({ step }) => (step === 'slow' ? lost(10_000) : undefined) });
    const run = await cancelledAt(4_000);
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['first'], unresolved: ['slow'] });
    expect(world.log()).toEqual(['first', 'slow', 'undo first']);
  });

  test('with nothing to undo ends as cancelled', async () => {
    await open(file('bare', '  - { id: a, service: s, method: /a }\n  - { id: b, service: s, method: /b }\n'), taking({ a: 5_000 }));
    const run = await cancelledAt(1_000);
    expect(run).toMatchObject({ status: 'cancelled', undone: [] });
    expect(world.log()).toEqual(['a']);
  });

  test('of a run whose undo then fails ends as compensation_failed, and says what is left', async () => {
    await open(file('badundo', steps), {
      mock: ({ step, kind }) => (kind === 'undo' && step === 'slow' ? rejected() : kind === 'do' ? ok({}, 5_000) : undefined),
    });
    const run = await cancelledAt(6_000);
    expect(run).toMatchObject({
      status: 'compensation_failed',
      undone: ['first'],
      left: [{ step: 'slow', error: 'Maestro.ServiceRejected' }],
    });
    expect(run.error?.error).toBe('Maestro.Cancelled');
  });

  test('is asked for twice with the same result', async () => {
    await open(file('twice', steps), taking({ slow: 10_000 }));
    const id = await world.start();
    await world.pass(1_000);
    expect(await world.refusal(() => world.runtime.cancel(id))).toBeNull();
    await world.pass(1_000);
    expect(await world.refusal(() => world.runtime.cancel(id))).toBeNull();
    expect((await world.end(id)).status).toBe('cancelled');
    expect(world.undos()).toEqual(['slow', 'first']);
  });

  test('is let go by no on_error: not of the step, not of a block around it, not of a switch', async () => {
    await open(
      file(
        'swallow',
        `${FIRST}
  - id: fan
    on_error: continue
    parallel:
      - { id: slow, service: s, method: /slow, on_error: continue, default: 1, compensate: { method: /undo } }
      - steps:
          - { id: b1, service: s, method: /b1, compensate: { method: /undo } }
          - { id: b2, service: s, method: /b2, on_error: continue }
  - { id: after, service: s, method: /after, on_error: continue }
`,
      ),
      taking({ slow: 10_000, b1: 5_000 }),
    );
    const run = await cancelledAt(3_000);
    expect(run).toMatchObject({ status: 'cancelled', undone: ['b1', 'slow', 'first'] });
    expect(run.error?.error).toBe('Maestro.Cancelled');
    expect(world.log()).toEqual(['first', 'slow', 'b1', 'undo b1', 'undo slow', 'undo first']);
  });

  test('of a foreach lets the items in flight finish, begins no other, and undoes them from the last', async () => {
    await open(
      file(
        'items',
        `
  - id: each
    foreach: "{{ range(1, 5) }}"
    concurrency: 2
    on_error: continue
    steps:
      - { id: i1, service: s, method: /i1, compensate: { method: /undo } }
      - { id: i2, service: s, method: /i2 }
`,
      ),
      taking({ i1: 5_000 }),
    );
    const run = await cancelledAt(3_000);
    expect(run.status).toBe('cancelled');
    expect(world.log()).toEqual(['i1[0]', 'i1[1]', 'undo i1[1]', 'undo i1[0]']);
  });
});

describe('a cancel during a wait', () => {
  test('stops it at once, and what was done is undone in order, once', async () => {
    await open(
      file(
        'waits',
        `${FIRST}
  - { id: second, service: s, method: /second, compensate: { method: /undo } }
  - { id: pause, wait: 1h }
  - { id: never, service: s, method: /never }
`,
      ),
    );
    const run = await cancelledAt(10_000);
    expect(run).toMatchObject({ status: 'cancelled', undone: ['second', 'first'] });
    expect(run.error?.error).toBe('Maestro.Cancelled');
    expect(run.endedMs).toBe(10_000);
    expect(world.runtime.engine.describeExecution(await executionOf(world, run.id)).status).toBe('ABORTED');
    await world.pass(7_200_000);
    expect(world.log()).toEqual(['first', 'second', 'undo second', 'undo first']);
    expect((await world.record(run.id)).status).toBe('cancelled');
  });

  test('with nothing done ends it as cancelled', async () => {
    await open(file('only', '  - { id: pause, wait: 1h }\n  - { id: never, service: s, method: /never, compensate: { method: /undo } }\n'));
    const run = await cancelledAt(10_000);
    expect(run.status).toBe('cancelled');
    expect(run.endedMs).toBe(10_000);
    expect(world.log()).toEqual([]);
  });

  test('beside a call lets the call finish first, then stops the wait', async () => {
    await open(
      file(
        'beside',
        `${FIRST}
  - id: fan
    parallel:
      - steps:
          - { id: pause, wait: 1h }
      - { id: slow, service: s, method: /slow, compensate: { method: /undo } }
`,
      ),
      taking({ slow: 20_000 }),
    );
    const run = await cancelledAt(5_000);
    expect(run).toMatchObject({ status: 'cancelled', undone: ['slow', 'first'] });
    expect(world.log()).toEqual(['first', 'slow', 'undo slow', 'undo first']);
    expect(run.endedMs).toBe(20_000);
  });

  test.each([
    ['a sub-workflow', '{ id: other, workflow: child }', ['c1']],
    ['a checkpoint', '{ id: other, checkpoint: { title: ok, timeout: 2h } }', []],
    [
      'a callback',
      '{ id: other, service: s, method: /other, await: callback, timeout: 2h, compensate: { method: /undo, on_unknown: true } }',
      ['other'],
    ],
  ])('beside %s ends both without waiting for either', async (_what, other, undone) => {
    const child = file('child', '  - { id: c1, service: s, method: /c1, compensate: { method: /undo } }\n  - { id: c2, wait: 2h }\n');
    const parent = file(
      'besides',
      `${FIRST}
  - id: fan
    parallel:
      - steps:
          - { id: pause, wait: 1h }
      - ${other}
`,
    );
    await open([parent.replace('timeout: 3h', 'timeout: 9h'), child]);
    const run = await cancelledAt(5_000);
    expect(run.status).toBe('cancelled');
    expect(world.undos()).toEqual([...undone, 'first']);
    expect(run.endedMs).toBeLessThan(6_000);
  });

  test.each([
    ['and the run has heard of it', true],
    ['and it is still being written', false],
  ])('that begins just as the cancel comes, after the last look of the call before it, %s', async (_when, waited) => {
    await open(
      file('race', `${FIRST}\n  - { id: pause, wait: 1h }\n  - { id: never, service: s, method: /never }\n`),
      taking({ first: 1_000 }),
    );
    const id = await world.start();
    cancelAfterLastLook(id, 'first', waited);
    const run = await world.end(id);
    expect(run).toMatchObject({ status: 'cancelled', undone: ['first'] });
    expect(Date.parse(run.completed_at ?? '') - Date.parse(run.created_at)).toBeLessThan(6_000);
  });
});

describe('a cancel while somebody is asked', () => {
  test('answers a checkpoint’s token, and the steps before it are undone', async () => {
    for (const onTimeout of ['fail', 'continue', 'reject']) {
      await open(
        file(
          'asks',
          `${FIRST}\n  - { id: ask, checkpoint: { title: "ok?", timeout: 1h, on_timeout: ${onTimeout} } }\n  - { id: never, service: s, method: /never }\n`,
        ),
      );
      const run = await cancelledAt(10_000);
      expect(run).toMatchObject({ status: 'cancelled', undone: ['first'] });
      expect(run.error).toMatchObject({ step: 'ask', error: 'Maestro.Cancelled' });
      expect(run.endedMs).toBe(10_000);
      expect(world.log()).toEqual(['first', 'undo first']);
      if (onTimeout !== 'reject') await world.close();
    }
  });

  test('answers a callback’s token; that the service may have done it is a doubt, and listed', async () => {
    const asked = (compensate: string): string =>
      file(
        'calls',
        `${FIRST}\n  - { id: ask, service: s, method: /ask, await: callback, timeout: 1h, on_error: continue, compensate: { method: /undo${compensate} } }\n`,
      );
    await open(asked(''));
    const run = await cancelledAt(10_000);
    expect(run).toMatchObject({ status: 'compensation_failed', undone: ['first'], unresolved: ['ask'] });
    expect(run.error?.error).toBe('Maestro.Cancelled');
    expect(run.endedMs).toBe(10_000);
    await world.close();

    await open(asked(', on_unknown: true'));
    const other = await cancelledAt(10_000);
    expect(other).toMatchObject({ status: 'cancelled', undone: ['ask', 'first'] });
  });
});

describe('a cancel while a sub-workflow runs', () => {
  const grandchild = (steps: string): string => file('grandchild', steps);
  const child = file(
    'child',
    '  - { id: c1, service: s, method: /c1, compensate: { method: /undo } }\n  - { id: deep, workflow: grandchild }\n  - { id: c3, service: s, method: /c3 }\n',
  );
  const parent = file(
    'parent',
    `${FIRST}\n  - { id: sub, workflow: child, on_error: continue }\n  - { id: never, service: s, method: /never }\n`,
  );

  test.each([
    [
      'in a call',
      '  - { id: g1, service: s, method: /g1, compensate: { method: /undo } }\n  - { id: g2, service: s, method: /g2, compensate: { method: /undo } }\n',
      ['g2', 'g1', 'c1', 'first'],
    ],
    [
      'in a wait',
      '  - { id: g1, service: s, method: /g1, compensate: { method: /undo } }\n  - { id: g2, wait: 1h }\n',
      ['g1', 'c1', 'first'],
    ],
  ])('cancels it and its own, two levels down, and every level undoes what it did: %s', async (_where, steps, undos) => {
    await open([parent.replace('3h', '9h'), child.replace('3h', '8h'), grandchild(steps)], taking({ g2: 10_000 }));
    const run = await cancelledAt(5_000);
    expect(run.status).toBe('cancelled');
    expect(world.undos()).toEqual(undos);
    expect(world.log()).not.toContain('never');
    expect(world.log()).not.toContain('c3');
    expect(run.endedMs).toBeLessThan(11_000);
    const { data: all } = await world.runtime.list({ limit: 10 });
    expect(all.map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  test('whose own undo fails makes the run compensation_failed', async () => {
    await open([parent, child, grandchild('  - { id: g1, service: s, method: /g1, compensate: { method: /undo } }\n')], {
      mock: ({ step, kind }) => (kind === 'undo' ? (step === 'c1' ? rejected() : undefined) : ok({}, 5_000)),
    });
    const run = await cancelledAt(12_000);
    expect(run.status).toBe('compensation_failed');
    expect(world.undos()).toEqual(['g1', 'c1', 'first']);
    expect(run.left).toMatchObject([{ step: 'sub' }]);
  });
});

describe('a cancel that comes too late', () => {
  const steps = `${FIRST}
  - { id: bad, service: s, method: /bad }
`;

  test('is refused once the run has ended, however it ended', async () => {
    for (const fails of [true, false]) {
      await open(file('ended', steps), { mock: ({ step }) => (fails && step === 'bad' ? rejected() : undefined) });
      const run = await world.run();
      expect(run.status).toBe(fails ? 'compensated' : 'completed');
      expect(await world.refusal(() => world.runtime.cancel(run.id))).toBe('conflict');
      expect(await world.record(run.id)).toMatchObject({ status: run.status });
      expect((await world.get(run.id)).cancel_requested).toBe(false);
      if (fails) await world.close();
    }
  });

  test('is refused while the run is being undone, and changes nothing of that', async () => {
    await open(file('undoing', steps), {
      mock: ({ step, kind }) => (kind === 'undo' ? ok({}, 10_000) : step === 'bad' ? rejected() : undefined),
    });
    const run = await cancelledAt(5_000);
    expect(run).toMatchObject({ refusedWith: 'conflict', status: 'compensated', cancel_requested: false, undone: ['first'] });
    expect(world.undos()).toEqual(['first']);
  });

  test('is refused while a cancel is being undone', async () => {
    await open(file('again', `${FIRST}\n  - { id: pause, wait: 1h }\n`), {
      mock: ({ kind }) => (kind === 'undo' ? ok({}, 10_000) : undefined),
    });
    const id = await world.start();
    await world.pass(1_000);
    await world.drive(world.runtime.cancel(id));
    await world.pass(1_000);
    expect(await world.refusal(() => world.runtime.cancel(id))).toBe('conflict');
    expect((await world.end(id)).status).toBe('cancelled');
    expect(world.undos()).toEqual(['first']);
  });

  test('is refused for a run that is not there', async () => {
    await open(file('nobody', steps));
    expect(await world.refusal(() => world.runtime.cancel('run_00000000000000000000000000'))).toBe('not_found');
  });

  test('after the last state’s answer loses: the run is completed, and nothing is undone', async () => {
    await open(file('last', FIRST), taking({ first: 1_000 }));
    const id = await world.start();
    cancelAfterLastLook(id, 'first', true);
    const run = await world.end(id);
    expect(run).toMatchObject({ status: 'completed', error: null });
    await world.pass(3_600_000);
    expect((await world.record(id)).status).toBe('completed');
    expect(world.log()).toEqual(['first']);
  });

  test('after the last look of a step that is not the last one is seen by the next', async () => {
    await open(
      file('next', `${FIRST}\n  - { id: second, service: s, method: /second, compensate: { method: /undo } }\n`),
      taking({ first: 1_000 }),
    );
    const id = await world.start();
    cancelAfterLastLook(id, 'first', true);
    const run = await world.end(id);
    expect(run).toMatchObject({ status: 'cancelled', undone: ['first'] });
    expect(world.log()).toEqual(['first', 'undo first']);
  });
});
