import { describe, expect, test } from 'vitest';
import { type MockReply, type MockRequest, type SimulateOptions, type Simulation, simulate } from '../../local/simulate/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { parseWorkflow, type Workflow } from '../../shared/workflow/index.ts';

const SERVICES = { east: { type: 'http', endpoint: 'http://east.test', breaker: false, retry: { attempts: 2 } } };

const SAGA = workflow({
  steps: [
    call('book', { compensate: { method: 'POST /unbook/{{ .book.id }}' }, output: 'book' }),
    {
      id: 'both',
      parallel: [call('left', { compensate: { method: 'POST /unleft' } }), call('right', { compensate: { method: 'POST /unright' } })],
    },
    call('pay', { input: { book: '{{ .book }}' } }),
  ],
});

describe('a simulated run', () => {
  test('calls what the workflow calls, and says when and with what', async () => {
    const simulation = await simulate({ workflow: SAGA, input: { a: 1 }, mock: () => done({ id: 7 }, 250) });
    expect(simulation.status).toBe('completed');
    expect(simulation.calls.map(({ step, kind, atMs, attempt }) => [step, kind, atMs, attempt])).toEqual([
      ['book', 'do', 0, 0],
      ['left', 'do', 250, 0],
      ['right', 'do', 250, 0],
      ['pay', 'do', 500, 0],
    ]);
    expect(simulation.calls.at(-1)).toMatchObject({
      place: '0003',
      method: '/pay',
      verb: 'POST',
      input: { book: { id: 7 } },
      ended: 'done',
      performed: true,
    });
    expect(simulation.tookMs).toBe(750);
    // book 1, both 1 + 2 + the join's Choice 1, pay 1
    expect(simulation.transitions).toBe(6);
  });

  test('is the same every time', async () => {
    const options: SimulateOptions = {
      workflow: SAGA,
      input: {},
      mock: (request) => (request.step === 'pay' ? timeout(100) : done({ id: 7 }, 10)),
    };
    const [one, two] = [await simulate(options), await simulate(options)];
    expect(one).toEqual(two);
    expect(one.status).toBe('compensated');
    expect(undone(one)).toEqual(['right', 'left', 'book']);
  });

  test('a process that is killed before a call left it makes the call once, in the next process', async () => {
    const simulation = await simulate({ workflow: SAGA, input: {}, mock: killOnce('right', 'before') });
    expect(simulation).toMatchObject({ status: 'completed', kills: 1 });
    expect(tries(simulation)).toEqual({ book: 1, left: 2, right: 1, pay: 1 });
    // `left` was under way in the process that died: its answer was lost, so it is asked again.
    expect(simulation.calls.filter(({ step }) => step === 'left').map(({ ended }) => ended)).toEqual(['lost', 'done']);
  });

  test('a process that is killed before it could record an answer calls again with the same key', async () => {
    const simulation = await simulate({ workflow: SAGA, input: {}, mock: killOnce('book', 'after') });
    expect(simulation).toMatchObject({ status: 'completed', kills: 1 });
    const [lost, again] = simulation.calls;
    expect([lost?.ended, lost?.performed, again?.ended]).toEqual(['lost', true, 'done']);
    expect(again?.key).toBe(lost?.key);
    expect(tries(simulation)).toEqual({ book: 2, left: 1, right: 1, pay: 1 });
  });

  test('a process that is killed while it undoes goes on with the undo, and repeats only what was under way', async () => {
    let killed = false;
    const mock = (request: MockRequest): MockReply => {
      if (request.step === 'pay') return timeout(100);
      if (request.kind === 'undo' && request.step === 'left' && !killed) {
        killed = true;
        return { ...done(null, 10), kill: 'after' };
      }
      return done({ id: 7 }, 10);
    };
    const simulation = await simulate({ workflow: SAGA, input: {}, mock });
    expect(simulation).toMatchObject({ status: 'compensated', kills: 1 });
    expect(undone(simulation)).toEqual(['right', 'left', 'left', 'book']);
  });

  test('child runs are told apart by the place that started them', async () => {
    const main = workflow({
      name: 'main',
      steps: [
        { id: 'each', foreach: '{{ .input.list }}', steps: [{ id: 'start', workflow: 'child', input: { n: '{{ .item }}' } }] },
        call('pay', {}),
      ],
    });
    const child = workflow({ name: 'child', steps: [call('work', { input: '{{ .input.n }}', compensate: { method: 'POST /unwork' } })] });
    const simulation = await simulate({
      workflow: main,
      children: [child],
      input: { list: ['x', 'y'] },
      mock: ({ step }) => (step === 'pay' ? timeout(5) : done(null, 10)),
    });
    expect(simulation.calls.map(({ run, workflow: name, kind, step, input }) => [run, name, kind, step, input])).toEqual([
      ['0001.00000.0001', 'child', 'do', 'work', 'x'],
      ['0001.00001.0001', 'child', 'do', 'work', 'y'],
      ['', 'main', 'do', 'pay', null],
      ['', 'main', 'do', 'pay', null],
      ['0001.00001.0001', 'child', 'undo', 'work', null],
      ['0001.00000.0001', 'child', 'undo', 'work', null],
    ]);
    expect(simulation.report).toMatchObject({ undone: ['start', 'start'] });
    expect(simulation.runs.map(({ run, status }) => [run, status])).toEqual([
      ['', 'compensated'],
      ['0001.00000.0001', 'compensated'],
      ['0001.00001.0001', 'compensated'],
    ]);
  });

  test('a child without a single call owes nothing, however late its end is told', async () => {
    const main = workflow({
      name: 'main',
      steps: [
        {
          id: 'each',
          foreach: '{{ [1] }}',
          steps: [call('book', { compensate: { method: 'POST /unbook' } }), { id: 'start', workflow: 'child', input: {} }],
        },
        { id: 'stop', fail: { error: 'OnPurpose', message: 'enough' } },
      ],
    });
    const child = workflow({ name: 'child', steps: [call('work', { when: '.input.never' })] });
    const simulation = await simulate({ workflow: main, children: [child], input: {}, mock: () => done(null, 10) });
    expect(simulation.status).toBe('compensated');
    expect(simulation.report).toMatchObject({ undone: ['book'], left: [] });
  });

  test('checkpoints and callbacks are answered, also when the process that asked was killed', async () => {
    const asking = workflow({
      steps: [
        { id: 'ok', checkpoint: { title: 'go on?', timeout: '2h' }, output: 'said' },
        call('order', { await: 'callback', timeout: '1h', output: 'ordered', compensate: { method: 'POST /unorder' } }),
        call('pay', { input: { said: '{{ .said }}', ordered: '{{ .ordered }}' } }),
      ],
    });
    const simulation = await simulate({
      workflow: asking,
      input: {},
      mock: killOnce('order', 'after'),
      answerToken: ({ kind }) => ({ takesMs: 3_000, output: kind === 'checkpoint' ? { decision: 'respond' } : { order: 9 } }),
    });
    expect(simulation.error).toBeNull();
    expect(simulation).toMatchObject({ status: 'completed', kills: 1 });
    expect(simulation.calls.at(-1)?.input).toEqual({ said: { decision: 'respond' }, ordered: { order: 9 } });
  });

  test('a checkpoint that nobody answers ends after its time, not after a real hour', async () => {
    const asking = workflow({
      steps: [
        call('book', { compensate: { method: 'POST /unbook' } }),
        { id: 'ok', checkpoint: { title: 'go on?', timeout: '20h', on_timeout: 'fail' } },
      ],
    });
    const simulation = await simulate({ workflow: asking, input: {}, mock: () => done(null, 0) });
    expect(simulation.status).toBe('compensated');
    expect(undone(simulation)).toEqual(['book']);
    expect(simulation.tookMs).toBeGreaterThanOrEqual(20 * 3_600_000);
  });

  test('a mock that kills for ever is told so', async () => {
    await expect(simulate({ workflow: SAGA, input: {}, mock: () => ({ ...done(null, 0), kill: 'before' }) })).rejects.toThrow(/100 times/);
  });

  test('names the steps that when passed over', async () => {
    const skipping = workflow({
      steps: [
        call('one', { when: '.input.yes' }),
        call('two', { when: '.input.no' }),
        { id: 'each', foreach: '{{ [1, 2, 3] }}', steps: [call('odd', { when: '.item % 2 == 1' })] },
      ],
    });
    const simulation = await simulate({ workflow: skipping, input: { yes: true }, mock: () => done(null, 0) });
    expect(simulation.skipped).toEqual(['two', 'odd']);
  });
});

