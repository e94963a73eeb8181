// Expressions as tests write them, and random ones.

import fc from 'fast-check';
import type { Json, JsonObject } from '../../shared/json.ts';
import { setOwn } from '../../shared/json.ts';
import type { BinaryOp, Expr, PathStep, Template } from '../../shared/workflow/model.ts';

const span = { start: 0, end: 0 };

export const lit = (value: null | boolean | number | string): Expr => ({ span, kind: 'literal', value });
export const path = (root: string, ...steps: (string | Expr)[]): Expr => ({
  span,
  kind: 'path',
  root,
  steps: steps.map((step): PathStep => (typeof step === 'string' ? { kind: 'name', name: step } : { kind: 'index', index: step })),
});
export const fn = (name: string, ...args: Expr[]): Expr => ({ span, kind: 'call', name, args });
export const bin = (left: Expr, op: BinaryOp, right: Expr): Expr => ({ span, kind: 'binary', op, left, right });
export const un = (op: '!' | '-' | '+', operand: Expr): Expr => ({ span, kind: 'unary', op, operand });
export const cond = (test: Expr, yes: Expr, no: Expr): Expr => ({ span, kind: 'conditional', test, yes, no });
export const list = (...items: Expr[]): Expr => ({ span, kind: 'list', items });
export const obj = (...entries: [string, Expr][]): Expr => ({ span, kind: 'object', entries });
export const expr = (one: Expr): Template => ({ span, kind: 'expr', expr: one });

/** Roots that random paths begin with. */
export const ROOTS = ['a', 'b', 'c'] as const;

/** Few names, so that random paths meet random keys; some of them odd. `length` is left out: see the property test. */
const NAMES = [
  'x',
  'y',
  'k',
  'items',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  'and',
  'in',
  'null',
  'a-b',
  'a b',
  'a`b',
  "q'",
  '',
  'é',
  '${z}',
  '{%',
  '1',
];
const TEXTS = [
  '',
  'a',
  'b',
  'ab',
  'A,b,,c',
  ' x \n',
  '0',
  '12',
  '-1.5e3',
  '007',
  '{% x %}',
  '${Name}',
  '"',
  "'",
  '\\',
  '\u2028',
  'é',
  '日本',
  '😀',
  '\ud800',
  'x',
  '$',
  '$1',
  '%}',
  'QQ==',
  '/+8=',
  'w6k=',
];
const NUMBERS = [
  0, 1, -1, 2, 0.5, 2.5, -2.5, 3, 10, 0.1, 1e15, 1e16, 9007199254740991, -9007199254740991, 1e308, -1.7976931348623157e308, 5e-324, 1e21,
  1e-7,
];

const name = fc.constantFrom(...NAMES);
const text = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...TEXTS) }, fc.string({ unit: 'binary', maxLength: 6 }));
const number = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NUMBERS) },
  fc.integer({ min: -20, max: 20 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
);

function objectFrom(entries: [string, Json][]): JsonObject {
  const object: JsonObject = {};
  for (const [key, value] of entries) setOwn(object, key, value);
  return object;
}

/** Random JSON with the corners that matter here. */
export const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
    fc.constant<Json>(null),
    fc.boolean() as fc.Arbitrary<Json>,
    number as fc.Arbitrary<Json>,
    text as fc.Arbitrary<Json>,
    fc.array(tie('value'), { maxLength: 3 }) as fc.Arbitrary<Json>,
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map(objectFrom) as fc.Arbitrary<Json>,
    fc.array(fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map(objectFrom), { maxLength: 3 }) as fc.Arbitrary<Json>,
  ),
})).value;

export const environment: fc.Arbitrary<Map<string, Json>> = fc
  .tuple(json, json, json)
  .map((values) => new Map(ROOTS.map((root, index) => [root, values[index] ?? null])));

