// What a run's deadline does, and what it does not.

import { afterEach, describe, expect, test } from 'vitest';
import { createWorld, entered, lost, ok, refused, rejected, type World, type WorldOptions } from './world.ts';

let world: World;

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(() => world.close());

const SERVICE = `
services:
  s: { type: http, endpoint: "http://s", timeout: 30s, breaker: false }
`;

function file(name: string, timeout: string, steps: string): string {
  return `name: ${name}\nversion: "1"\ntimeout: ${timeout}${SERVICE}steps:\n${steps}`;
}

describe('a call and the deadline', () => {
  test('is aborted at what is left, not at its service timeout, and what was done before is undone', async () => {
    await open(
      file(
        'late',
        '10s',
        `
  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - { id: slow, service: s, method: /slow, compensate: { method: /undo, on_unknown: true } }
  - { id: never, service: s, method: /never }
`,
      ),
      { mock: ({ step, kind }) => (kind === 'do' ? ok({}, step === 'first' ? 4_000 : 60_000) : undefined) },
    );
    const run = await world.run();
    expect(run.error).toMatchObject({ step: 'slow', error: 'Maestro.DeadlineExceeded' });
    expect(run.status).toBe('compensated');
    expect(world.log()).toEqual(['first', 'slow', 'undo slow', 'undo first']);
    // 4 s of the 10 s were used up when it began.
    expect(world.calls[2]?.atMs).toBe(10_000);
  });

  test('is not retried past it, and a retry that would begin after it is refused', async () => {
    await open(
      file(
        'retrying',
        '10s',
        `
  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - { id: flaky, service: s, method: /flaky, retry: { attempts: 5, backoff: constant, initial: 8s, max: 8s }, compensate: { method: /undo } }
`,
      ),
      { jitter: 0.999, mock: ({ step, kind }) => (step === 'flaky' && kind === 'do' ? refused() : undefined) },
    );
    const run = await world.run();
    expect(world.times('flaky')).toHaveLength(2);
    expect(Math.max(...world.times('flaky'))).toBeLessThan(10_000);
    expect(run.error).toMatchObject({ step: 'flaky', error: 'Maestro.DeadlineExceeded' });
    expect(world.undos()).toEqual(['first']);
    expect(run.status).toBe('compensated');
  });

  test('is let go by nobody: not by on_error of the step, nor of a block, nor of a switch around it', async () => {
    await open(
      file(
        'swallow',
        '10s',
        `
  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - id: fan
    on_error: continue
    parallel:
      - { id: slow, service: s, method: /slow, on_error: continue, default: 1 }
      - { id: quick, service: s, method: /quick, compensate: { method: /undo } }
  - { id: after, service: s, method: /after, on_error: continue }
`,
      ),
      { mock: ({ step, kind }) => (step === 'slow' && kind === 'do' ? ok({}, 60_000) : undefined) },
    );
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(run.error).toMatchObject({ step: 'slow', error: 'Maestro.DeadlineExceeded' });
    expect(world.log()).toEqual(['first', 'slow', 'quick', 'undo quick', 'undo first']);
  });

  test('that was cut off by it has an unknown outcome, which is listed when its undo may not be called on a doubt', async () => {
    await open(file('doubt', '10s', '\n  - { id: slow, service: s, method: /slow, compensate: { method: /undo } }\n'), {
      mock: ({ kind }) => (kind === 'do' ? ok({}, 60_000) : undefined),
    });
    const run = await world.run();
    expect(run).toMatchObject({ status: 'compensation_failed', unresolved: ['slow'], undone: [], left: [] });
    expect(world.undos()).toEqual([]);
  });
});

