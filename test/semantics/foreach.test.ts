// The steps of a foreach: once per item, in order, with the item's own names, and undone from the last item.

import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { createWorld, lost, ok, rejected, type World, type WorldOptions } from './world.ts';

let world: World;

async function open(steps: string, options?: WorldOptions & { output?: string }): Promise<void> {
  const output = options?.output === undefined ? '' : `output: ${options.output}\n`;
  world = await createWorld(
    `name: loop\nversion: "1"\nservices:\n  s: { type: http, endpoint: "http://s", timeout: 30s, breaker: false }\n${output}steps:\n${steps}`,
    options,
  );
}

afterEach(() => world.close());

/** One call for each item, which answers with what it was given. */
const EACH = `
  - id: each
    foreach: "{{ .input.list }}"
    output: all
    steps:
      - { id: one, service: s, method: /one, input: { it: "{{ .item }}", n: "{{ .index }}" }, output: got }
`;

const echo: NonNullable<WorldOptions['mock']> = ({ kind, input }) => (kind === 'do' ? ok(input) : undefined);

describe('the list of a foreach', () => {
  test.each<[string, Json]>([
    ['empty', { list: [] }],
    ['null', { list: null }],
    ['missing', {}],
  ])('that is %s makes no call, and its output is an empty list', async (_name, input) => {
    await open(EACH, { mock: echo, output: '{ all: "{{ .all }}", n: "{{ len(.all) }}" }' });
    const run = await world.run(input);
    expect(run).toMatchObject({ status: 'completed', output: { all: [], n: 0 } });
    expect(world.log()).toEqual([]);
  });

  test.each<[string, Json[]]>([
    ['one item', ['a']],
    ['one item that is a list of one', [['a']]],
    ['one item that is an empty list', [[]]],
    ['lists for items', [[1, 2], [], [[3]]]],
    ['one null', [null]],
    ['nulls among others', [null, 0, '', false, {}]],
    ['objects with keys of another kind', [{ __proto__x: 1, constructor: 2, $stored: 3, $late: '1', $maestro: {} }]],
  ])('with %s: each is passed as it is, and the results are in order', async (_name, list) => {
    await open(EACH, { mock: echo, output: '"{{ .all }}"' });
    const run = await world.run({ list });
    expect(run.error).toBeNull();
    expect(world.calls.map(({ input }) => input).toSorted(byNumber)).toEqual(list.map((it, n) => ({ it, n })));
    expect(run.output).toEqual(list.map((it, n) => ({ it, n })));
  });

  test.each<[string, Json]>([
    ['a text', 'abc'],
    ['a number', 7],
    ['an object', { a: 1 }],
    ['true', true],
  ])('that is %s is no list: the run fails, says so, and what was done before is undone', async (_name, list) => {
    await open(`\n  - { id: first, service: s, method: /first, compensate: { method: /undo } }${EACH}`);
    const run = await world.run({ list });
    expect(run.status).toBe('compensated');
    expect(world.log()).toEqual(['first', 'undo first']);
    expect(run.error?.step).toBe('each');
  });

  test('that is longer than the bound is refused before its first call, and what was done before is undone', async () => {
    await open(`\n  - { id: first, service: s, method: /first, compensate: { method: /undo } }${EACH}`);
    const run = await world.run({ list: Array.from({ length: 5_000 }, (_, i) => i) });
    expect(world.log()).toEqual(['first', 'undo first']);
    expect(run.status).toBe('compensated');
    expect(run.error).toMatchObject({ step: 'each', message: expect.stringContaining('foreach each: at most 800 items') });
  });

  test('with more than nine items keeps their order, in results and in undo', async () => {
    const steps = EACH.replace('output: got }', 'output: got, compensate: { method: /undo, input: { n: "{{ .index }}" } } }');
    await open(`${steps}  - { id: last, service: s, method: /last, input: { all: "{{ pluck(.all, "n") }}" } }\n`.replaceAll('"n"', "'n'"), {
      mock: (request) => (request.step === 'last' ? rejected() : ok(request.input, 100 - (request.items[0] ?? 0))),
    });
    const numbers = Array.from({ length: 23 }, (_, i) => i);
    const run = await world.run({ list: numbers });
    expect(run.status).toBe('compensated');
    expect(world.calls.find(({ step }) => step === 'last')?.input).toEqual({ all: numbers });
    expect(world.undos()).toEqual(numbers.toReversed().map((n) => `one[${n}]`));
    expect(world.calls.filter(({ kind }) => kind === 'undo').map(({ input }) => input)).toEqual(numbers.toReversed().map((n) => ({ n })));
  });
});

