// Runs that start runs: what is undone, by which run, in which place of the order, and what the parent learns of it.

import { afterEach, describe, expect, test } from 'vitest';
import { createWorld, lost, ok, rejected, type World, type WorldOptions } from './world.ts';

let world: World;

async function open(files: string | string[], options?: WorldOptions): Promise<void> {
  world = await createWorld(files, options);
}

afterEach(() => world.close());

const SERVICE = `
services:
  s: { type: http, endpoint: "http://s", timeout: 30s, breaker: false }
`;

function file(name: string, steps: string, more = ''): string {
  return `name: ${name}\nversion: "1"\n${more}${SERVICE}steps:\n${steps}`;
}

/** A step with an undo. */
function call(id: string, more = ''): string {
  return `  - { id: ${id}, service: s, method: /${id}, compensate: { method: /undo-${id} }${more} }\n`;
}

/** Refuses these steps. */
const refusing =
  (...steps: string[]): NonNullable<WorldOptions['mock']> =>
  ({ step, kind }) =>
    kind === 'do' && steps.includes(step) ? rejected(`${step} says no`) : undefined;

const CHILD = file('child', call('c1') + call('c2'));

describe('a sub-workflow that completed', () => {
  test('is undone by its own undo, in its place between the steps of its parent', async () => {
    await open([file('parent', `${call('p1')}  - { id: sub, workflow: child }\n${call('p2')}${call('p3')}`), CHILD], {
      mock: refusing('p3'),
    });
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(world.log()).toEqual(['p1', 'c1', 'c2', 'p2', 'p3', 'undo p2', 'undo c2', 'undo c1', 'undo p1']);
    expect(run).toMatchObject({ left: [], unresolved: [], undone: ['p2', 'sub', 'p1'] });
    const child = await childOf(run.id, 'sub');
    expect(child.status).toBe('compensated');
  });

  test('is undone by the compensate of its step instead, with the output of the child, and its own steps stay', async () => {
    const sub =
      '  - { id: sub, workflow: child, input: { n: 7 }, output: made, compensate: { service: s, method: /drop, input: { id: "{{ .made.id }}", why: "{{ .error.message }}" } } }\n';
    const child = `${file('child', `${call('c1', ', output: one')}`)}output: { id: "{{ .one.id }}", n: "{{ .input.n }}" }\n`;
    await open([file('parent', call('p1') + sub + call('p2')), child], {
      mock: ({ step, kind }) => {
        if (kind === 'do' && step === 'p2') return rejected('p2 says no');
        return ok({ id: `made by ${step}` });
      },
    });
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(world.log()).toEqual(['p1', 'c1', 'p2', 'undo sub', 'undo p1']);
    expect(world.calls[3]).toMatchObject({ method: '/drop', input: { id: 'made by c1', why: 'p2 says no' }, runId: run.id });
    expect(world.calls[3]?.key).toBe(`${run.id}/0002/undo`);
    expect(run.undone).toEqual(['sub', 'p1']);
    expect((await childOf(run.id, 'sub')).status).toBe('completed');
  });

  test('gives its parent its output, and sees as its input just what the parent passed', async () => {
    const parent = `${file('parent', '  - { id: sub, workflow: child, input: { a: [1], $maestro: { x: 1 } }, output: made }\n')}output: "{{ .made }}"\n`;
    const child = `${file('child', '  - { id: c1, service: s, method: /c1, input: "{{ .input }}" }\n')}output: { given: "{{ .input }}", keys: "{{ keys(.input) }}" }\n`;
    await open([parent, child]);
    const run = await world.run();
    expect(run.status).toBe('completed');
    expect(run.output).toMatchObject({ given: { a: [1] } });
    expect(world.calls[0]?.input).toMatchObject({ a: [1] });
    expect(JSON.stringify(run.output)).not.toMatch(/deadline|parent/);
  });

  test('is undone over two levels, innermost last step first', async () => {
    await open(
      [
        file('top', `${call('t1')}  - { id: middle, workflow: mid }\n${call('t2')}${call('t3')}`),
        file('mid', `${call('m1')}  - { id: leaf, workflow: low }\n${call('m2')}`),
        file('low', call('l1') + call('l2')),
      ],
      { mock: refusing('t3') },
    );
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(world.undos()).toEqual(['t2', 'm2', 'l2', 'l1', 'm1', 't1']);
    expect(run.undone).toEqual(['t2', 'middle', 't1']);
  });

  test('in a foreach is undone for each item, from the last one', async () => {
    const each = `  - id: each\n    foreach: "{{ .input.list }}"\n    concurrency: 1\n    steps:\n    - { id: sub, workflow: child, input: { n: "{{ .item }}" } }\n`;
    const child = file(
      'child',
      '  - { id: c1, service: s, method: /c1, input: { n: "{{ .input.n }}" }, compensate: { method: /u, input: { n: "{{ .input.n }}" } } }\n',
    );
    await open([file('parent', each + call('p2')), child], { mock: refusing('p2') });
    const run = await world.run({ list: ['a', 'b', 'c'] });
    expect(run.status).toBe('compensated');
    expect(world.calls.filter(({ kind }) => kind === 'undo').map(({ input }) => input)).toEqual([{ n: 'c' }, { n: 'b' }, { n: 'a' }]);
  });

  test('has a run, and with it a key, of its own for each step and item that starts it', async () => {
    const each = `  - id: each\n    foreach: "{{ .input.list }}"\n    steps:\n    - { id: sub, workflow: child }\n`;
    await open([file('parent', `${each}  - { id: again, workflow: child }\n`), CHILD]);
    const run = await world.run({ list: [1, 2] });
    expect(run.status).toBe('completed');
    expect(new Set(world.calls.map(({ key }) => key)).size).toBe(6);
    expect(new Set(world.calls.map(({ runId }) => runId)).size).toBe(3);
    expect(world.calls.some(({ runId }) => runId === run.id)).toBe(false);
  });

  test('whose undo fails makes the run of its parent end compensation_failed, and the rest is undone all the same', async () => {
    await open([file('parent', `${call('p1')}  - { id: sub, workflow: child }\n${call('p2')}`), CHILD], {
      mock: ({ step, kind }) => {
        if (step === 'p2' && kind === 'do') return rejected();
        return step === 'c2' && kind === 'undo' ? rejected('cannot be taken back') : undefined;
      },
    });
    const run = await world.run();
    expect(run.status).toBe('compensation_failed');
    expect(world.undos()).toEqual(['c2', 'c1', 'p1']);
    expect(run.left).toHaveLength(1);
    expect(run.left[0]).toMatchObject({ step: 'sub' });
    const child = await childOf(run.id, 'sub');
    expect(child.status).toBe('compensation_failed');
  });

  test('whose undo failed is undone by a second undo of its own run, just what is left; one of the parent then finds nothing left', async () => {
    let broken = true;
    await open([file('parent', `${call('p1')}  - { id: sub, workflow: child }\n${call('p2')}`), CHILD], {
      mock: ({ step, kind }) => {
        if (step === 'p2' && kind === 'do') return rejected();
        return broken && step === 'c2' && kind === 'undo' ? rejected('cannot be taken back') : undefined;
      },
    });
    const run = await world.run();
    expect(run.status).toBe('compensation_failed');
    broken = false;
    const before = world.undos().length;
    const childId = (await world.step(run.id, 'sub')).child ?? '';
    const child = await world.drive(world.runtime.undo(childId));
    expect((await world.end(childId, child.after)).status).toBe('compensated');
    const { after } = await world.drive(world.runtime.undo(run.id));
    const again = await world.end(run.id, after);
    expect(world.undos().slice(before)).toEqual(['c2']);
    expect(again).toMatchObject({ status: 'compensated', left: [] });
  });
});

