import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FUNCTION_NAMES } from '../../shared/compiler/expression/functions.ts';
import { canFail, expressionCode, jsonataString, literalValue, type Scope, templateValue } from '../../shared/compiler/expression/index.ts';
import type { Json } from '../../shared/json.ts';
import { FUNCTIONS } from '../../shared/workflow/expression/functions.ts';
import { parseExpression } from '../../shared/workflow/expression/parser.ts';
import { awsExpression, evaluateJsonata } from '../support/aws-functions.ts';
import { expr, fn, list, lit, obj, path } from '../support/expressions.ts';

const scope: Scope = { root: (one) => ({ code: `$${one.root}`, steps: one.steps }), uuid: () => "'u'" };
const span = { start: 0, end: 0 };

const NASTY = [
  '',
  "it's",
  '"',
  '\\',
  '\\n',
  '\'"',
  '{%',
  '%}',
  '{% 1 %}',
  '${',
  '${Name}',
  '$${x}',
  '{%%}',
  '\u0000\u001f\u007f\u0085',
  '\u2028\u2029',
  '\ufeff',
  '\ud800',
  '\udc00x',
  '😀',
  '/*',
  '`',
  'a\r\nb\t',
];

describe('jsonataString', () => {
  test.each(NASTY)('gives back %j', async (text) => {
    expect(await evaluateJsonata(jsonataString(text), {})).toBe(text);
  });

  test('gives back any text, on one line, without delimiters or substitutions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string(),
          fc.array(fc.constantFrom(...NASTY)).map((all) => all.join('')),
        ),
        async (text) => {
          const code = jsonataString(text);
          expect(await evaluateJsonata(code, {})).toBe(text);
          expect(code).not.toMatch(/[\n\r\u2028\u2029]|\{%|%\}|\$\{/);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('literalValue', () => {
  test('leaves usual values as they are', () => {
    const value: Json = { a: [1, 'x', null, { b: true }], 'c.$': '$.x', d: ' {% x %}', e: '%}' };
    expect(literalValue(value)).toEqual(value);
  });

  test('makes expressions of texts that would be read as one', () => {
    expect(literalValue('{% 1 %}')).toBe("{% '{\\u0025 1 \\u0025}' %}");
    expect(literalValue(['a ${Name} b'])).toEqual(["{% 'a \\u0024{Name} b' %}"]);
  });

  test('makes an expression of an object whose key would be substituted', async () => {
    const value = { '${Name}': [{ x: ['{%', [1]] }], y: 1 };

    const written = literalValue({ outer: value });

    expect(written).toEqual({ outer: expect.stringMatching(/^\{% \{.*\} %\}$/) });
    expect(JSON.stringify(written)).not.toContain('${');
    const code = JSON.parse(JSON.stringify(written)).outer.slice(2, -2);
    expect(JSON.parse(JSON.stringify(await evaluateJsonata(code, {})))).toEqual(value);
  });

  test('keeps __proto__ a key', () => {
    const written = literalValue(JSON.parse('{"__proto__": {"a": 1}}'));
    expect(JSON.stringify(written)).toBe('{"__proto__":{"a":1}}');
  });
});

describe('templateValue', () => {
  test('writes literals of the file as they are and the rest as leaves', () => {
    const value = templateValue(
      {
        span,
        kind: 'object',
        entries: [
          ['id', expr(path('order', 'id'))],
          ['note', { span, kind: 'text', parts: ['for ', path('order', 'name'), '!'] }],
          ['fixed', { span, kind: 'literal', value: { a: [1] } }],
          ['one', expr(lit(1))],
          ['all', { span, kind: 'list', items: [expr(path('order'))] }],
        ],
      },
      scope,
    );

    expect(value).toEqual({
      id: '{% $exists($order.id)?$order.id:null %}',
      note: expect.stringMatching(/^\{% \(\$_1:=function.*;'for '&\$_1\(.*\)&'!'\) %\}$/),
      fixed: { a: [1] },
      one: 1,
      all: ['{% $exists($order)?$order:null %}'],
    });
  });

  test('leaves null where the step function puts the callback URL', () => {
    expect(templateValue(expr({ span, kind: 'callback_url' }), scope)).toBeNull();
  });

  test('refuses secrets and environment names, which never become values', () => {
    expect(() => templateValue(expr({ span, kind: 'secret', name: 'KEY' }), scope)).toThrow('secret.KEY');
    expect(() => templateValue(expr({ span, kind: 'env', name: 'HOST' }), scope)).toThrow('env.HOST');
  });
});

describe('canFail', () => {
  test('is true for parse_json anywhere, and for nothing else', () => {
    const parse = fn('parse_json', path('a'));
    expect(canFail(parse)).toBe(true);
    expect(canFail(list(obj(['k', path('a', fn('len', parse))])))).toBe(true);
    expect(canFail({ span, kind: 'list', items: [{ span, kind: 'text', parts: ['x', parse] }] })).toBe(true);
    expect(canFail(fn('json', path('a', 'b')))).toBe(false);
    expect(canFail({ span, kind: 'literal', value: 'parse_json' })).toBe(false);
  });
});

describe('base64 and unbase64', () => {
  const { expr: encode } = parseExpression('base64(.a)', 0, false, (index) => index);
  const { expr: decode } = parseExpression('unbase64(.a)', 0, false, (index) => index);

  // Step Functions does not say which of the two its own functions are.
  test.each([true, false])('are UTF-8 whether or not the engine’s own functions are: %s', async (engineIsUtf8) => {
    const run = async (code: string, a: string): Promise<unknown> => {
      const expression = awsExpression(code);
      const charset = engineIsUtf8 ? 'utf8' : 'latin1';
      expression.registerFunction('base64encode', (text: string) => Buffer.from(text, charset).toString('base64'));
      expression.registerFunction('base64decode', (text: string) => Buffer.from(text, 'base64').toString(charset));
      return expression.evaluate(undefined, { a });
    };
    for (const text of ['', 'plain %25 text', 'é', '日本 😀 %E9 ÿ\u0080', '\u0000\u007f~']) {
      const base64 = Buffer.from(text, 'utf8').toString('base64');
      expect(await run(expressionCode(encode, scope), text)).toBe(base64);
      expect(await run(expressionCode(decode, scope), base64)).toBe(text);
    }
    for (const text of ['/+8=', '7aCA', 'wIA=', '4oKs4oI=', '9ICAgA==', '9JCAgA==', 'not base64']) {
      const wanted = text === '9ICAgA==' ? '\u{100000}' : null;
      expect(await run(expressionCode(decode, scope), text)).toBe(wanted);
    }
  });
});

test('every function that the parser lets through is generated', () => {
  expect([...FUNCTION_NAMES].sort()).toEqual([...FUNCTIONS.keys()].sort());
});
