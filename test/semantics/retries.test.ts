// How often a call is tried, when, and under which key.

import { afterEach, describe, expect, test } from 'vitest';
import { simulate } from '../../local/simulate/index.ts';
import { createWorld, lost, ok, refused, rejected, retryAfter, unusable, type World, type WorldOptions, workflowOf } from './world.ts';

let world: World | undefined;

async function open(steps: string, options: WorldOptions & { service?: string } = {}): Promise<World> {
  world = await createWorld(file(steps, options.service), options);
  return world;
}

function file(steps: string, service = 'breaker: false'): string {
  return `name: tries\nversion: "1"\ntimeout: 2h\nservices:\n  s: { type: http, endpoint: "http://s", timeout: 30s, ${service} }\nsteps:\n${steps}`;
}

afterEach(async () => {
  await world?.close();
  world = undefined;
});

function call(id: string, more: string): string {
  return `  - { id: ${id}, service: s, method: /${id}, ${more} }\n`;
}

/** Almost the whole pause of what is declared. */
const LATEST = 0.999_999;

describe('tries', () => {
  test('are exactly as many as attempts says, the first included', async () => {
    for (const attempts of [1, 2, 5]) {
      const { run, log } = await open(call('a', `retry: { attempts: ${attempts} }`), { mock: () => refused() });
      expect(await run()).toMatchObject({ status: 'failed', error: { error: 'Maestro.ServiceUnavailable' } });
      expect(log()).toHaveLength(attempts);
      await world?.close();
    }
    world = undefined;
  });

  test('are one where nothing is said', async () => {
    const { run, log } = await open(call('a', 'input: 1'), { mock: () => refused() });
    expect((await run()).status).toBe('failed');
    expect(log()).toEqual(['a']);
  });

  test('of the service count where the step says nothing, else those of the step', async () => {
    const { run, log } = await open(`${call('a', 'on_error: continue')}${call('b', 'retry: { attempts: 2 }')}`, {
      service: 'breaker: false, retry: { attempts: 4 }',
      mock: () => refused(),
    });
    await run();
    expect(log()).toEqual(['a', 'a', 'a', 'a', 'b', 'b']);
  });

  test('end with the first success', async () => {
    const { run, log } = await open(call('a', 'retry: { attempts: 9 }, output: got'), {
      mock: ({ attempt }) => (attempt < 3 ? lost() : ok({ attempt })),
    });
    expect(await run()).toMatchObject({ status: 'completed', output: { got: { attempt: 3 } } });
    expect(log()).toHaveLength(4);
  });

  test.each([
    ['a rejection', rejected(), 'Maestro.ServiceRejected'],
    ['an answer that cannot be used', unusable(), 'Maestro.BadResponse'],
  ])('are over after %s', async (_name, reply, error) => {
    const { run, log } = await open(call('a', 'retry: { attempts: 5 }'), { mock: () => reply });
    expect((await run()).error?.error).toBe(error);
    expect(log()).toEqual(['a']);
  });

  test('are over when the circuit breaker opens, and nothing hammers', async () => {
    const { run, log } = await open(
      `${call('first', 'compensate: { service: t, method: /undo }')}${call('a', 'retry: { attempts: 50 }')}`,
      {
        service: 'breaker: { ratio: 0.5, min: 3, open: 5m } }\n  t: { type: http, endpoint: "http://t", breaker: false',
        mock: ({ step }) => (step === 'a' ? refused() : undefined),
      },
    );
    const view = await run();
    expect(view).toMatchObject({ status: 'compensated', error: { step: 'a', error: 'Maestro.CircuitOpen' } });
    const tries = log().filter((name) => name === 'a').length;
    expect(tries).toBeGreaterThanOrEqual(2);
    expect(tries).toBeLessThanOrEqual(6);
    expect(log().at(-1)).toBe('undo first');
  });

  test('of an undo are ten where nothing is said, and as many as its own retry says', async () => {
    const more = 'compensate: { method: /undo }';
    const few = 'compensate: { method: /undo, retry: { attempts: 3 } }';
    const { run, log, undos } = await open(`${call('ten', more)}${call('three', few)}${call('end', 'input: 1')}`, {
      mock: ({ step, kind }) => (kind === 'undo' ? refused() : step === 'end' ? rejected() : undefined),
    });
    const view = await run();
    expect(view.status).toBe('compensation_failed');
    expect(undos()).toEqual([...Array.from({ length: 3 }, () => 'three'), ...Array.from({ length: 10 }, () => 'ten')]);
    expect(view.left).toHaveLength(2);
    expect(log().slice(0, 3)).toEqual(['ten', 'three', 'end']);
  });
});