describe('concurrency', () => {
  test.each([
    [1, [0, 100, 200, 300, 400]],
    [2, [0, 0, 100, 100, 200]],
    [5, [0, 0, 0, 0, 0]],
  ])('%i: so many items are at work at once', async (concurrency, times) => {
    await open(EACH.replace('output: all', `output: all\n    concurrency: ${concurrency}`), { mock: () => ok({}, 100) });
    await world.run({ list: [1, 2, 3, 4, 5] });
    expect(world.times('one')).toEqual(times);
  });

  test('is ten where the file does not say', async () => {
    await open(EACH, { mock: () => ok({}, 100) });
    await world.run({ list: Array.from({ length: 12 }, () => 1) });
    expect(world.times('one')).toEqual([...Array.from({ length: 10 }, () => 0), 100, 100]);
  });
});

describe('an item that fails', () => {
  const ITEMS = `
  - id: each
    foreach: "{{ .input.list }}"
    concurrency: 2
    output: all
    steps:
      - { id: a, service: s, method: /a, compensate: { method: /undo } }
      - { id: b, service: s, method: /b, input: "{{ .item }}", output: got, compensate: { method: /undo } }
`;

  test('lets calls in flight finish, begins no others, and all that was done is undone from the last item', async () => {
    await open(`\n  - { id: first, service: s, method: /first, compensate: { method: /undo } }${ITEMS}`, {
      mock: ({ step, kind, items }) => {
        if (kind === 'undo') return undefined;
        if (step === 'b' && items[0] === 0) return rejected('b of 0', 10);
        return ok({}, step === 'a' && items[0] === 1 ? 50 : 0);
      },
    });
    const run = await world.run({ list: [0, 1, 2, 3] });
    expect(world.log()).toEqual(['first', 'a[0]', 'a[1]', 'b[0]', 'undo a[1]', 'undo a[0]', 'undo first']);
    expect(run).toMatchObject({ status: 'compensated', error: { step: 'b', error: 'Maestro.ServiceRejected' } });
  });

  test('and is let go gives null in its place; what it completed stays, and is undone with the rest later', async () => {
    await open(
      `${ITEMS.replace('output: all', 'output: all\n    on_error: continue')}  - { id: end, service: s, method: /end, input: { all: "{{ .all }}" } }\n`,
      {
        mock: ({ step, kind, items, input }) => {
          if (kind === 'undo') return undefined;
          if (step === 'end' || (step === 'b' && items[0] === 1)) return rejected();
          return ok(input);
        },
      },
    );
    const run = await world.run({ list: ['x', 'y', 'z'] });
    expect(world.calls.find(({ step }) => step === 'end')?.input).toEqual({ all: ['x', null, 'z'] });
    expect(world.undos()).toEqual(['b[2]', 'a[2]', 'a[1]', 'b[0]', 'a[0]']);
    expect(run).toMatchObject({ status: 'compensated', error: { step: 'end' } });
  });

  test('and is let go in every item gives a list of nulls, and the run is completed', async () => {
    await open(ITEMS.replace('output: all', 'output: all\n    on_error: continue'), {
      mock: ({ step }) => (step === 'a' ? rejected() : undefined),
      output: '"{{ .all }}"',
    });
    const run = await world.run({ list: [1, 2] });
    expect(run).toMatchObject({ status: 'completed', output: [null, null] });
    expect(world.log()).toEqual(['a[0]', 'a[1]']);
  });

  test('among several: the error is that of the first in file order, the others are in also', async () => {
    await open(ITEMS, {
      mock: ({ step, kind, items }) => (kind === 'do' && step === 'b' ? rejected(`no ${items[0]}`, 20) : undefined),
    });
    const run = await world.run({ list: [0, 1] });
    expect(run.error?.message).toContain('no 0');
    expect(JSON.stringify(run.error?.also)).toContain('no 1');
    expect(world.undos()).toEqual(['a[1]', 'a[0]']);
  });

  test('with unknown outcome is listed, and the other items are undone', async () => {
    await open(ITEMS, { mock: ({ step, kind, items }) => (kind === 'do' && step === 'b' && items[0] === 1 ? lost() : undefined) });
    const run = await world.run({ list: [0, 1] });
    expect(run).toMatchObject({ status: 'compensation_failed', unresolved: ['b'] });
    expect(world.undos()).toEqual(['a[1]', 'b[0]', 'a[0]']);
  });
});