describe('other steps and the deadline', () => {
  test('a wait is cut at what is left and followed by Maestro.DeadlineExceeded and undo', async () => {
    await open(
      file(
        'waits',
        '1m',
        `
  - { id: first, service: s, method: /first, timeout: 50s, compensate: { method: /undo } }
  - { id: pause, wait: 30s }
  - { id: second, service: s, method: /second, compensate: { method: /undo } }
`,
      ),
      { mock: ({ step, kind }) => (step === 'first' && kind === 'do' ? ok({}, 45_000) : undefined) },
    );
    const run = await world.run();
    expect(run.error?.error).toBe('Maestro.DeadlineExceeded');
    expect(run.status).toBe('compensated');
    expect(world.log()).toEqual(['first', 'undo first']);
    expect(world.calls[1]?.atMs).toBe(60_000);
  });

  test('a wait that is cut as the last step of the run ends it by the deadline, not as completed', async () => {
    await open(
      file(
        'lastwait',
        '1m',
        `
  - { id: first, service: s, method: /first, timeout: 50s, compensate: { method: /undo } }
  - { id: pause, wait: 30s }
`,
      ),
      { mock: ({ step, kind }) => (step === 'first' && kind === 'do' ? ok({}, 45_000) : undefined) },
    );
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(run.error?.error).toBe('Maestro.DeadlineExceeded');
    expect(entered(world, run.id, 'lastwait')).toContain('pause');
  });

  test('a wait inside a branch that lets failures go is not let go when it is cut', async () => {
    await open(
      file(
        'waitbranch',
        '1m',
        `
  - { id: first, service: s, method: /first, timeout: 50s, compensate: { method: /undo } }
  - id: fan
    on_error: continue
    parallel:
      - steps:
          - { id: pause, wait: 30s }
      - { id: quick, service: s, method: /quick, compensate: { method: /undo } }
`,
      ),
      { mock: ({ step, kind }) => (step === 'first' && kind === 'do' ? ok({}, 45_000) : undefined) },
    );
    const run = await world.run();
    expect(run.error?.error).toBe('Maestro.DeadlineExceeded');
    expect(run.status).toBe('compensated');
    expect(world.undos()).toEqual(['quick', 'first']);
  });

  test('an until far beyond it is cut too', async () => {
    await open(
      file(
        'untils',
        '1m',
        `
  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - { id: pause, until: "{{ .input.at }}" }
  - { id: second, service: s, method: /second }
`,
      ),
    );
    const run = await world.run({ at: '2026-06-01T00:00:00Z' });
    expect(run.error?.error).toBe('Maestro.DeadlineExceeded');
    expect(world.log()).toEqual(['first', 'undo first']);
    expect(world.calls[1]?.atMs).toBe(60_000);
  });

  test('a parallel block past its deadline settles: what was in flight is cut, what had not begun is refused, all is undone in order', async () => {
    await open(
      file(
        'block',
        '10s',
        `
  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - id: fan
    parallel:
      - steps:
          - { id: a1, service: s, method: /a1, compensate: { method: /undo } }
          - { id: a2, service: s, method: /a2, compensate: { method: /undo } }
      - steps:
          - { id: b1, service: s, method: /b1, compensate: { method: /undo, on_unknown: true } }
          - { id: b2, service: s, method: /b2, compensate: { method: /undo } }
`,
      ),
      {
        mock: ({ step, kind }) => {
          if (kind === 'undo') return undefined;
          return ok({}, step === 'a1' ? 3_000 : step === 'a2' ? 4_000 : step === 'b1' ? 29_000 : 0);
        },
      },
    );
    const run = await world.run();
    expect(run.error).toMatchObject({ step: 'b1', error: 'Maestro.DeadlineExceeded' });
    expect(world.log()).toEqual(['first', 'a1', 'b1', 'a2', 'undo b1', 'undo a2', 'undo a1', 'undo first']);
    expect(run.status).toBe('compensated');
  });

  test('a callback that is not answered by then is a deadline, which on_error does not let go', async () => {
    await open(
      file(
        'callback',
        '2m',
        `
  - { id: first, service: s, method: /first, timeout: 100s, compensate: { method: /undo } }
  - { id: asked, service: s, method: /asked, await: callback, timeout: 1m, on_error: continue }
`,
      ),
      { mock: ({ step, kind }) => (step === 'first' && kind === 'do' ? ok({}, 90_000) : undefined) },
    );
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(run.error).toMatchObject({ step: 'asked', error: 'Maestro.DeadlineExceeded' });
    expect(world.calls.at(-1)?.atMs).toBe(120_000);
  });

  test('a checkpoint that is not answered by then is a deadline, whatever on_timeout says', async () => {
    for (const onTimeout of ['fail', 'continue', 'reject']) {
      await open(
        file(
          'checkpoint',
          '2m',
          `
  - { id: first, service: s, method: /first, timeout: 100s, compensate: { method: /undo } }
  - { id: asked, checkpoint: { title: "ok?", timeout: 1m, on_timeout: ${onTimeout} } }
`,
        ),
        { mock: ({ step, kind }) => (step === 'first' && kind === 'do' ? ok({}, 90_000) : undefined) },
      );
      const run = await world.run();
      expect([onTimeout, run.status, run.error?.error]).toEqual([onTimeout, 'compensated', 'Maestro.DeadlineExceeded']);
      if (onTimeout !== 'reject') await world.close();
    }
  });
});

