// jsonata's operators on values. Where jsonata throws, these bail, and jsonata itself finds the words.

import { BAIL } from './frame.ts';

/** The effective boolean value; undefined stays undefined. */
export function boolean(value: unknown): boolean | undefined {
  switch (typeof value) {
    case 'undefined':
      return undefined;
    case 'boolean':
      return value;
    case 'string':
      return value.length > 0;
    case 'number':
      if (Number.isFinite(value)) return value !== 0;
      throw BAIL;
    case 'object':
      break;
    default:
      throw BAIL;
  }
  if (value === null) return false;
  if (!Array.isArray(value)) return Object.keys(value).length > 0;
  return value.length === 1 ? boolean(value[0]) : value.some((item) => boolean(item) === true);
}

function numeric(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

export function arithmetic(operator: string): (left: unknown, right: unknown) => unknown {
  const compute = ARITHMETIC[operator];
  if (!compute) throw BAIL;
  return (left, right) => {
    if (left !== undefined && !numeric(left)) throw BAIL;
    if (right !== undefined && !numeric(right)) throw BAIL;
    return left === undefined || right === undefined ? undefined : compute(left, right);
  };
}

const ARITHMETIC: { [operator: string]: (left: number, right: number) => number } = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '%': (left, right) => left % right,
};

export function negate(value: unknown): unknown {
  if (value === undefined) return undefined;
  if (!numeric(value)) throw BAIL;
  return -value;
}

export function equals(left: unknown, right: unknown): boolean {
  return left !== undefined && right !== undefined && deepEqual(left, right);
}

export function differs(left: unknown, right: unknown): boolean {
  return left !== undefined && right !== undefined && !deepEqual(left, right);
}

function deepEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) throw BAIL;
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item, i) => deepEqual(item, right[i]));
  const [a, b] = [left as { [key: string]: unknown }, right as { [key: string]: unknown }];
  const keys = Object.getOwnPropertyNames(a);
  return keys.length === Object.getOwnPropertyNames(b).length && keys.every((key) => Object.hasOwn(b, key) && deepEqual(a[key], b[key]));
}

export function comparison(operator: string): (left: unknown, right: unknown) => unknown {
  const compare = COMPARISONS[operator];
  if (!compare) throw BAIL;
  return (left, right) => {
    if (!comparable(left) || !comparable(right)) throw BAIL;
    if (left === undefined || right === undefined) return undefined;
    if (typeof left !== typeof right) throw BAIL;
    return compare(left, right);
  };
}

const comparable = (value: unknown): value is string | number | undefined =>
  value === undefined || typeof value === 'string' || typeof value === 'number';

const COMPARISONS: { [operator: string]: (left: string | number, right: string | number) => boolean } = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

/** `in`: by identity, as jsonata has it. */
export function includes(left: unknown, right: unknown): boolean {
  if (left === undefined || right === undefined) return false;
  return Array.isArray(right) ? right.some((item) => item === left) : right === left;
}

/** A value as text for `&`. */
export function text(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return '';
    case 'string':
      return value;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      if (Number.isSafeInteger(value) && Math.abs(value) < 1e15) return String(value);
      if (!Number.isFinite(value)) throw BAIL;
      return JSON.stringify(Number(value.toPrecision(15)));
    case 'object':
      return JSON.stringify(value, (_, item: unknown) =>
        typeof item === 'number' && Number.isFinite(item) ? Number(item.toPrecision(15)) : infinite(item),
      );
    default:
      throw BAIL;
  }
}

function infinite(item: unknown): unknown {
  if (typeof item === 'number' || typeof item === 'function') throw BAIL;
  return item;
}

/** `[from..to]`. */
export function range(from: unknown, to: unknown): unknown {
  if (from !== undefined && !Number.isInteger(from)) throw BAIL;
  if (to !== undefined && !Number.isInteger(to)) throw BAIL;
  if (typeof from !== 'number' || typeof to !== 'number' || from > to) return undefined;
  if (to - from >= 1e7) throw BAIL;
  return Object.assign(
    Array.from({ length: to - from + 1 }, (_, i) => from + i),
    { sequence: true as const },
  );
}