describe('a sub-workflow that failed', () => {
  test('has undone its own steps, which its parent does not undo again', async () => {
    await open([file('parent', `${call('p1')}  - { id: sub, workflow: child }\n`), CHILD], { mock: refusing('c2') });
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(world.log()).toEqual(['p1', 'c1', 'c2', 'undo c1', 'undo p1']);
    // Listed, for it was undone: by itself.
    expect(run.undone).toEqual(['sub', 'p1']);
    expect((await childOf(run.id, 'sub')).status).toBe('compensated');
  });

  test('and had nothing to undo leaves its parent nothing to do for it, not even by the compensate of its step', async () => {
    const sub = '  - { id: sub, workflow: child, compensate: { service: s, method: /drop } }\n';
    await open([file('parent', call('p1') + sub), file('child', '  - { id: c1, service: s, method: /c1 }\n')], { mock: refusing('c1') });
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(world.undos()).toEqual(['p1']);
    expect((await childOf(run.id, 'sub')).status).toBe('failed');
  });

  test('tells its parent its error by name and message, in the record and in the undos', async () => {
    const p1 =
      '  - { id: p1, service: s, method: /p1, compensate: { method: /u, input: { step: "{{ .error.step }}", name: "{{ .error.error }}", why: "{{ .error.message }}" } } }\n';
    await open([file('parent', `${p1}  - { id: sub, workflow: child }\n`), CHILD], { mock: refusing('c2') });
    const run = await world.run();
    expect(run.error).toMatchObject({ step: 'sub', error: 'Maestro.ServiceRejected', message: expect.stringContaining('c2 says no') });
    const undo = world.calls.find(({ step, kind }) => step === 'p1' && kind === 'undo');
    expect(undo?.input).toEqual({ step: 'sub', name: 'Maestro.ServiceRejected', why: run.error?.message });
  });

  test('by a fail of its own tells the name that the file gave it, over two levels', async () => {
    await open([
      file('top', `${call('t1')}  - { id: middle, workflow: mid }\n`),
      file('mid', `${call('m1')}  - { id: leaf, workflow: low }\n`),
      file('low', '  - { id: stop, fail: { error: Out.OfStock, message: "none of {{ .workflow.name }}" } }\n'),
    ]);
    const run = await world.run();
    expect(run.error).toMatchObject({ step: 'middle', error: 'Out.OfStock', message: expect.stringContaining('none of low') });
    expect(world.log()).toEqual(['t1', 'm1', 'undo m1', 'undo t1']);
    expect(run.status).toBe('compensated');
  });

  test('and could not undo all of it makes the run of its parent end compensation_failed', async () => {
    await open([file('parent', `${call('p1')}  - { id: sub, workflow: child }\n`), CHILD], {
      mock: ({ step, kind }) => (step === (kind === 'do' ? 'c2' : 'c1') ? rejected('never') : undefined),
    });
    const run = await world.run();
    expect(world.log()).toEqual(['p1', 'c1', 'c2', 'undo c1', 'undo p1']);
    expect(run.status).toBe('compensation_failed');
    expect(run).toMatchObject({ undone: ['p1'], left: [{ step: 'sub' }] });
  });

  test('with a doubt that nobody may resolve makes the run of its parent end compensation_failed', async () => {
    await open([file('parent', `${call('p1')}  - { id: sub, workflow: child }\n`), CHILD], {
      mock: ({ step, kind }) => (step === 'c2' && kind === 'do' ? lost() : undefined),
    });
    const run = await world.run();
    expect(world.log()).toEqual(['p1', 'c1', 'c2', 'undo c1', 'undo p1']);
    expect((await childOf(run.id, 'sub')).status).toBe('compensation_failed');
    expect(run.status).toBe('compensation_failed');
    expect(run.left).toHaveLength(1);
  });

  test('is let go by on_error: continue, with its default for an output, and has nothing to be undone later', async () => {
    const sub = '  - { id: sub, workflow: child, on_error: continue, default: { none: true }, output: made }\n';
    const parent = `${file('parent', `${call('p1')}${sub}  - { id: p2, service: s, method: /p2, input: { made: "{{ .made }}" } }\n`)}`;
    await open([parent, CHILD], { mock: refusing('c2', 'p2') });
    const run = await world.run();
    expect(world.calls.find(({ step }) => step === 'p2')?.input).toEqual({ made: { none: true } });
    expect(world.log()).toEqual(['p1', 'c1', 'c2', 'undo c1', 'p2', 'undo p1']);
    expect(run.status).toBe('compensated');
    expect(run.error?.step).toBe('p2');
  });

  test('beside another one in a parallel block: that one runs to its end and is undone in its place', async () => {
    const fan = '  - id: fan\n    parallel:\n    - { id: suba, workflow: child }\n    - { id: subb, workflow: other }\n';
    await open([file('parent', call('p1') + fan), CHILD, file('other', call('o1') + call('o2'))], {
      mock: ({ step, kind }) => {
        if (kind !== 'do') return undefined;
        if (step === 'o1') return rejected('o1 says no', 10);
        return ok({}, 1_000);
      },
    });
    const run = await world.run();
    expect(run.status).toBe('compensated');
    expect(world.undos()).toEqual(['c2', 'c1', 'p1']);
    expect(run.error).toMatchObject({ step: 'subb' });
  });
});

/** The run that a step started. */
async function childOf(runId: string, step: string): Promise<{ status: string }> {
  const { child } = await world.step(runId, step);
  if (child === undefined) throw new Error(`${step} has no child`);
  return world.record(child);
}