describe('the pause before a try', () => {
  test('doubles up to max where the backoff is exponential', async () => {
    const { run, times } = await open(call('a', 'retry: { attempts: 6, backoff: exponential, initial: 2s, max: 10s }'), {
      jitter: LATEST,
      mock: () => refused(),
    });
    await run();
    expect(pauses(times('a'))).toEqual([2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  test('stays the same where the backoff is constant', async () => {
    const { run, times } = await open(call('a', 'retry: { attempts: 4, backoff: constant, initial: 3s, max: 30s }'), {
      jitter: LATEST,
      mock: () => refused(),
    });
    await run();
    expect(pauses(times('a'))).toEqual([3_000, 3_000, 3_000]);
  });

  test('is drawn between nothing and what is declared', async () => {
    const { run, times } = await open(call('a', 'retry: { attempts: 3, backoff: exponential, initial: 4s }'), {
      jitter: 0,
      mock: () => refused(),
    });
    await run();
    expect(times('a')).toEqual([0, 0, 0]);
  });

  test('of an undo begins at 2 s and doubles up to 5 minutes', async () => {
    const { run, calls } = await open(`${call('a', 'compensate: { method: /undo }')}${call('end', 'input: 1')}`, {
      jitter: LATEST,
      mock: ({ step, kind }) => (kind === 'undo' ? refused() : step === 'end' ? rejected() : undefined),
    });
    await run();
    const times = calls.filter(({ kind }) => kind === 'undo').map(({ atMs }) => atMs);
    expect(pauses(times)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300].map((seconds) => seconds * 1_000));
  });
});

describe('Retry-After', () => {
  const once: (ms: number) => NonNullable<WorldOptions['mock']> =
    (ms) =>
    ({ attempt }) =>
      attempt === 0 ? retryAfter(ms) : undefined;

  test('is waited for where it is longer than the pause', async () => {
    const { run, times } = await open(call('a', 'retry: { attempts: 2, initial: 1s }'), { mock: once(20_000) });
    expect((await run()).status).toBe('completed');
    expect(times('a')).toEqual([0, 20_000]);
  });

  test('that has passed before the next try holds nothing', async () => {
    const { run, times } = await open(call('a', 'retry: { attempts: 2, backoff: constant, initial: 10s }'), {
      jitter: LATEST,
      mock: once(2_000),
    });
    await run();
    expect(pauses(times('a'))).toEqual([10_000]);
  });

  test('is waited for up to retry.max of the service', async () => {
    const { run, times } = await open(call('a', 'input: 1'), {
      service: 'breaker: false, retry: { attempts: 2, initial: 1s, max: 4s }',
      jitter: 0,
      mock: once(3_600_000),
    });
    expect((await run()).status).toBe('completed');
    expect(times('a')).toEqual([0, 4_000]);
  });

  test('is waited for up to retry.max of the step, where the step says one', async () => {
    const { run, times } = await open(call('a', 'retry: { attempts: 2, initial: 1s, max: 50s }'), { jitter: 0, mock: once(45_000) });
    expect((await run()).status).toBe('completed');
    expect(times('a')).toEqual([0, 45_000]);
  });

  test('of an undo is waited for up to the max of its own retry, where it says one', async () => {
    const { run, calls } = await open(
      `${call('a', 'compensate: { method: /undo, retry: { attempts: 2, initial: 1s, max: 90s } }')}${call('end', 'input: 1')}`,
      {
        jitter: 0,
        mock: ({ step, kind, attempt }) =>
          step === 'end' ? rejected() : kind === 'undo' && attempt === 0 ? retryAfter(80_000) : undefined,
      },
    );
    expect((await run()).status).toBe('compensated');
    expect(calls.filter(({ kind }) => kind === 'undo').map(({ atMs }) => atMs)).toEqual([0, 80_000]);
  });

  test('does not make a try of its own: a call with one attempt fails', async () => {
    const { run, log } = await open(call('a', 'input: 1'), { mock: once(1_000) });
    expect((await run()).error?.error).toBe('Maestro.ServiceUnavailable');
    expect(log()).toEqual(['a']);
  });

  test('of an undo is waited for', async () => {
    const { run, calls } = await open(`${call('a', 'compensate: { method: /undo }')}${call('end', 'input: 1')}`, {
      mock: ({ step, kind, attempt }) => (step === 'end' ? rejected() : kind === 'undo' && attempt === 0 ? retryAfter(25_000) : undefined),
    });
    expect((await run()).status).toBe('compensated');
    expect(calls.filter(({ kind }) => kind === 'undo').map(({ atMs }) => atMs)).toEqual([0, 25_000]);
  });
});

describe('an idempotency key', () => {
  test('is run and place, the same for every try, and the body is the same too', async () => {
    const { run, calls } = await open(call('a', 'retry: { attempts: 4 }, input: { id: "{{ uuid() }}", at: "{{ .timestamp }}" }'), {
      mock: ({ attempt }) => (attempt < 3 ? lost() : undefined),
    });
    const { id } = await run();
    expect(calls.map(({ key }) => key)).toEqual(Array.from({ length: 4 }, () => `${id}/0001`));
    expect(new Set(calls.map(({ input }) => JSON.stringify(input))).size).toBe(1);
  });

  test('is another one for each place and item, and so is uuid() in its body', async () => {
    const { run, calls } = await open(`
  - { id: a, service: s, method: /a, input: "{{ uuid() }}" }
  - id: fan
    parallel:
      - { id: b, service: s, method: /a, input: "{{ uuid() }}" }
      - { id: c, service: s, method: /a, input: "{{ uuid() }}" }
  - id: each
    foreach: "{{ range(0, 11) }}"
    steps:
      - { id: d, service: s, method: /a, input: "{{ uuid() }}" }
      - { id: e, service: s, method: /a, input: "{{ uuid() }}" }
  - switch:
      - { when: "false", steps: [{ id: f, service: s, method: /a }] }
      - { steps: [{ id: g, service: s, method: /a, input: "{{ uuid() }}" }] }
`);
    const { id } = await run();
    expect(calls).toHaveLength(28);
    expect(new Set(calls.map(({ key }) => key)).size).toBe(28);
    expect(new Set(calls.map(({ input }) => input)).size).toBe(28);
    const keys = new Set(calls.map(({ key }) => key));
    for (const place of ['0001', '0002.0001.0001', '0002.0002.0001', '0003.00000.0001', '0003.00011.0002', '0004.0002.0001'])
      expect(keys).toContain(`${id}/${place}`);
  });

  test('of an undo is that of its step with /undo, the same for every try and in a second undo of the run', async () => {
    let broken = true;
    const opened = await open(`${call('a', 'compensate: { method: /undo, retry: { attempts: 3 } }')}${call('end', 'input: 1')}`, {
      mock: ({ step, kind }) => (step === 'end' ? rejected() : kind === 'undo' && broken ? lost() : undefined),
    });
    const { id, status } = await opened.run();
    expect(status).toBe('compensation_failed');
    broken = false;
    const { after } = await opened.drive(opened.runtime.undo(id));
    expect((await opened.end(id, after)).status).toBe('compensated');
    const keys = opened.calls.filter(({ kind }) => kind === 'undo').map(({ key }) => key);
    expect(keys).toEqual(Array.from({ length: 4 }, () => `${id}/0001/undo`));
  });

  test('and the body stay the same in the next process, for calls and for undos', async () => {
    const killed = new Set<string>();
    const { status, calls, kills } = await simulate({
      workflow: workflowOf(
        file(
          call('a', 'input: "{{ uuid() }}", compensate: { method: /undo, input: "{{ uuid() }}", on_unknown: true }') +
            '  - { id: stop, fail: { error: Enough, message: no } }\n',
        ),
      ),
      input: {},
      mock: ({ key }) => {
        if (killed.has(key)) return ok({});
        killed.add(key);
        return { ...ok({}), kill: 'after' };
      },
    });
    expect({ status, kills }).toEqual({ status: 'compensated', kills: 2 });
    expect(calls.map(({ kind }) => kind)).toEqual(['do', 'do', 'undo', 'undo']);
    for (const same of [calls.slice(0, 2), calls.slice(2)]) {
      expect(new Set(same.map(({ key }) => key)).size).toBe(1);
      expect(new Set(same.map(({ input }) => input)).size).toBe(1);
    }
  });

  test('is another one for another run', async () => {
    const { run, calls } = await open(call('a', 'input: "{{ uuid() }}"'));
    await run();
    await run();
    expect(new Set(calls.map(({ key }) => key)).size).toBe(2);
    expect(new Set(calls.map(({ input }) => input)).size).toBe(2);
  });
});

/** Differences, to the nearest ten ms. */
function pauses(times: number[]): number[] {
  return times.slice(1).map((time, i) => Math.round((time - (times[i] ?? 0)) / 10) * 10);
}
