// The functions that Step Functions adds to JSONata 2.0.6 (developer guide, "Transforming data with JSONata"), with the corner cases
// recorded on AWS: arguments are truncated toward zero, and what makes no sense is undefined.

import { createHash } from 'node:crypto';
import type { Json } from '../../../shared/json.ts';

/** `$range` beyond this is refused (measured on AWS). */
const MAX_RANGE_ITEMS = 360_145;
const HASHES: { [name: string]: string } = { MD5: 'md5', 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };

/** An error as jsonata throws them: a code and a message. */
export function expressionError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** `$parse(json)`. */
export function parse(text: unknown): Json | undefined {
  if (text === undefined) return undefined;
  if (typeof text !== 'string') throw expressionError('T0410', 'Argument 1 of function "parse" does not match function signature');
  try {
    // AWS reads -0 as 0.
    return JSON.parse(text, (_, value: Json) => (Object.is(value, -0) ? 0 : value));
  } catch {
    throw expressionError('D3141', 'The argument of the parse function is not valid JSON');
  }
}

/** `$hash(value, algorithm)`: hex. Undefined without an algorithm that exists. */
export function hash(value: unknown, algorithm: unknown): string | undefined {
  if (value === undefined || typeof algorithm !== 'string') return undefined;
  const name = Object.hasOwn(HASHES, algorithm) ? HASHES[algorithm] : undefined;
  if (name === undefined) throw expressionError('D3142', `Unknown hash algorithm: ${algorithm}`);
  return createHash(name)
    .update(typeof value === 'string' ? value : JSON.stringify(value))
    .digest('hex');
}

/** `$partition(array, size)`. Undefined for an empty array or size 0; a negative size is an error. */
export function partition(list: unknown, size: unknown): Json[] | undefined {
  if (list === undefined || typeof size !== 'number') return undefined;
  const items = Array.isArray(list) ? (list as Json[]) : [list as Json];
  const step = Math.trunc(size);
  if (step < 0) throw expressionError('D3143', 'The size of a partition must be positive');
  if (step === 0 || items.length === 0) return undefined;
  const parts: Json[] = [];
  for (let i = 0; i < items.length; i += step) parts.push(items.slice(i, i + step));
  return parts;
}

/** `$range(first, last, step)`, the last included. One item comes as that item, as any JSONata sequence does. */
export function range(first: unknown, last: unknown, step: unknown): Json | undefined {
  if (typeof first !== 'number' || typeof last !== 'number' || typeof step !== 'number') return undefined;
  const [from, to, by] = [Math.trunc(first), Math.trunc(last), Math.trunc(step)];
  if (by === 0 || (to - from) * by < 0) return undefined;
  const count = Math.floor((to - from) / by) + 1;
  if (count > MAX_RANGE_ITEMS)
    throw expressionError('D2014', `The size of the sequence allocated by the range function must not exceed ${MAX_RANGE_ITEMS}`);
  const items = Array.from({ length: count }, (_, i) => from + i * by);
  return items.length === 1 ? items[0] : items;
}

/** `$random(seed)`: the same seed gives the same number (mulberry32; the numbers are not AWS's). */
export function seededRandom(seed: number): number {
  let a = (Math.trunc(seed) + 0x6d2b79f5) | 0;
  a = Math.imul(a ^ (a >>> 15), a | 1);
  a ^= a + Math.imul(a ^ (a >>> 7), a | 61);
  return ((a ^ (a >>> 14)) >>> 0) / 4_294_967_296;
}
