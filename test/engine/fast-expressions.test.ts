// The compiled expressions against jsonata 2.0.6: one meaning.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createExpressionCompiler, type Env } from '../../local/engine/expressions/index.ts';
import { jsonataExpression } from '../../local/engine/expressions/jsonata-expression.ts';
import { normalise } from '../../local/engine/expressions/normalise.ts';
import type { Json } from '../../shared/json.ts';

const services = { uuid: () => '00000000-0000-4000-8000-000000000000', random: () => 0.25 };
const compile = createExpressionCompiler(services);

/** What an evaluation gave, comparable: a value, nothing, or an error's code and words. */
type Seen = { value: unknown } | { error: string };

async function seen(evaluate: () => unknown): Promise<Seen> {
  try {
    return { value: normalise(await evaluate()) };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    return { error: `${code}: ${message}` };
  }
}

/** Both answers, and whether the compiled one answered at once. */
async function both(text: string, env: Env): Promise<{ fast: Seen; slow: Seen; atOnce: boolean }> {
  const expression = compile(text);
  let atOnce = false;
  const fast = await seen(() => {
    const value = expression.evaluate(env);
    atOnce = !(value instanceof Promise);
    return value;
  });
  const slow = await seen(() => jsonataExpression(text, services).evaluate(env));
  return { fast, slow, atOnce };
}

function env(input: Json, vars: { [name: string]: Json } = {}): Env {
  return {
    vars: Object.assign(Object.create(null), vars),
    states: { input, context: { Execution: { Id: 'arn', Input: input }, State: { RetryCount: 0 } } },
    now: 1_767_323_045_000,
  };
}

const keys = fc.constantFrom('a', 'b', 'c', 'ü', 'length');
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false, 0, 1, -1, 2.5, 1e21, 0.1, '', 'x', 'ä€😀', '1'),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(keys, tie('json'), { maxKeys: 3 }) as fc.Arbitrary<Json>,
  ),
}));

const name = fc.constantFrom('a', 'b', 'c', '`ü`', '`length`');
const FUNCTIONS_1 = [
  'exists',
  'type',
  'string',
  'not',
  'count',
  'boolean',
  'keys',
  'merge',
  'length',
  'lowercase',
  'number',
  'floor',
  'ceil',
  'round',
  'abs',
  'sum',
  'max',
  'min',
  'average',
  'reverse',
  'distinct',
  'spread',
  'uppercase',
  'trim',
  'join',
  'parse',
  'base64encode',
  'encodeUrlComponent',
  'toMillis',
];
const FUNCTIONS_2 = [
  'append',
  'lookup',
  'substring',
  'contains',
  'join',
  'pad',
  'round',
  'power',
  'substringBefore',
  'substringAfter',
  'partition',
  'hash',
];

/** Expressions of everything that the compiler takes, and of some that it does not. */
const { expression } = fc.letrec<{ expression: string; head: string }>((tie) => ({
  head: fc.constantFrom('$states.input', '$states.context.Execution.Input', '$x', '$y', '$missing', '$v'),
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    tie('head'),
    fc.constantFrom(
      '1',
      '-2',
      '0',
      '1.5',
      "'x'",
      "'ä😀'",
      'true',
      'false',
      'null',
      '[]',
      '{}',
      '$',
      '[1..3]',
      '$millis()',
      '$now()',
      '$range(0, 4, 2)',
    ),
    fc.tuple(tie('head'), fc.array(name, { minLength: 1, maxLength: 3 })).map(([head, names]) => `${head}.${names.join('.')}`),
    fc.tuple(tie('expression'), name).map(([value, key]) => `(${value}).${key}`),
    fc.tuple(tie('expression'), fc.constantFrom('0', '1', '-1', '1.7')).map(([value, at]) => `(${value})[${at}]`),
    fc.tuple(tie('head'), name, fc.constantFrom('0', '-1')).map(([head, key, at]) => `${head}.${key}[${at}]`),
    fc.tuple(tie('expression'), tie('expression')).map(([value, test]) => `(${value})[${test}]`),
    fc.tuple(tie('head'), name, name, tie('expression')).map(([head, list, key, value]) => `${head}.${list}[${key} = ${value}].${key}`),
    fc.tuple(tie('head'), name, tie('expression')).map(([head, key, inner]) => `${head}.${key}.(${inner})`),
    fc.tuple(tie('head'), name).map(([head, key]) => `${head}.${key}[]`),
    tie('expression').map((value) => `(${value})[]`),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('=', '!=', '<', '<=', '>', '>=', 'and', 'or', '&', '+', '-', '*', '/', '%', 'in'),
        tie('expression'),
      )
      .map(([a, operator, b]) => `(${a}) ${operator} (${b})`),
    fc.array(tie('expression'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    fc
      .array(fc.tuple(fc.constantFrom("'k'", "'l'", "'2'", "'ü'", '$x.a'), tie('expression')), { maxLength: 3 })
      .map((pairs) => `{${pairs.map(([key, value]) => `${key}: ${value}`).join(', ')}}`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `((${a}) ? (${b}) : (${c}))`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `((${a}) ? (${b}))`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `($v := ${a}; ${b})`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `($v := ($v := ${a}; [$v, ${b}]); [$v])`),
    fc.tuple(fc.constantFrom(...FUNCTIONS_1), tie('expression')).map(([fn, a]) => `$${fn}(${a})`),
    fc.tuple(fc.constantFrom(...FUNCTIONS_2), tie('expression'), tie('expression')).map(([fn, a, b]) => `$${fn}(${a}, ${b})`),
    fc.tuple(tie('expression'), fc.constantFrom(...FUNCTIONS_1)).map(([a, fn]) => `(${a}) ~> $${fn}()`),
    tie('expression').map((a) => `-(${a})`),
    tie('expression').map((a) => `[${a}..3]`),
    tie('expression').map((a) => `$map([${a}], function($i) { $i })`),
  ),
}));