describe('nesting', () => {
  test('a foreach in a foreach is undone from the last inner item of the last outer one', async () => {
    await open(
      `
  - id: rows
    foreach: "{{ .input.rows }}"
    as: row
    steps:
      - { id: head, service: s, method: /head, compensate: { method: /undo } }
      - id: cells
        foreach: "{{ .row }}"
        as: cell
        concurrency: 1
        steps:
          - { id: cell_call, service: s, method: /cell, input: { cell: "{{ .cell }}", row: "{{ .row }}", n: "{{ .index }}" }, compensate: { method: /undo, input: { cell: "{{ .cell }}", row: "{{ .row }}" } } }
      - { id: foot, service: s, method: /foot, compensate: { method: /undo } }
  - { id: last, service: s, method: /last }
`,
      { mock: ({ step, kind }) => (kind === 'do' && step === 'last' ? rejected() : undefined) },
    );
    const run = await world.run({ rows: [['a', 'b'], [], ['c']] });
    expect(run.status).toBe('compensated');
    expect(world.undos()).toEqual(
      'foot[2] cell_call[2][0] head[2] foot[1] head[1] foot[0] cell_call[0][1] cell_call[0][0] head[0]'.split(' '),
    );
    const undone = world.calls.filter(({ kind, step }) => kind === 'undo' && step === 'cell_call').map(({ input }) => input);
    expect(undone).toEqual([
      { cell: 'c', row: ['c'] },
      { cell: 'b', row: ['a', 'b'] },
      { cell: 'a', row: ['a', 'b'] },
    ]);
    const sent = world.calls.filter(({ kind, step }) => kind === 'do' && step === 'cell_call').map(({ input }) => input);
    expect(sent).toContainEqual({ cell: 'b', row: ['a', 'b'], n: 1 });
    expect(sent).toContainEqual({ cell: 'c', row: ['c'], n: 0 });
  });

  test('.item is the one of the innermost foreach that does not name its own, .index the one of the innermost', async () => {
    await open(
      `
  - id: outer
    foreach: "{{ .input.rows }}"
    steps:
      - { id: before, service: s, method: /before, input: { i: "{{ .item.id }}", n: "{{ .index }}" } }
      - id: inner
        foreach: "{{ .item.list }}"
        steps:
          - { id: in, service: s, method: /in, input: { i: "{{ .item }}", n: "{{ .index }}" } }
      - { id: after, service: s, method: /after, input: { i: "{{ .item.id }}", n: "{{ .index }}" } }
`,
    );
    const run = await world.run({
      rows: [
        { id: 'r0', list: [] },
        { id: 'r1', list: ['p', 'q'] },
      ],
    });
    expect(run.status).toBe('completed');
    const inputs = (step: string): Json[] => world.calls.filter((call) => call.step === step).map(({ input }) => input);
    expect(inputs('before')).toEqual([
      { i: 'r0', n: 0 },
      { i: 'r1', n: 1 },
    ]);
    expect(inputs('in')).toEqual([
      { i: 'p', n: 0 },
      { i: 'q', n: 1 },
    ]);
    expect(inputs('after')).toEqual([
      { i: 'r0', n: 0 },
      { i: 'r1', n: 1 },
    ]);
  });

  test('a foreach in a parallel block in a foreach: each has its item, and the undo is in reverse file order within each item', async () => {
    await open(
      `
  - id: outer
    foreach: "{{ .input.rows }}"
    as: row
    concurrency: 1
    output: results
    steps:
      - { id: pre, service: s, method: /pre, output: pre, compensate: { method: /undo } }
      - id: fan
        parallel:
          - id: inner
            foreach: "{{ .row.list }}"
            output: inner_all
            steps:
              - { id: x, service: s, method: /x, input: { row: "{{ .row.id }}", it: "{{ .item }}", pre: "{{ .pre.step }}" }, output: got, compensate: { method: /undo, input: { it: "{{ .item }}", got: "{{ .got.step }}", row: "{{ .row.id }}" } } }
          - { id: y, service: s, method: /y, input: { row: "{{ .row.id }}" }, output: why, compensate: { method: /undo } }
      - { id: sum, service: s, method: /sum, input: { n: "{{ len(.inner_all) }}", why: "{{ .why.step }}" }, output: sums }
  - { id: last, service: s, method: /last, input: "{{ .results }}" }
`,
      { mock: ({ step, kind, input }) => (kind === 'do' && step === 'last' ? rejected() : ok(step === 'sum' ? input : { step })) },
    );
    const run = await world.run({
      rows: [
        { id: 'r0', list: ['a', 'b'] },
        { id: 'r1', list: ['c'] },
      ],
    });
    expect(run.error?.step).toBe('last');
    expect(world.calls.find(({ step }) => step === 'last')?.input).toEqual([
      { n: 2, why: 'y' },
      { n: 1, why: 'y' },
    ]);
    expect(world.undos()).toEqual('y[1] x[1][0] pre[1] y[0] x[0][1] x[0][0] pre[0]'.split(' '));
    const undone = world.calls.filter(({ kind, step }) => kind === 'undo' && step === 'x').map(({ input }) => input);
    expect(undone).toEqual([
      { it: 'c', got: 'x', row: 'r1' },
      { it: 'b', got: 'x', row: 'r0' },
      { it: 'a', got: 'x', row: 'r0' },
    ]);
    expect(run.status).toBe('compensated');
  });

  test('a step that when passes over in some items is undone only in the others, and its item gives null', async () => {
    await open(
      `
  - id: each
    foreach: "{{ .input.list }}"
    output: all
    steps:
      - { id: odd, when: ".item % 2 == 1", service: s, method: /odd, output: got, compensate: { method: /undo } }
  - { id: last, service: s, method: /last, input: { all: "{{ .all }}" } }
`,
      { mock: ({ step, kind, items }) => (kind === 'do' && step === 'last' ? rejected() : ok(items[0] ?? null)) },
    );
    const run = await world.run({ list: [1, 2, 3, 4] });
    expect(world.calls.find(({ step }) => step === 'last')?.input).toEqual({ all: [0, null, 2, null] });
    expect(world.undos()).toEqual(['odd[2]', 'odd[0]']);
    expect(run.status).toBe('compensated');
  });

  test('a foreach that when passes over has null for its output', async () => {
    await open(EACH.replace('output: all', 'output: all\n    when: ".input.go"'), { mock: echo, output: '{ all: "{{ .all }}" }' });
    const run = await world.run({ list: [1], go: false });
    expect(run).toMatchObject({ status: 'completed', output: { all: null } });
    expect(world.log()).toEqual([]);
  });
});

function byNumber(a: Json, b: Json): number {
  const numberOf = (value: Json): number => (value !== null && typeof value === 'object' && !Array.isArray(value) ? Number(value['n']) : 0);
  return numberOf(a) - numberOf(b);
}
