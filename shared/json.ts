// JSON values as types. Everything that crosses a process or a state is one of these.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JsonObject = { [key: string]: Json };

/** True for a JSON object: not null, not a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Far deeper than any value that is meant, far below what the stack can hold. */
const MAX_DEPTH = 100;

/**
 * Why a value from outside cannot be worked with, before anything walks it by recursion: nested deeper than 100, or a number out of range (JSON's
 * 1e999 is read as infinite, and would be written as null). Undefined where there is nothing wrong.
 */
export function jsonProblem(value: Json): string | undefined {
  for (let level: Json[] = [value], depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH}`;
    if (level.some((inner) => typeof inner === 'number' && !Number.isFinite(inner))) return 'holds a number that is out of range';
    level = level.flatMap((inner) => (typeof inner === 'object' && inner !== null ? Object.values(inner) : []));
  }
  return undefined;
}

/**
 * Sets a key as plain data. `__proto__` as a key of a literal or an assignment would change the prototype;
 * here it becomes an own property like any other.
 */
export function setOwn(object: JsonObject, key: string, value: Json): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** Reads an own key; an inherited one (`constructor`, `__proto__`) is undefined. */
export function getOwn(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
