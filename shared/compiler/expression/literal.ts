// Literal text and values in JSONata and in JSON templates: whatever an author writes comes out exactly as written.

import { type Json, type JsonObject, setOwn } from '../../json.ts';

/** UTF-16 units that are written as escapes: controls, line separators, lone surrogates. */
const ESCAPED =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be found
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const unicodeEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * A JSONata string literal. It stays on one line and holds neither `{%`, `%}` nor `${`, so that neither the expression's own delimiters nor
 * a substitution can be seen in it. Single quotes where possible: they need no escape inside JSON.
 */
export function jsonataString(text: string): string {
  const body = text
    .replaceAll('\\', '\\\\')
    .replace(ESCAPED, unicodeEscape)
    .replaceAll('{%', '{\\u0025')
    .replaceAll('%}', '\\u0025}')
    .replaceAll('${', '\\u0024{');
  if (!body.includes("'")) return `'${body}'`;
  if (!body.includes('"')) return `"${body}"`;
  return `'${body.replaceAll("'", '\\u0027')}'`;
}

/** `code` as the value of a template position: one line, with the spaces that validators ask for. */
export function wrap(code: string): string {
  return `{% ${code} %}`;
}

/**
 * A JSON value for a template position of Amazon States Language that comes out as it is: texts that would be read as an expression or
 * as a substitution become expressions, and so does an object one of whose keys would be.
 */
export function literalValue(value: Json): Json {
  if (typeof value === 'string') return value.startsWith('{%') || value.includes('${') ? wrap(jsonataString(value)) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(literalValue);
  if (hasSubstitutionKey(value)) return wrap(literalCode(value));
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) setOwn(result, key, literalValue(item));
  return result;
}

/** A JSON value as JSONata. Lists inside lists are constructors of their own, which JSONata does not flatten. */
export function literalCode(value: Json): string {
  if (typeof value === 'string') return jsonataString(value);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '0' : String(value);
  if (Array.isArray(value)) return `[${value.map(literalCode).join(',')}]`;
  return objectCode(Object.entries(value).map(([key, item]) => [key, literalCode(item), JSON.stringify(item)]));
}

/**
 * An object constructor. Two names would break JSONata's JavaScript implementation, which groups by key in a plain object: after
 * `hasOwnProperty` a second object has to begin, and one with `__proto__` is parsed from its text.
 *
 * @param entries key, code of the value (never undefined), and the value's JSON where it is a constant; a key's last entry counts
 * @param jsonOf code that gives a value's JSON text, for values that are not constant
 */
export function objectCode(
  entries: readonly (readonly [key: string, code: string, json?: string])[],
  jsonOf: (code: string) => string = jsonataString,
): string {
  const unique = [...new Map(entries.map((entry) => [entry[0], entry])).values()];
  if (unique.some(([key]) => key === '__proto__')) {
    const parts = unique.flatMap(([key, code, json], index) => [
      jsonataString(`${index === 0 ? '{' : ','}${JSON.stringify(key)}:`),
      json === undefined ? jsonOf(code) : jsonataString(json),
    ]);
    return `$parse($join([${parts.join(',')},'}']))`;
  }
  const cut = unique.findIndex(([key]) => key === 'hasOwnProperty') + 1;
  if (cut > 0 && cut < unique.length) return `$merge([${constructorCode(unique.slice(0, cut))},${constructorCode(unique.slice(cut))}])`;
  return constructorCode(unique);
}

function constructorCode(entries: readonly (readonly [key: string, code: string, json?: string])[]): string {
  return `{${entries.map(([key, code]) => `${jsonataString(key)}:${code}`).join(',')}}`;
}

/** True when a key of this very object would be read as a substitution. */
export function hasSubstitutionKey(value: JsonObject): boolean {
  return Object.keys(value).some((key) => key.includes('${'));
}
