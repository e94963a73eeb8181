// Text of one template to tokens. Stops at the `}}` that closes it; braces of objects are counted, texts are skipped over.

import type { DiagnosticCode } from '../diagnostics-catalogue.ts';

export type TokenKind = 'name' | 'number' | 'text' | 'op' | 'end';

/** `start` and `end` are indexes into the scalar's value. `spaced`: white space stands before it. */
export interface Token {
  kind: TokenKind;
  /** Operator or name as written; a text's value. */
  text: string;
  number: number;
  start: number;
  end: number;
  spaced: boolean;
}

/** A mistake in an expression; ends the reading of that expression. */
export class ExpressionMistake extends Error {
  readonly code: DiagnosticCode;
  readonly start: number;
  readonly end: number;
  readonly hint: string | undefined;

  constructor(code: DiagnosticCode, start: number, end: number, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.start = start;
    this.end = end;
    this.hint = hint;
  }
}

/** Characters of one expression. */
const MAX_CHARS = 8_192;

const OPERATORS = [
  '||',
  '&&',
  '==',
  '!=',
  '<=',
  '>=',
  '<',
  '>',
  '+',
  '-',
  '*',
  '/',
  '%',
  '!',
  '?',
  ':',
  '|',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  '.',
];
const SIMPLE_ESCAPES: { readonly [letter: string]: string } = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Splits an expression into tokens.
 *
 * @param value the scalar's value
 * @param from index of the expression's first character (after `{{`)
 * @param braced true: it ends before its `}}`; false: at the end of the value
 * @returns the tokens, the last of kind `end` standing on the `}}` or the end
 * @throws ExpressionMistake
 */
export function tokenize(value: string, from: number, braced: boolean): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  let at = from;
  for (;;) {
    const before = at;
    while (isSpace(value[at])) at++;
    const spaced = at > before;
    if (at - from > MAX_CHARS)
      throw new ExpressionMistake(
        'MST1205',
        from,
        from + 1,
        `the expression is longer than ${MAX_CHARS} characters`,
        'split it with `set` steps',
      );
    if (at >= value.length) {
      if (braced) throw notClosed(value, from);
      tokens.push({ kind: 'end', text: '', number: 0, start: at, end: at, spaced });
      return tokens;
    }
    if (braced && depth === 0 && value.startsWith('}}', at)) {
      tokens.push({ kind: 'end', text: '}}', number: 0, start: at, end: at + 2, spaced });
      return tokens;
    }
    const token = readToken(value, at, spaced);
    if (token.kind === 'op' && token.text === '{') depth++;
    if (token.kind === 'op' && token.text === '}') depth = Math.max(0, depth - 1);
    tokens.push(token);
    at = token.end;
  }
}

function notClosed(value: string, from: number): ExpressionMistake {
  return new ExpressionMistake(
    'MST1202',
    Math.max(0, from - 2),
    Math.min(from, value.length),
    'this {{ is never closed',
    'close it with }}; for a literal {{ write {{ "{{" }}',
  );
}

function readToken(value: string, start: number, spaced: boolean): Token {
  const first = value[start] ?? '';
  if (first === '"' || first === "'") return readText(value, start, first, spaced);
  if (isDigit(first)) return readNumber(value, start, spaced);
  if (isNameStart(first)) {
    let end = start + 1;
    while (isNameStart(value[end] ?? '') || isDigit(value[end] ?? '')) end++;
    return { kind: 'name', text: value.slice(start, end), number: 0, start, end, spaced };
  }
  const op = OPERATORS.find((candidate) => value.startsWith(candidate, start));
  if (op !== undefined) return { kind: 'op', text: op, number: 0, start, end: start + op.length, spaced };
  throw new ExpressionMistake(
    'MST1201',
    start,
    start + 1,
    `the character ${JSON.stringify(first)} has no meaning in an expression`,
    hintForCharacter(first),
  );
}

function hintForCharacter(character: string): string | undefined {
  if (character === '=') return 'compare with ==';
  if (character === '&') return 'write && for "and"';
  if (character === '$') return 'a path begins with a dot, not with $';
  if (character === '`' || character === '“' || character === '”') return 'write texts in "…" or \'…\'';
  return undefined;
}

function readNumber(value: string, start: number, spaced: boolean): Token {
  const written = /^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/.exec(value.slice(start, start + 400))?.[0] ?? '';
  const end = start + written.length;
  const number = Number(written);
  if (isNameStart(value[end] ?? ''))
    throw new ExpressionMistake(
      'MST1206',
      start,
      end + 1,
      'a number and a name run together here',
      'names begin with a letter; texts stand in quotes',
    );
  if (!Number.isFinite(number) || (Number.isInteger(number) && !Number.isSafeInteger(number))) {
    throw new ExpressionMistake(
      'MST1206',
      start,
      end,
      'the number is beyond 2^53 and cannot be represented exactly',
      'put it in quotes to keep it as text',
    );
  }
  return { kind: 'number', text: written, number, start, end, spaced };
}

function readText(value: string, start: number, quote: string, spaced: boolean): Token {
  let text = '';
  let at = start + 1;
  for (;;) {
    const unit = value[at];
    if (unit === undefined) throw new ExpressionMistake('MST1203', start, start + 1, 'this text is never closed', `close it with ${quote}`);
    if (unit === quote) return { kind: 'text', text, number: 0, start, end: at + 1, spaced };
    if (unit !== '\\') {
      text += unit;
      at++;
      continue;
    }
    const letter = value[at + 1] ?? '';
    const simple = Object.hasOwn(SIMPLE_ESCAPES, letter) ? SIMPLE_ESCAPES[letter] : undefined;
    const hex = letter === 'u' ? /^[\da-fA-F]{4}/.exec(value.slice(at + 2, at + 6))?.[0] : undefined;
    if (simple === undefined && hex === undefined) {
      throw new ExpressionMistake(
        'MST1211',
        at,
        at + 2,
        'this escape is not known',
        'the escapes are those of JSON: \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX',
      );
    }
    text += simple ?? String.fromCharCode(Number.parseInt(hex ?? '', 16));
    at += simple === undefined ? 6 : 2;
  }
}

function isSpace(unit: string | undefined): boolean {
  return unit === ' ' || unit === '\n' || unit === '\t' || unit === '\r';
}

function isDigit(unit: string): boolean {
  return unit >= '0' && unit <= '9';
}

function isNameStart(unit: string): boolean {
  return (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z') || unit === '_';
}
