// Keys that mean something to Maestro, kept apart from the same keys in data from outside (step-message.ts, M4).
//
// `$stored` in an answer becomes `$$stored`, `$$stored` becomes `$$$stored`, and back when the data leaves the run.

import type { Json, JsonObject } from '../json.ts';
import { setOwn } from '../json.ts';

const RESERVED = /^(?:\$+(?:stored|late)|\$*_jsonata_(?:lambda|function))$/;
const ESCAPED = /^(?:\$\$+(?:stored|late)|\$+_jsonata_(?:lambda|function))$/;

/** Data from outside as it may stand in a run. The value itself where there is nothing to escape. */
export function escapeReserved(value: Json): Json {
  return renameKeys(value, (key) => (RESERVED.test(key) ? `$${key}` : key));
}

/** Data of a run as it was outside. The value itself where there is nothing to change. */
export function unescapeReserved(value: Json): Json {
  return renameKeys(value, (key) => (ESCAPED.test(key) ? key.slice(1) : key));
}

function renameKeys(value: Json, rename: (key: string) => string): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => renameKeys(item, rename));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  let changed = false;
  const renamed: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    const first = key.charCodeAt(0);
    const name = first === 36 || first === 95 ? rename(key) : key;
    const next = renameKeys(inner, rename);
    if (name !== key || next !== inner) changed = true;
    setOwn(renamed, name, next);
  }
  return changed ? renamed : value;
}
