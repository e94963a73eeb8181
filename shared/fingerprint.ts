// One text for one JSON value, and its hash.

import { hash } from 'node:crypto';
import type { Json } from './json.ts';

/** SHA-256 of a value in hex, the same for every order of its objects' keys. */
export function fingerprint(value: Json): string {
  return hash('sha256', canonicalJson(value));
}

/** A value as JSON text, its objects' keys in order: one text for one value. */
export function canonicalJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`).join()}}`;
}
