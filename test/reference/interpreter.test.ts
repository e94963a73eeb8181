import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../local/simulate/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import { parseWorkflow, type Workflow } from '../../shared/workflow/index.ts';
import { interpret } from './interpreter.ts';
import type { Answer, ReferenceCall, ReferenceResult } from './types.ts';

/** The oracle is trusted elsewhere, so what it says is written out here by hand. */
describe('the reference', () => {
  const saga = [call('a', undo('a')), call('b', {}), call('c', undo('c')), call('d', {})];

  test('undoes completed steps in reverse, and sees the output and the failure', async () => {
    const { result, undos } = await run(saga, { d: 'rejected' });
    expect(result).toMatchObject({
      status: 'compensated',
      error: { step: 'd', error: 'Maestro.ServiceRejected' },
      undone: ['0003', '0001'],
    });
    expect(undos.map(({ input }) => input)).toEqual([
      { own: { id: 'c' }, failed: 'd' },
      { own: { id: 'a' }, failed: 'd' },
    ]);
  });

  test('lists what may have been done and says nothing about it, and undoes what says so', async () => {
    expect((await run(saga, { c: 'timeout' })).result).toMatchObject({
      status: 'compensation_failed',
      unresolved: ['0003'],
      undone: ['0001'],
    });
    const known = [call('a', undo('a')), call('c', undo('c', { on_unknown: true }))];
    expect((await run(known, { c: 'timeout' })).result).toMatchObject({ status: 'compensated', unresolved: [], undone: ['0002', '0001'] });
  });

  test('a step that was surely not done has nothing to undo, and a run without anything to undo has failed', async () => {
    expect((await run(saga, { a: 'rejected' })).result).toMatchObject({ status: 'failed', undone: [] });
  });

  test('an undo that fails is left, and the others go on', async () => {
    expect((await run(saga, { d: 'rejected', 'undo c': 'rejected' })).result).toMatchObject({
      status: 'compensation_failed',
      left: ['0003'],
      undone: ['0001'],
    });
  });

  test('an undo is tried ten times', async () => {
    const { undos } = await run(saga, { d: 'rejected', 'undo c': 'unavailable' });
    expect(undos.filter(({ step }) => step === 'c')).toHaveLength(10);
  });

  test('an unknown try sticks unless a later one succeeds', async () => {
    const twice = [call('a', { ...undo('a'), retry: { attempts: 2 } }), call('d', {})];
    expect((await run(twice, { a: ['timeout', 'rejected'] })).result).toMatchObject({
      status: 'compensation_failed',
      unresolved: ['0001'],
    });
    expect((await run(twice, { a: ['timeout', 'done'], d: 'rejected' })).result).toMatchObject({ status: 'compensated', undone: ['0001'] });
  });

  test('a block settles: what has not begun is refused, what is in flight finishes and is undone', async () => {
    const steps = [{ id: 'p', parallel: [call('quick', {}), { steps: [call('slow', undo('slow')), call('later', {})] }] }];
    const { result, calls } = await run(steps, { quick: 'rejected' }, { quick: 10, slow: 1_000 });
    expect(calls.map(({ step }) => step)).toEqual(['quick', 'slow', 'slow']);
    expect(result).toMatchObject({ status: 'compensated', error: { step: 'quick' }, undone: ['0001.0002.0001'] });
  });

  test('on_error: continue gives the default and lets the run go on; on a block it stops the branch only', async () => {
    const steps = [
      call('check', { on_error: 'continue', default: 'unknown', output: 'checked' }),
      {
        id: 'each',
        foreach: '{{ [1, 2] }}',
        on_error: 'continue',
        steps: [call('one', {}), call('two', { output: 'last' })],
        output: 'all',
      },
    ];
    const { result, calls } = await run(steps, { check: 'rejected', one: ['rejected'] });
    expect(result).toMatchObject({ status: 'completed', output: { checked: 'unknown', all: [null, null] } });
    expect(calls.map(({ step }) => step)).toEqual(['check', 'one', 'one']);
  });

  test('skipped steps are null, a switch takes the first case that holds, and a foreach keeps the order', async () => {
    const steps = [
      call('no', { when: 'false', output: 'nothing' }),
      {
        id: 'which',
        switch: [
          { when: '.nothing != null', steps: [call('x', {})] },
          { when: 'true', steps: [call('y', { output: 'chosen' })] },
          { steps: [call('z', {})] },
        ],
      },
      { id: 'each', foreach: '{{ ["a", "b"] }}', as: 'letter', steps: [call('e', { input: '{{ .letter + .index }}' })], output: 'all' },
    ];
    const { result, calls } = await run(steps, {}, { e: 50 });
    expect(calls.map(({ step, input }) => [step, input])).toEqual([
      ['y', null],
      ['e', 'a0'],
      ['e', 'b1'],
    ]);
    expect(result.output).toEqual({ nothing: null, chosen: { id: 'y' }, all: [{ id: 'e' }, { id: 'e' }] });
  });

  test('a completed sub-workflow is undone by its own undo, in its place; one that failed has undone itself', async () => {
    const steps = [call('a', undo('a')), { id: 'sub', workflow: 'child', input: {} }, call('d', {})];
    const { undos, result } = await run(steps, { d: 'rejected' });
    expect(undos.map(({ run: at, step }) => `${at}:${step}`)).toEqual(['0002:inner', ':a']);
    expect(result).toMatchObject({ status: 'compensated', undone: ['0002', '0001'] });
    const failing = await run(steps, { last: 'rejected' });
    expect(failing.undos.map(({ run: at, step }) => `${at}:${step}`)).toEqual(['0002:inner', ':a']);
    expect(failing.calls.some(({ step }) => step === 'd')).toBe(false);
  });
});

