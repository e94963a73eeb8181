// Reading a JSON answer: parsed, shallow enough to be walked, and without secrets.

import type { Json } from '../json.ts';
import { redactJson } from './redact.ts';

/** Far deeper than any answer that is meant, far below what the stack can hold. */
const MAX_JSON_DEPTH = 500;

/** Only with an exponent of three digits can a number be too large for a double; JSON.parse makes Infinity of it, which is no JSON. */
const BIG_EXPONENT = /[eE]\+?\d{3}/;

/** The value of a JSON text with secrets taken out, or what is wrong with the text. */
export function readJson(text: string, secrets: ReadonlyMap<string, string>): { value: Json } | { problem: string } {
  if (isTooDeep(text)) return { problem: `is nested deeper than ${MAX_JSON_DEPTH}` };
  try {
    const value: Json = JSON.parse(text);
    if (BIG_EXPONENT.test(text) && !isAllFinite(value)) return { problem: 'holds a number that is out of range' };
    return { value: redactJson(value, secrets) };
  } catch {
    return { problem: 'does not parse' };
  }
}

function isAllFinite(value: Json): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every(isAllFinite);
}

/** JSON that parses but is nested so deep that whatever walks it afterwards would run out of stack. Brackets in texts do not count. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inText) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inText = false;
    } else if (code === 0x22) inText = true;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > MAX_JSON_DEPTH) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}
