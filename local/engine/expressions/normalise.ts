// What an expression gave, as plain JSON.

import { type Json, setOwn } from '../../../shared/json.ts';

/**
 * A result as plain JSON: jsonata's sequences lose their marks, numbers that JSON cannot hold become text as on AWS. undefined for what is
 * no JSON at all (undefined, a function).
 */
export function normalise(value: unknown): Json | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? (Object.is(value, -0) ? 0 : value) : String(value);
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return null;
  if (Array.isArray(value)) return normaliseList(value);
  if ('_jsonata_function' in value || '_jsonata_lambda' in value || value instanceof RegExp) return undefined;
  return normaliseRecord(value as { [key: string]: unknown });
}

function normaliseList(value: unknown[]): Json | undefined {
  let copy: Json[] | undefined =
    Object.hasOwn(value, 'sequence') || Object.hasOwn(value, 'outerWrapper') || Object.hasOwn(value, 'cons') ? [] : undefined;
  for (let i = 0; i < value.length; i++) {
    const item = normalise(value[i]);
    if (item === undefined) return undefined;
    if (!copy && !Object.is(item, value[i])) copy = value.slice(0, i) as Json[];
    copy?.push(item);
  }
  return copy ?? (value as Json[]);
}

function normaliseRecord(value: { [key: string]: unknown }): Json | undefined {
  let copy: { [key: string]: Json } | undefined;
  for (const key of Object.keys(value)) {
    const item = normalise(value[key]);
    if (item === undefined && value[key] !== undefined) return undefined;
    if (!copy && !Object.is(item, value[key])) copy = copyBefore(value, key);
    if (copy && item !== undefined) setOwn(copy, key, item);
  }
  return copy ?? (value as { [key: string]: Json });
}

function copyBefore(value: { [key: string]: unknown }, end: string): { [key: string]: Json } {
  const copy: { [key: string]: Json } = {};
  for (const key of Object.keys(value)) {
    if (key === end) break;
    setOwn(copy, key, value[key] as Json);
  }
  return copy;
}