describe('compiled expressions', () => {
  it('give what jsonata gives, on any expression and any data', { timeout: 60_000 }, async () => {
    let answered = 0;
    let tried = 0;
    const values = fc.record({ input: json, x: json, y: json });
    await fc.assert(
      fc.asyncProperty(expression, values, async (text, { input, x, y }) => {
        const given = env(input, { x, y });
        const { fast, slow, atOnce } = await both(text, given);
        tried++;
        if (atOnce) answered++;
        expect(fast, text).toEqual(slow);
      }),
      { numRuns: 4000 },
    );
    // Otherwise the comparison would compare jsonata with itself.
    expect(answered / tried).toBeGreaterThan(0.6);
  });

  it('leave their data as it was', async () => {
    await fc.assert(
      fc.asyncProperty(expression, json, json, async (text, input, x) => {
        const given = env(input, { x });
        const before = JSON.stringify([input, x]);
        await seen(() => compile(text).evaluate(given));
        expect(JSON.stringify([input, x])).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  const data: Json = {
    one: [{ k: 1 }],
    two: [
      { k: 1, n: 'a' },
      { k: 2, n: 'b' },
    ],
    nested: [[1, [2]], [3]],
    empty: [],
    o: { p: { q: 'deep' } },
    s: '😀é',
    list: [5, 6, 7],
    nil: null,
  };
  const pinned: [text: string, value: Json | undefined][] = [
    ['$states.input.o.p.q', 'deep'],
    ['$states.input.one.k', 1],
    ['$states.input.one.k[]', [1]],
    ['$states.input.two.k', [1, 2]],
    ['$states.input.two[k = 2].n', 'b'],
    ['$states.input.two[0].n', 'a'],
    ['($states.input.two.n)[0]', 'a'],
    ['$states.input.two.n[0]', ['a', 'b']],
    ['$states.input.nested', [[1, [2]], [3]]],
    ['$states.input.nested[0]', [1, [2]]],
    ['$states.input.empty', []],
    ['$exists($states.input.empty)', true],
    ['$exists($states.input.nil)', true],
    ['$exists($states.input.nope)', false],
    ['$length($states.input.s)', 2],
    ['$states.input.list[-1]', 7],
    ['[$states.input.list, $states.input.list]', [5, 6, 7, 5, 6, 7]],
    ['[[$states.input.list], 1]', [[5, 6, 7], 1]],
    ['{"k": $states.input.nope}', {}],
    ['$states.input.nope > 1', undefined],
    ['$not($states.input.nope)', undefined],
    ["'a' & $states.input.nope", 'a'],
    ['$states.input.nope = null', false],
    ['$keys({"a": 1})', 'a'],
    ['$max([])', undefined],
    ['$sum([])', 0],
    ['$max([1, $floor((2000 - 500) / 1000)])', 1],
    ['($d := $states.input.list; $count($d) > 2 ? $d[0] : null)', 5],
    ["$merge([$states.input.o, {'p': 1}])", { p: 1 }],
  ];
  it.each(pinned)('%s', async (text, value) => {
    const { fast, slow, atOnce } = await both(text, env(data));
    expect(fast).toEqual(slow);
    expect(fast).toEqual({ value });
    expect(atOnce).toBe(true);
  });

  it.each([
    '$map([1], function($x) { $x })',
    '$states.input.two^(k)',
    '$states.input.two{n: k}',
    '$states.input.**.k',
    '$string',
    '$eval("1")',
    '$states.input.one@$o.k',
  ])('%s is left to jsonata', async (text) => {
    const { fast, slow, atOnce } = await both(text, env(data));
    expect(fast).toEqual(slow);
    expect(atOnce).toBe(false);
  });

  it.each<[text: string, input: Json, value: Json | undefined]>([
    ['$states.input.constructor', {}, undefined],
    ['$states.input.__proto__', {}, undefined],
    ["$lookup($states.input, '__proto__')", {}, undefined],
    ['$states.input.toString()', {}, undefined],
    ['$states.input.list.constructor', { list: [{ constructor: 1 }, {}, { constructor: 2 }] }, [1, 2]],
    ['$states.input.constructor.name', { constructor: { name: 'own' } }, 'own'],
    ['$states.input.map', [{ map: 1 }], 1],
    ["$states.input.a.$lookup('b')", { a: { b: 1 } }, 1],
  ])('%s reads what the data has itself', async (text, input, value) => {
    const { fast, slow } = await both(text, env(input));
    expect(fast).toEqual(slow);
    if (text.endsWith('()')) expect(fast).toMatchObject({ error: expect.stringContaining('T1006') });
    else expect(fast).toEqual({ value });
  });

  it('cannot change what all objects share', async () => {
    await both("$states.input.__proto__.(__defineGetter__('polluted', $uuid))", env({}));
    await both("$states.input ~> |__proto__|{'polluted': 1}|", env({}));
    expect('polluted' in {}).toBe(false);
  });

  it('are hidden by a variable of the same name as a function', async () => {
    const { fast, slow } = await both('$string(1)', env(null, { string: 'mine' }));
    expect(fast).toEqual(slow);
    expect(fast).toMatchObject({ error: expect.stringContaining('T1006') });
  });
});
