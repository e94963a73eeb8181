// The parser's place in its tokens, its limits, and the small steps that every rule of the grammar is made of.

import type { Expr } from '../model.ts';
import { ExpressionMistake, type Token } from './lexer.ts';

/** Parentheses, lists, calls and operators inside each other. JSONata on Step Functions stops at 100. */
const MAX_DEPTH = 40;
/** Operators and operands of one expression. */
const MAX_NODES = 600;

export interface Parser {
  readonly tokens: readonly Token[];
  /** Maps an index of the value to an offset in the file. */
  readonly at: (index: number) => number;
  position: number;
  depth: number;
  nodes: number;
}

/** Counts a node and passes it on. */
export function make(parser: Parser, expr: Expr): Expr {
  parser.nodes++;
  if (parser.nodes > MAX_NODES) throw tooLarge(parser, `the expression has more than ${MAX_NODES} parts`);
  return expr;
}

/** Parses something one level further in. */
export function nested<T>(parser: Parser, parse: () => T): T {
  parser.depth++;
  if (parser.depth > MAX_DEPTH) throw tooLarge(parser, `the expression is nested more than ${MAX_DEPTH} deep`);
  const result = parse();
  parser.depth--;
  return result;
}

function tooLarge(parser: Parser, message: string): ExpressionMistake {
  const token = peek(parser);
  return new ExpressionMistake('MST1205', token.start, Math.max(token.end, token.start + 1), message, 'split it with `set` steps');
}

/** The mistake of a token that cannot stand here. */
export function unexpected(token: Token, expected: string): ExpressionMistake {
  const found = token.kind === 'end' ? 'the expression ends here' : token.kind === 'text' ? 'found a text' : `found "${token.text}"`;
  return new ExpressionMistake('MST1201', token.start, Math.max(token.end, token.start + 1), `${found}; expected ${expected}`);
}

/** The token that is next, without taking it; the end token for ever after the last. */
export function peek(parser: Parser): Token {
  const token = parser.tokens[Math.min(parser.position, parser.tokens.length - 1)];
  if (token === undefined) throw new RangeError('an expression has at least its end token');
  return token;
}

/** Takes the next token. */
export function next(parser: Parser): Token {
  const token = peek(parser);
  parser.position++;
  return token;
}

/** True for an operator of this text. */
export function isOp(token: Token, text: string): boolean {
  return token.kind === 'op' && token.text === text;
}

/** Takes an operator if it is next. */
export function takeOp(parser: Parser, text: string): boolean {
  if (!isOp(peek(parser), text)) return false;
  parser.position++;
  return true;
}

/** Takes an operator or fails. */
export function expectOp(parser: Parser, text: string, expected: string): void {
  if (!takeOp(parser, text)) throw unexpected(peek(parser), expected);
}

/** Offset after a token: the place after its last character, which is exact also where an escape or a fold follows. */
export function endOf(parser: Parser, token: Token): number {
  return parser.at(Math.max(token.end - 1, 0)) + 1;
}

/** Offset after the token that was taken last. */
export function lastEnd(parser: Parser): number {
  const token = parser.tokens[parser.position - 1];
  return token === undefined ? 0 : endOf(parser, token);
}
