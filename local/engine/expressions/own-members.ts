// Members that an object has itself, never those that JavaScript gives to every object.

import { sequenceOf } from './fast/sequence.ts';

/** True for a name that every JavaScript object seems to have. */
export function isInherited(name: unknown): boolean {
  return typeof name === 'string' && (name in Object.prototype || name in Array.prototype) && name !== 'length';
}

/** As jsonata's `$lookup`, over objects and lists of them. */
export function ownMember(input: unknown, name: unknown): unknown {
  if (typeof name !== 'string' || typeof input !== 'object' || input === null) return undefined;
  if (!Array.isArray(input)) return Object.hasOwn(input, name) ? (input as { [key: string]: unknown })[name] : undefined;
  const found = sequenceOf();
  for (const item of input) {
    const value = ownMember(item, name);
    if (Array.isArray(value)) for (const one of value) found.push(one);
    else if (value !== undefined) found.push(value);
  }
  return found;
}
