// The path and query of an HTTP request. Literal text is the author's; values come from data and must not be able to leave their place.

import { isJsonObject, type Json } from '../../json.ts';
import type { Part } from '../../protocol/step-message.ts';
import { badConfiguration } from '../failure.ts';
import { type Names, textOf } from '../parts.ts';

// Control characters: C0, DEL and C1.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is what this is for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
/** What may not stand in a request target as it is (RFC 3986, section 2), `%` of an escape excepted. */
const UNSAFE_LITERAL = /[^A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]|%(?![0-9A-Fa-f]{2})/gu;

/**
 * Joins the parts of a path. Values are percent-encoded (before a `?` except `/`), literal text is kept but for characters that may not be sent.
 * @param prefix What the path is put after: its last segment may be completed by the first part.
 * @throws {CallFailure} BadConfiguration for a value that is empty, has a `.` or `..` segment in any spelling, or holds a control character.
 */
export function joinPath(parts: readonly Part[], names: Names, prefix = ''): string {
  let path = prefix;
  let raw = prefix;
  let inQuery = prefix.includes('?');
  let hasValue = false;
  for (const part of parts) {
    if (typeof part === 'string') {
      if (!inQuery) raw += part.split('?', 1)[0];
      inQuery ||= part.includes('?');
      path += encodeLiteral(part);
      continue;
    }
    hasValue = true;
    const text = 'v' in part ? textOf(part.v) : 'env' in part ? names.env(part.env) : names.secret(part.secret);
    if (inQuery) {
      path += encode(text);
      continue;
    }
    checkValue(text);
    raw += text;
    path += encode(text).replaceAll('%2F', '/');
  }
  if (hasValue && hasDotSegment(raw)) throw dotSegment();
  return path;
}

/**
 * The query string of an input: `a=1&b=%7B…%7D`, nested values as JSON, null as empty.
 * @throws {CallFailure} BadConfiguration when the input is not an object.
 */
export function queryOf(input: Json | undefined): string {
  if (input === undefined || input === null) return '';
  if (!isJsonObject(input))
    throw badConfiguration('the input of a GET, HEAD or DELETE becomes the query string, so it has to be an object');
  return Object.entries(input)
    .map(([key, value]) => `${encode(key)}=${encode(textOf(value))}`)
    .join('&');
}

/** Literal text of the author, with what may not be sent percent-encoded; escapes stay as they are. */
function encodeLiteral(text: string): string {
  if (CONTROL.test(text)) throw badConfiguration('the path holds a control character: remove it');
  return text.replace(UNSAFE_LITERAL, (character) => encode(character));
}

function checkValue(text: string): void {
  if (text === '') throw badConfiguration('a value in the path is empty, which would change the path: check that the field exists');
  if (CONTROL.test(text)) throw badConfiguration('a value in the path holds a control character');
  if (hasDotSegment(text)) throw dotSegment();
}

/**
 * True if any segment reads as `.` or `..` to some server: escaped once or more often, with backslashes, with a path parameter (`..;x`), or
 * in compatibility forms of the dot.
 */
function hasDotSegment(text: string): boolean {
  const plain = text
    .normalize('NFKC')
    .replace(/%(?:25)*2e/gi, '.')
    .replace(/%(?:25)*(?:2f|5c)/gi, '/')
    .replace(/%(?:25)*3b/gi, ';')
    .replaceAll('\\', '/');
  return plain.split('/').some((segment) => /^\.{1,2}(?:;|$)/.test(segment));
}

function dotSegment(): Error {
  return badConfiguration('a value makes a "." or ".." segment in the path, which could lead to another resource');
}

function encode(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    throw badConfiguration('a value in the path or query holds half a surrogate pair, which is no text');
  }
}