describe('undo and the deadline', () => {
  test('undo has time of its own: slow undos and their retries go on long after the deadline', async () => {
    let tries = 0;
    await open(
      file(
        'undos',
        '10s',
        `
  - { id: first, service: s, method: /first, compensate: { method: /undo } }
  - { id: second, service: s, method: /second, compensate: { method: /undo } }
  - { id: bad, service: s, method: /bad }
`,
      ),
      {
        mock: ({ step, kind }) => {
          if (kind === 'undo') return step === 'second' && ++tries < 5 ? lost(20_000) : ok({}, 25_000);
          return step === 'bad' ? rejected() : undefined;
        },
      },
    );
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(run.undone).toEqual(['second', 'first']);
    expect(world.undos()).toEqual(['second', 'second', 'second', 'second', 'second', 'first']);
    expect(world.calls.at(-1)?.atMs).toBeGreaterThan(100_000);
  });
});

describe('the deadline of a child', () => {
  const child = (timeout: string): string =>
    file(
      'child',
      timeout,
      `
  - { id: c1, service: s, method: /c1, compensate: { method: /undo } }
  - { id: c2, service: s, method: /c2, compensate: { method: /undo, on_unknown: true } }
`,
    );
  const parent = (timeout: string): string =>
    file(
      'parent',
      timeout,
      `
  - { id: p1, service: s, method: /p1, compensate: { method: /undo } }
  - { id: sub, workflow: child, output: sub }
  - { id: p2, service: s, method: /p2, compensate: { method: /undo } }
`,
    );
  const slow = ({ step, kind }: { step: string; kind: string }) => (step === 'c2' && kind === 'do' ? ok({}, 60_000) : undefined);

  test('is its parent’s where that is the earlier one', async () => {
    await open([parent('10s'), child('5m')], { mock: slow });
    const run = await world.run();
    expect(world.log()).toEqual(['p1', 'c1', 'c2', 'undo c2', 'undo c1', 'undo p1']);
    expect(world.calls[3]?.atMs).toBe(10_000);
    expect(run.status).toBe('compensated');
    expect(run.error).toMatchObject({ step: 'sub', error: 'Maestro.DeadlineExceeded' });
  });

  test('is its own where that is the earlier one, and that ends the parent too', async () => {
    await open([parent('5m'), child('10s')], { mock: slow });
    const run = await world.run();
    expect(world.calls[3]?.atMs).toBe(10_000);
    expect(run.status).toBe('compensated');
    expect(world.undos()).toEqual(['c2', 'c1', 'p1']);
  });
});