function done(value: Json, takesMs: number): MockReply {
  return { outcome: { outcome: 'done', value }, takesMs };
}

function timeout(takesMs: number): MockReply {
  return { outcome: { outcome: 'unknown', error: 'Maestro.ServiceTimeout', message: 'no answer', detail: {} }, takesMs };
}

function killOnce(step: string, kill: 'before' | 'after'): (request: MockRequest) => MockReply {
  let killed = false;
  return (request) => {
    if (request.step !== step || killed) return done({ id: 7 }, 10);
    killed = true;
    return { ...done({ id: 7 }, 10), kill };
  };
}

function undone(simulation: Simulation): string[] {
  return simulation.calls.filter(({ kind }) => kind === 'undo').map(({ step }) => step);
}

function tries(simulation: Simulation): { [step: string]: number } {
  const counts: { [step: string]: number } = {};
  for (const { step } of simulation.calls) counts[step] = (counts[step] ?? 0) + 1;
  return counts;
}

function call(id: string, more: JsonObject): JsonObject {
  return { id, service: 'east', method: `POST /${id}`, ...more };
}

function workflow(more: JsonObject): Workflow {
  const file = { name: 'simulated', version: '1', timeout: '48h', services: SERVICES, ...more };
  const { workflow: parsed, diagnostics } = parseWorkflow(JSON.stringify(file), { file: 'simulated.yaml' });
  if (!parsed) throw new Error(diagnostics.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  return parsed;
}
