import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkDefinition } from '../../shared/compiler/check-definition/index.ts';
import {
  conditionCode,
  expressionCode,
  type Scope,
  templateCode,
  templateValue,
  textCode,
  wrap,
} from '../../shared/compiler/expression/index.ts';
import type { Json } from '../../shared/json.ts';
import { isJsonObject, setOwn } from '../../shared/json.ts';
import { evaluateCondition, evaluateExpr, evaluateTemplate, evaluateText, same } from '../reference/evaluate.ts';
import { evaluateJsonata } from '../support/aws-functions.ts';
import { environment, expression, template } from '../support/expressions.ts';

// One corner is left out on purpose, by leaving `length` out of the random keys: deep inside two values, JSONata's JavaScript takes the list
// `[]` and the object `{"length":0}` for equal.

const RUNS = Number(process.env['MAESTRO_PROPERTY_RUNS'] ?? 1_500);

const scope: Scope = { root: (one) => ({ code: `$${one.root}`, steps: one.steps }), uuid: () => "'u'" };

const variables = (env: ReadonlyMap<string, Json>): { [name: string]: Json } => Object.fromEntries(env);

/** Values as JSON carries them: -0 is 0, and key order says nothing. */
function expectSame(actual: unknown, wanted: Json, code: unknown): void {
  expect(actual).not.toBeUndefined();
  const json = JSON.parse(JSON.stringify(actual)) as Json;
  if (same(json, wanted)) return;
  // An object with a key `__proto__` is put together as text, and numbers in text have 15 digits.
  const digits = JSON.stringify(code).includes('$parse(') ? 15 : 17;
  const rounded = (value: Json): string =>
    JSON.stringify(value, (_key, one: unknown) => (typeof one === 'number' ? Number(one.toPrecision(digits)) : one));
  expect(rounded(json)).toBe(rounded(wanted));
}

/** What Step Functions makes of a template: every `{% … %}` leaf is evaluated. */
async function fill(value: Json, env: ReadonlyMap<string, Json>): Promise<unknown> {
  if (typeof value === 'string')
    return value.startsWith('{%') && value.endsWith('%}') ? evaluateJsonata(value.slice(2, -2), variables(env)) : value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => fill(item, env)));
  if (!isJsonObject(value)) return value;
  const result: { [key: string]: Json } = {};
  for (const [key, item] of Object.entries(value)) setOwn(result, key, (await fill(item, env)) as Json);
  return result;
}

describe('generated JSONata', () => {
  test('gives what the language says, never fails and is never undefined', async () => {
    await fc.assert(
      fc.asyncProperty(expression, environment, async (one, env) => {
        const code = expressionCode(one, scope);
        expectSame(await evaluateJsonata(code, variables(env)), evaluateExpr(one, env), code);
      }),
      { numRuns: RUNS },
    );
  });

  test('of a condition gives true or false, as the expression holds', async () => {
    await fc.assert(
      fc.asyncProperty(expression, environment, async (one, env) => {
        expect(await evaluateJsonata(conditionCode(one, scope), variables(env))).toBe(evaluateCondition(one, env));
      }),
      { numRuns: RUNS },
    );
  });

  test('of a template gives the same as leaves of a JSON value and as one expression', async () => {
    await fc.assert(
      fc.asyncProperty(template, environment, async (one, env) => {
        const wanted = evaluateTemplate(one, env);
        const value = templateValue(one, scope);
        expectSame(await fill(value, env), wanted, value);
        const code = templateCode(one, scope);
        expectSame(await evaluateJsonata(code, variables(env)), wanted, code);
      }),
      { numRuns: RUNS },
    );
  });

  test('of a text gives a text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(expression, { maxLength: 3 }), environment, async (parts, env) => {
        const all = parts.flatMap((part) => ['-', part]);
        expect(await evaluateJsonata(textCode(all, scope), variables(env))).toBe(evaluateText(all, env));
      }),
      { numRuns: RUNS },
    );
  });

  test('stands on one line and holds neither delimiters nor substitutions', () => {
    fc.assert(
      fc.property(template, (one) => {
        const code = templateCode(one, scope);
        expect(code).not.toMatch(/[\n\r\u2028\u2029]|\{%|%\}|\$\{|\$\$|\?\?|\?:|\$eval/);
        const value = JSON.stringify(templateValue(one, scope));
        expect(value).not.toContain('${');
      }),
      { numRuns: RUNS },
    );
  });

  test('is what the checker lets the compiler emit, in states that cannot catch too', () => {
    fc.assert(
      fc.property(expression, template, (one, whole) => {
        const definition = {
          QueryLanguage: 'JSONata',
          StartAt: 'names',
          States: {
            names: { Type: 'Pass', Assign: { a: null, b: null, c: null }, Next: 'ask' },
            ask: { Type: 'Choice', Choices: [{ Condition: wrap(conditionCode(one, scope)), Next: 'say' }], Default: 'say' },
            say: { Type: 'Pass', Assign: { d: wrap(expressionCode(one, scope)) }, Output: templateValue(whole, scope), End: true },
          },
        };
        expect(checkDefinition(definition, 'ours')).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });
});