/** Functions by how many arguments they take; `parse_json`, `now` and `uuid` are tried on their own. */
const FUNCTIONS: [string, number, number][] = [
  ['len', 1, 1],
  ['upper', 1, 1],
  ['lower', 1, 1],
  ['trim', 1, 1],
  ['contains', 2, 2],
  ['starts_with', 2, 2],
  ['ends_with', 2, 2],
  ['split', 2, 2],
  ['join', 1, 2],
  ['replace', 3, 3],
  ['default', 2, 2],
  ['coalesce', 1, 6],
  ['json', 1, 1],
  ['number', 1, 1],
  ['string', 1, 1],
  ['round', 1, 2],
  ['floor', 1, 1],
  ['ceil', 1, 1],
  ['abs', 1, 1],
  ['min', 1, 1],
  ['max', 1, 1],
  ['sum', 1, 1],
  ['keys', 1, 1],
  ['values', 1, 1],
  ['merge', 1, 3],
  ['first', 1, 1],
  ['last', 1, 1],
  ['hash', 1, 1],
  ['base64', 1, 1],
  ['unbase64', 1, 1],
  ['range', 2, 3],
];
const OPERATORS: BinaryOp[] = ['||', '&&', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'];

/** Random expressions over `ROOTS`. */
export const expression: fc.Arbitrary<Expr> = fc.letrec<{ expr: Expr }>((tie) => {
  const sub = tie('expr');
  const literal = fc.oneof(fc.constant(null), fc.boolean(), number, text).map(lit);
  const step = fc.oneof(
    { weight: 4, arbitrary: name as fc.Arbitrary<string | Expr> },
    fc.oneof(fc.integer({ min: -3, max: 3 }).map(lit), name.map(lit), sub),
  );
  const aPath = fc.tuple(fc.constantFrom(...ROOTS), fc.array(step, { maxLength: 4 })).map(([root, steps]) => path(root, ...steps));
  const aCall = fc
    .constantFrom(...FUNCTIONS)
    .chain(([called, least, most]) => fc.array(sub, { minLength: least, maxLength: most }).map((args) => fn(called, ...args)));
  const pluck = fc.tuple(sub, fc.constantFrom('x', 'x.y', 'items.k', 'k', 'a b')).map(([of, dotted]) => fn('pluck', of, lit(dotted)));
  return {
    expr: fc.oneof(
      { maxDepth: 5, depthSize: 'medium', withCrossShrink: true },
      { weight: 2, arbitrary: literal },
      { weight: 4, arbitrary: aPath },
      { weight: 4, arbitrary: aCall },
      { weight: 1, arbitrary: pluck },
      { weight: 4, arbitrary: fc.tuple(sub, fc.constantFrom(...OPERATORS), sub).map(([a, op, b]) => bin(a, op, b)) },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom('!' as const, '-' as const, '+' as const), sub).map(([op, a]) => un(op, a)) },
      { weight: 1, arbitrary: fc.tuple(sub, sub, sub).map(([a, b, c]) => cond(a, b, c)) },
      { weight: 1, arbitrary: fc.array(sub, { maxLength: 3 }).map((items) => list(...items)) },
      { weight: 1, arbitrary: fc.array(fc.tuple(name, sub), { maxLength: 3 }).map((entries) => obj(...entries)) },
    ),
  };
}).expr;

/** Random templates over `ROOTS`. */
export const template: fc.Arbitrary<Template> = fc.letrec<{ template: Template }>((tie) => ({
  template: fc.oneof(
    { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
    json.map((value): Template => ({ span, kind: 'literal', value })),
    expression.map(expr),
    fc.array(fc.oneof(text, expression), { minLength: 1, maxLength: 4 }).map((parts): Template => ({ span, kind: 'text', parts })),
    fc.array(tie('template'), { maxLength: 3 }).map((items): Template => ({ span, kind: 'list', items })),
    fc.array(fc.tuple(name, tie('template')), { maxLength: 3 }).map((entries): Template => ({ span, kind: 'object', entries })),
  ),
})).template;