type Ending = 'done' | 'rejected' | 'unavailable' | 'timeout';

const ANSWERS: { [ending in Ending]: Omit<Answer, 'takesMs'> } = {
  done: { outcome: 'done' },
  rejected: { outcome: 'not_performed', error: 'Maestro.ServiceRejected' },
  unavailable: { outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' },
  timeout: { outcome: 'unknown', error: 'Maestro.ServiceTimeout' },
};

interface Ran {
  result: ReferenceResult;
  calls: ReferenceCall[];
  undos: ReferenceCall[];
}

/** @param endings by step id, or `undo <id>`; a list is used try by try */
async function run(
  steps: JsonObject[],
  endings: { [step: string]: Ending | Ending[] },
  takes: { [step: string]: number } = {},
): Promise<Ran> {
  const main = workflow('main', steps);
  const child = workflow('child', [call('inner', undo('inner')), call('last', {})]);
  const clock = createVirtualClock(0);
  const calls: ReferenceCall[] = [];
  const answer = ({ kind, step, attempt }: ReferenceCall): Answer => {
    const given = endings[kind === 'undo' ? `undo ${step}` : step] ?? 'done';
    const ending = Array.isArray(given) ? (given[Math.min(attempt, given.length - 1)] ?? 'done') : given;
    return { ...ANSWERS[ending], ...(ending === 'done' ? { value: { id: step } } : {}), takesMs: takes[step] ?? 10 };
  };
  const result = await clock.run(interpret(main, {}, { clock, children: new Map([['child', child]]), answer, calls, jitter: 1 }));
  return { result, calls, undos: calls.filter(({ kind }) => kind === 'undo') };
}

function call(id: string, more: JsonObject): JsonObject {
  return { id, service: 's', method: `POST /${id}`, ...more };
}

function undo(id: string, more: JsonObject = {}): JsonObject {
  return {
    output: `made_${id}`,
    compensate: { method: `POST /undo/${id}`, input: { own: `{{ .made_${id} }}`, failed: '{{ .error.step }}' }, ...more },
  };
}

function workflow(name: string, steps: JsonObject[]): Workflow {
  const file = { name, version: '1', services: { s: { type: 'http', endpoint: 'http://s.test' } }, steps };
  const { workflow: parsed, diagnostics } = parseWorkflow(JSON.stringify(file), { file: `${name}.yaml` });
  if (!parsed) throw new Error(diagnostics.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  return parsed;
}
