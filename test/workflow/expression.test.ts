import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Expr, FUNCTIONS, parseWorkflow, printExpr } from '../../shared/workflow/index.ts';

/** The expression of a `set` value, from YAML. */
function parse(source: string): Expr {
  const text = `name: w\nversion: "1"\nsteps:\n  - set:\n      x: ${JSON.stringify(`{{ ${source} }}`)}\n`;
  const { workflow, diagnostics } = parseWorkflow(text, { file: 'w' });
  const [step] = workflow?.steps ?? [];
  const value = step?.kind === 'set' ? step.values[0]?.[1] : undefined;
  if (value?.kind !== 'expr') throw new Error(`${source}: ${JSON.stringify(diagnostics)}`);
  return value.expr;
}

function code(source: string): string | undefined {
  const text = `name: w\nversion: "1"\nsteps:\n  - set:\n      x: ${JSON.stringify(`{{ ${source} }}`)}\n`;
  return parseWorkflow(text, { file: 'w' }).diagnostics[0]?.code;
}

/** Without spans: printing moves them. */
function bare(expr: unknown): unknown {
  if (Array.isArray(expr)) return expr.map(bare);
  if (typeof expr !== 'object' || expr === null) return expr;
  return Object.fromEntries(Object.entries(expr).flatMap(([key, value]) => (key === 'span' ? [] : [[key, bare(value)]])));
}

const name = fc.constantFrom('input', 'timestamp');
const key = fc.oneof(
  fc.constantFrom('a', 'b_1', 'Zed'),
  fc.string({ maxLength: 5, unit: 'binary' }).filter((text) => text.isWellFormed()),
);
const number = fc.oneof(fc.nat(), fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 1e6 })).filter((n) => !Object.is(n, -0));
const literal = fc.oneof(number, fc.boolean(), fc.constant(null), key).map((value) => ({ kind: 'literal', value }));

const { expr: anyExpr } = fc.letrec<{ expr: unknown; leaf: unknown }>((tie) => ({
  leaf: literal,
  expr: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    tie('leaf'),
    fc.record({
      kind: fc.constant('path'),
      root: name,
      steps: fc.array(
        fc.oneof(fc.record({ kind: fc.constant('name'), name: key }), fc.record({ kind: fc.constant('index'), index: tie('expr') })),
        { maxLength: 3 },
      ),
    }),
    fc.record({ kind: fc.constant('call'), name: fc.constant('coalesce'), args: fc.array(tie('expr'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ kind: fc.constant('unary'), op: fc.constantFrom('!', '-'), operand: tie('expr') }),
    fc.record({
      kind: fc.constant('binary'),
      op: fc.constantFrom('||', '&&', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'),
      left: tie('expr'),
      right: tie('expr'),
    }),
    fc.record({ kind: fc.constant('conditional'), test: tie('expr'), yes: tie('expr'), no: tie('expr') }),
    fc.record({ kind: fc.constant('list'), items: fc.array(tie('expr'), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('object'), entries: fc.uniqueArray(fc.tuple(key, tie('expr')), { maxLength: 3, selector: ([k]) => k }) }),
  ),
}));

describe('the parser', () => {
  test('reads back what is printed', () => {
    fc.assert(
      fc.property(anyExpr, (tree) => {
        const printed = printExpr(tree as Expr);
        const read = parse(printed);
        expect(bare(read)).toEqual(bare(tree));
        expect(printExpr(read)).toBe(printed);
      }),
      { numRuns: 500, seed: 11 },
    );
  });

  test.each([
    ['1 + 2 * 3', '1 + 2 * 3'],
    ['(1 + 2) * 3', '(1 + 2) * 3'],
    ['1 - 2 - 3', '1 - 2 - 3'],
    ['1 - (2 - 3)', '1 - (2 - 3)'],
    ['!.input.a && .input.b || .input.c', '!.input.a && .input.b || .input.c'],
    ['.input.a ? 1 : .input.b ? 2 : 3', '.input.a ? 1 : .input.b ? 2 : 3'],
    ['.input.name | default "anon" | upper', 'upper(default(.input.name, "anon"))'],
    ['.input.a + "x" | len', 'len(.input.a + "x")'],
    ['.input.a | coalesce .input.b [1]', 'coalesce(.input.a, .input.b, [1])'],
    ['.input.a | replace("x", "y")', 'replace(.input.a, "x", "y")'],
    ['.input.a | round -1', 'round(.input.a, -1)'],
    ['(.input.a | len) > 1', 'len(.input.a) > 1'],
    ['.input["a-b"][0][-1].c', '.input["a-b"][0][-1].c'],
    [".input['a']", '.input.a'],
    ['.input[.input.k]', '.input[.input.k]'],
    ["'it\\'s'", '"it\'s"'],
    ['"\\u00e9\\n"', '"é\\n"'],
    ['{a: {b: {}}}', '{"a": {"b": {}}}'],
    ['1.5e3', '1500'],
  ])('%s is %s', (source, printed) => {
    expect(printExpr(parse(source))).toBe(printed);
  });

  test('an object that ends right before the braces closes them both', () => {
    const text = 'name: w\nversion: "1"\nsteps: [{ set: { x: "{{{a: {b: 1}}}}" } }]\n';
    const [step] = parseWorkflow(text, { file: 'w' }).workflow?.steps ?? [];

    expect(step?.kind === 'set' && step.values[0]?.[1]).toMatchObject({ kind: 'expr', expr: { kind: 'object' } });
  });

  test.each([
    ['9007199254740992', 'MST1206'],
    ['1 == 2 == 3', 'MST1208'],
    ['.input.a b', 'MST1201'],
    ['upper (.input.a)', 'MST1209'],
    ['+1', 'MST1201'],
    ['[1,]', 'MST1201'],
    ['1e999', 'MST1206'],
    ['.input.', 'MST1201'],
    ['callback.uri', 'MST1201'],
    ['"a', 'MST1203'],
  ])('%s is refused with %s', (source, expected) => {
    expect(code(source)).toBe(expected);
  });

  test('the largest exact integer is taken', () => {
    expect(parse('9007199254740991')).toMatchObject({ kind: 'literal', value: Number.MAX_SAFE_INTEGER });
  });

  test('every function is known with its least and most arguments and refused beyond them', () => {
    for (const [called, { min, max }] of FUNCTIONS) {
      const args = (count: number): string => Array.from({ length: count }, () => '.input.x').join(', ');
      expect(code(`${called}(${args(min)})`)).toBeUndefined();
      if (min > 0) expect(code(`${called}(${args(min - 1)})`)).toBe('MST2007');
      if (Number.isFinite(max)) expect(code(`${called}(${args(max + 1)})`)).toBe('MST2007');
    }
  });
});
