import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { compilePattern, type InputSchema, validateInput } from '../../shared/workflow/index.ts';

function paths(schema: InputSchema, value: Json): string[] {
  return validateInput(schema, value).map(({ path }) => path);
}

describe('an input', () => {
  test.each<[InputSchema, Json, boolean]>([
    [{ type: 'string' }, 'x', true],
    [{ type: 'string' }, 1, false],
    [{ type: 'integer' }, 1.0, true],
    [{ type: 'integer' }, 1.5, false],
    [{ type: 'number' }, 1.5, true],
    [{ type: 'number' }, '1', false],
    [{ type: 'null' }, null, true],
    [{ type: 'object' }, null, false],
    [{ type: 'object' }, [], false],
    [{ type: 'array' }, [], true],
    [{ enum: ['a', { b: [1, 2], c: 3 }] }, { c: 3, b: [1, 2] }, true],
    [{ enum: ['a', 1] }, '1', false],
    [{ const: null }, null, true],
    [{ const: 0 }, false, false],
    [{ minimum: 1, maximum: 2 }, 1, true],
    [{ exclusiveMinimum: 1 }, 1, false],
    [{ exclusiveMaximum: 2 }, 2, false],
    [{ maximum: 2 }, 'text', true],
    [{ minLength: 2, maxLength: 2 }, '😀😀', true],
    [{ minItems: 1 }, [], false],
    [{ maxItems: 1 }, [1, 2], false],
    [{ pattern: '^a+$' }, 'aaa', true],
    [{ pattern: '^a+$' }, 'aab', false],
    [{ properties: { a: { type: 'string' } } }, { b: 1 }, true],
    [{ properties: { a: { type: 'string' } }, additionalProperties: false }, { b: 1 }, false],
    [{ required: ['toString'] }, {}, false],
    [{ properties: { a: { type: 'string' } } }, { a: null }, false],
  ])('of %j: %j fits: %s', (schema, value, fits) => {
    expect(validateInput(schema, value).length === 0).toBe(fits);
  });

  test('all faults are told with their paths', () => {
    const schema: InputSchema = {
      type: 'object',
      required: ['id', 'lines'],
      properties: {
        lines: { type: 'array', items: { type: 'object', required: ['sku'], properties: { qty: { type: 'integer', minimum: 1 } } } },
      },
      additionalProperties: false,
    };

    expect(paths(schema, { lines: [{ sku: 'a', qty: 0 }, { qty: 1 }], 'odd key': 1 })).toEqual([
      '',
      'lines[0].qty',
      'lines[1]',
      '["odd key"]',
    ]);
  });

  test('values never stand in a message', () => {
    const schema: InputSchema = { properties: { ssn: { type: 'integer' }, name: { maxLength: 2 }, x: { enum: ['a'] } } };

    expect(JSON.stringify(validateInput(schema, { ssn: 'canary', name: 'canary', x: 'canary' }))).not.toContain('canary');
  });

  test('own keys of any name are data', () => {
    const value: Json = JSON.parse('{"__proto__": 1, "constructor": 2}');

    expect(paths({ properties: {}, additionalProperties: false }, value)).toEqual(['__proto__', 'constructor']);
  });

  test('at most fifty faults are told', () => {
    expect(
      validateInput(
        { items: { type: 'string' } },
        Array.from({ length: 10_000 }, () => 1),
      ),
    ).toHaveLength(50);
  });
});

describe('a pattern', () => {
  test.each(['^(a+)+$', '^(a|a)*$', '^(a|aa)+$', '(.*)*x', '^(([a-z])+.)+[A-Z]([a-z])+$', 'a*a*a*a*a*a*b'])(
    '%s takes time linear in the text',
    (source) => {
      const pattern = compilePattern(source);
      const started = performance.now();

      const matched = typeof pattern === 'string' ? pattern : pattern.test(`${'a'.repeat(10_000)}!`);

      expect(matched).toBe(false);
      expect(performance.now() - started).toBeLessThan(2_000);
    },
  );

  test('matches exactly what RegExp matches', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '(?:a|b)', '(ab)', '(a|)', 'é', '😀', '\\.', '\\u0061');
    const piece = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,}', '{0,2}', '*?')).map((parts) => parts.join(''));
    const source = fc
      .tuple(fc.constantFrom('', '^'), fc.array(piece, { maxLength: 5 }), fc.constantFrom('', '|b', '|^c'), fc.constantFrom('', '$'))
      .map(([start, pieces, other, end]) => start + pieces.join('') + other + end);
    const text = fc.array(fc.constantFrom('a', 'b', 'c', '1', '.', 'é', '😀'), { maxLength: 8 }).map((parts) => parts.join(''));

    fc.assert(
      fc.property(source, text, (pattern, subject) => {
        const compiled = compilePattern(pattern);
        expect(typeof compiled === 'string' ? compiled : compiled.test(subject)).toBe(new RegExp(pattern, 'u').test(subject));
      }),
      { numRuns: 2_000, seed: 5 },
    );
  });

  test.each(['(', '(?=a)', '(?<!a)b', '(a)\\1', '\\ba', 'a{5000}', '((){1000}){1000000}', `${'(?:'.repeat(60)}a${')'.repeat(60)}`])(
    '%s is refused',
    (source) => {
      expect(typeof compilePattern(source)).toBe('string');
    },
  );
});
