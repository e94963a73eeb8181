import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CATALOGUE, type Diagnostic, parseWorkflow } from '../../shared/workflow/index.ts';

const CASES = join(import.meta.dirname, 'cases');
const names = readdirSync(CASES);

/** Codes that need a text too large for a case, or several files; the named test files hold them. */
const ELSEWHERE = ['MST1002', 'MST1003', 'MST2301', 'MST2302', 'MST2303'];

function read(name: string): { text: string; diagnostics: Diagnostic[]; valid: boolean } {
  const text = readFileSync(join(CASES, name, 'workflow.yaml'), 'utf8');
  const { workflow, diagnostics } = parseWorkflow(text, { file: `${name}.yaml` });
  return { text, diagnostics, valid: workflow !== null };
}

describe('diagnostics of whole files', () => {
  test.each(names)('%s: every mistake at its line and column, and no other', (name) => {
    const expected: unknown = JSON.parse(readFileSync(join(CASES, name, 'expected.diagnostics.json'), 'utf8'));

    const { diagnostics } = read(name);

    expect(diagnostics.map(({ code, line, column }) => ({ code, line, column }))).toEqual(expected);
  });

  test.each(names)('%s: a workflow comes out exactly when no diagnostic is an error', (name) => {
    const { diagnostics, valid } = read(name);

    expect(valid).toBe(!diagnostics.some(({ severity }) => severity === 'error'));
  });

  test.each(names)('%s: spans, lines and columns agree and messages quote no more than a line', (name) => {
    const { text, diagnostics } = read(name);

    for (const { span, line, column, message } of diagnostics) {
      const before = text.slice(0, span.start).split('\n');
      expect([before.length, (before.at(-1) ?? '').length + 1]).toEqual([line, column]);
      expect(span.end).toBeGreaterThanOrEqual(span.start);
      expect(message).not.toContain('\n');
    }
  });

  test('every code of the catalogue has a case', () => {
    const seen = new Set(names.flatMap((name) => read(name).diagnostics.map(({ code }) => code)));

    expect(Object.keys(CATALOGUE).filter((code) => !seen.has(code))).toEqual(ELSEWHERE);
  });

  test('prototype names in a file change no prototype', () => {
    read('prototype-names');

    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});

describe('what a mistake says', () => {
  test.each([
    ['unknown-keys', 'MST1101', 'did you mean "compensate"?'],
    ['wrong-types', 'MST1106', 'did you mean 30s?'],
    ['functions', 'MST2006', 'did you mean "len"?'],
    ['services', 'MST2008', 'did you mean "unused"?'],
    ['services', 'MST2102', 'did you mean "POST"?'],
    ['data-flow', 'MST2001', 'did you mean "later"?'],
    ['traps', 'MST1103', 'write false'],
    ['yaml-not-for-workflows', 'MST1008', 'put it in quotes: "{{ … }}"'],
  ])('%s: %s has the hint %s', (name, code, hint) => {
    const hints = read(name).diagnostics.flatMap((diagnostic) => (diagnostic.code === code ? (diagnostic.hint ?? []) : []));

    expect(hints).toContain(hint);
  });

  test('the path of a mistake names its place in the document', () => {
    const paths = read('positions-in-every-style').diagnostics.map(({ path }) => path);

    expect(paths).toContain('steps[0].input.double_folded');
  });

  test('the caret of a name stands on its dot in every style of scalar', () => {
    const { text, diagnostics } = read('positions-in-every-style');

    expect(diagnostics.map(({ span }) => text.slice(span.start, span.end))).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => `.oops${n}`));
  });
});
