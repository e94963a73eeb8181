import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Answer, answerOf, formatCallRef, inputMatches, type Mock, scenarioSchema } from '../../cli/scenario/index.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));

function mockOf(written: unknown): Mock {
  const scenario = scenarioSchema.parse({ name: 'x', mocks: { step: written }, expect: { status: 'completed' } });
  const mock = scenario.mocks['step'];
  if (mock === undefined) throw new Error('the mock is gone');
  return mock;
}

function answers(written: unknown, calls: number, item: number | null = null): Answer['kind'][] {
  const mock = mockOf(written);
  return Array.from({ length: calls }, (_, nth) => answerOf(mock, item, nth).kind);
}

function complaints(scenario: object): string[] {
  const parsed = scenarioSchema.safeParse({ name: 'x', expect: { status: 'completed' }, ...scenario });
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('answers', () => {
  test.each([
    [{ charge_id: 'ch-1' }, { charge_id: 'ch-1' }],
    [3, 3],
    [null, null],
    ['text', 'text'],
    [{}, {}],
    [{ output: [1, 2] }, [1, 2]],
    [{ output: { reject: true } }, { reject: true }],
    // Keys beside the mark that no answer has: the value is data.
    [
      { timeout: 30, host: 'a' },
      { timeout: 30, host: 'a' },
    ],
  ])('reads %j as an output', (written, output) => {
    expect(answerOf(mockOf(written), null, 0)).toEqual({ kind: 'output', output, delayMs: 0, times: null });
  });

  test.each([
    [{ reject: true }, { kind: 'reject', status: 422 }],
    [{ reject: { status: 404, message: 'gone' } }, { kind: 'reject', status: 404, message: 'gone' }],
    [{ unavailable: true }, { kind: 'unavailable', performed: 'no' }],
    [
      { unavailable: 'unknown', delay: '1m30s' },
      { kind: 'unavailable', performed: 'unknown', delayMs: 90_000 },
    ],
    [{ timeout: 'unknown' }, { kind: 'timeout' }],
    [{ unusable: true }, { kind: 'unusable' }],
    [{ fail: { error: 'Oops' } }, { kind: 'fail', error: 'Oops', message: '' }],
    [{ decision: 'approve' }, { kind: 'decision', decision: 'approve', answer: null, by: 'tester' }],
    [{ timed_out: true }, { kind: 'timed_out' }],
    [{ delay: '250ms' }, { kind: 'output', output: null, delayMs: 250 }],
  ])('reads %j as the form it is', (written, answer) => {
    expect(answerOf(mockOf(written), null, 0)).toMatchObject(answer);
  });

  test('a list is used from its start and its last entry stands for all further calls', () => {
    expect(answers([{ unavailable: true, times: 2 }, { reject: true }, { id: 1 }], 6)).toEqual([
      'unavailable',
      'unavailable',
      'reject',
      'output',
      'output',
      'output',
    ]);
  });

  test('a last entry with `times` is followed by null answers', () => {
    expect(answers({ unavailable: true, times: 2 }, 4)).toEqual(['unavailable', 'unavailable', 'output', 'output']);
    expect(answerOf(mockOf({ unavailable: true, times: 2 }), null, 2)).toMatchObject({ output: null });
  });

  test('items have answers of their own, and the last stands for all further items', () => {
    const written = { items: [{ id: 'a' }, [{ unavailable: true }, { id: 'b' }], { timeout: 'unknown' }] };

    expect(answers(written, 2, 0)).toEqual(['output', 'output']);
    expect(answers(written, 2, 1)).toEqual(['unavailable', 'output']);
    expect(answers(written, 1, 7)).toEqual(['timeout']);
  });
});

describe('what is refused', () => {
  test.each([
    [{ mocks: { a: { reject: { status: 500 } } } }, 'mocks.a.reject'],
    [{ mocks: { a: [{ id: 1 }, { unavailable: 'perhaps' }] } }, 'mocks.a.1.unavailable'],
    [{ mocks: { a: { items: [{ id: 1 }, { delay: '3' }] } } }, 'mocks.a.items.1.delay'],
    [{ mocks: { a: { items: [] } } }, 'mocks.a.items'],
    [{ mocks: { a: [] } }, 'mocks.a'],
    [{ mocks: { a: [[1, 2]] } }, 'mocks.a.0'],
    [{ mocks: { a: { reject: true, timeout: 'unknown' } } }, 'mocks.a'],
    [{ mocks: { 'not an id': 1 } }, 'mocks.not an id'],
    [{ undo_mocks: { a: { timeout: true } } }, 'undo_mocks.a.timeout'],
    [{ expect: { status: 'done' } }, 'expect.status'],
    [{ expect: { status: 'failed', undo: [] } }, 'expect'],
    [{ expect: { status: 'failed', calls: ['a b'] } }, 'expect.calls.0'],
    [{ expcet: {} }, ''],
  ])('%j is refused where the mistake is', (scenario, path) => {
    const found = complaints(scenario);

    expect(found.map((line) => line.slice(0, line.indexOf(': ')))).toEqual([expect.stringMatching(path === '' ? /^$/ : `^${path}`)]);
  });
});

describe('expectations', () => {
  test('a call is named by step and items, and written back as it was read', () => {
    const { expect: wanted } = scenarioSchema.parse({
      name: 'x',
      expect: { status: 'failed', calls: ['charge', 'reserve[1]', { step: 'cell[2][0]', attempts: 2 }], error: 'Maestro.Stopped' },
    });

    expect(wanted.calls?.map(({ step, items }) => [step, items])).toEqual([
      ['charge', []],
      ['reserve', [1]],
      ['cell', [2, 0]],
    ]);
    expect(wanted.calls?.map(formatCallRef)).toEqual(['charge', 'reserve[1]', 'cell[2][0]']);
    expect(wanted.error).toEqual({ error: 'Maestro.Stopped' });
  });

  test('an input matches on the keys that are named, each exactly', () => {
    expect(inputMatches({ a: 1 }, { a: 1, b: 2 })).toBe(true);
    expect(inputMatches({ a: { x: 1 } }, { a: { x: 1, y: 2 } })).toBe(false);
    expect(inputMatches({ a: null }, {})).toBe(false);
    expect(inputMatches({ constructor: 1 }, {})).toBe(false);
    expect(inputMatches([1], [1])).toBe(true);
  });

  test('an input that ends in .json names a file, any other is the input itself', () => {
    const read = (input: unknown) => scenarioSchema.parse({ name: 'x', input, expect: { status: 'failed' } }).input;

    expect(read('./input.json')).toEqual({ kind: 'file', file: './input.json' });
    expect(read({ a: 1 })).toEqual({ kind: 'value', value: { a: 1 } });
    expect(read(undefined)).toEqual({ kind: 'value', value: {} });
  });
});

describe('the examples', () => {
  const files = globSync('*/*.scenario.yaml', { cwd: EXAMPLES });

  test('every example has scenarios, one of which is about an undo', () => {
    const folders = globSync('*/workflow.yaml', { cwd: EXAMPLES }).map((file) => file.split('/')[0]);
    const withUndo = files
      .filter((file) => /undos:\s*(\[\w|\["|\n)/.test(readFileSync(`${EXAMPLES}/${file}`, 'utf8')))
      .map((file) => file.split('/')[0]);

    expect(folders.length).toBeGreaterThanOrEqual(6);
    expect([...new Set(withUndo)].sort()).toEqual(folders.sort());
  });

  test.each(files)('%s is a scenario', (file) => {
    expect(complaints(parse(readFileSync(`${EXAMPLES}/${file}`, 'utf8')))).toEqual([]);
  });
});
