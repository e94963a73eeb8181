// The functions that Step Functions adds to JSONata, for evaluating generated expressions in tests.

import { createHash, randomUUID } from 'node:crypto';
import jsonata from 'jsonata';

const ALGORITHMS = new Map([
  ['MD5', 'md5'],
  ['SHA-1', 'sha1'],
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
]);

/**
 * Parses a JSONata 2.0.6 expression and gives it `$parse $hash $uuid $random $partition $range`.
 *
 * @throws jsonata's error where the text is no expression
 */
export function awsExpression(text: string): jsonata.Expression {
  const expression = jsonata(text);
  expression.registerFunction('parse', (json: unknown) => (typeof json === 'string' ? JSON.parse(json) : undefined));
  expression.registerFunction('hash', (value: unknown, algorithm: unknown) => {
    const name = ALGORITHMS.get(String(algorithm));
    if (name === undefined || value === undefined) return undefined;
    return createHash(name)
      .update(typeof value === 'string' ? value : JSON.stringify(value))
      .digest('hex');
  });
  expression.registerFunction('uuid', () => randomUUID());
  expression.registerFunction('random', () => 0.5);
  expression.registerFunction('partition', (list: unknown, size: unknown) => {
    if (!Array.isArray(list) || typeof size !== 'number' || size < 1 || list.length === 0) return undefined;
    const chunks = [];
    for (let start = 0; start < list.length; start += Math.trunc(size)) chunks.push(list.slice(start, start + Math.trunc(size)));
    return chunks;
  });
  expression.registerFunction('range', (from: unknown, to: unknown, step: unknown) => {
    if (typeof from !== 'number' || typeof to !== 'number' || typeof step !== 'number' || step === 0) return undefined;
    const numbers = [];
    for (let n = from; step > 0 ? n <= to : n >= to; n += step) numbers.push(n);
    return numbers.length === 1 ? numbers[0] : numbers;
  });
  return expression;
}

/** Evaluates an expression with variables; a list comes back as a plain array. */
export async function evaluateJsonata(text: string, variables: { [name: string]: unknown }): Promise<unknown> {
  return awsExpression(text).evaluate(undefined, variables);
}
