// Tokens to an expression tree, by recursive descent. The grammar is in the language's design ("Templates and expressions"):
//
//   template = expr { "|" name { argument } }      the piped value becomes the first argument
//   expr     = or [ "?" expr ":" expr ]            or, and, compare, then + -, then * / %, then unary ! -
//   primary  = literal | path | name "(" args ")" | "(" template ")" | [list] | {object}
//
// Beyond the letter of it: a pipe may stand inside parentheses, and a piped function may have its arguments in parentheses.
// A path is written without spaces, so that `default .a [1]` is two arguments. Comparisons do not chain.

import type { BinaryOp, Expr, PathStep } from '../model.ts';
import { ExpressionMistake, type Token, tokenize } from './lexer.ts';
import { endOf, expectOp, isOp, lastEnd, make, nested, next, type Parser, peek, takeOp, unexpected } from './token-reader.ts';

const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
/** Left-associative levels above comparison, the loosest first. */
const ARITHMETIC: readonly ReadonlySet<string>[] = [new Set(['+', '-']), new Set(['*', '/', '%'])];
const WORD_LITERALS: { readonly [word: string]: null | boolean } = { true: true, false: false, null: null };

export interface ParsedExpression {
  expr: Expr;
  /** Index in the value after the expression and its `}}`. */
  end: number;
}

/**
 * Parses the expression that begins at `from`.
 *
 * @param value the scalar's value
 * @param from index after `{{`, or 0 where there are no braces
 * @param braced whether `}}` ends it
 * @param at index of the value to offset in the file, for spans
 * @throws ExpressionMistake
 */
export function parseExpression(value: string, from: number, braced: boolean, at: (index: number) => number): ParsedExpression {
  const parser: Parser = { tokens: tokenize(value, from, braced), at, position: 0, depth: 0, nodes: 0 };
  const first = peek(parser);
  if (first.kind === 'end')
    throw new ExpressionMistake(
      'MST1204',
      Math.max(0, from - 2),
      Math.max(first.end, 1),
      'there is nothing between the braces',
      'write an expression such as .input.name',
    );
  const expr = parsePipe(parser);
  const end = peek(parser);
  if ((isOp(end, '.') || isOp(end, '[')) && !end.spaced) {
    throw new ExpressionMistake(
      'MST1201',
      end.start,
      end.end,
      `found "${end.text}" after something that is no path`,
      'name the value in a `set` step first, then write a path into that name',
    );
  }
  if (expr.kind === 'call' && end.kind === 'op' && (COMPARISONS.has(end.text) || ARITHMETIC.some((ops) => ops.has(end.text)))) {
    throw new ExpressionMistake(
      'MST1201',
      end.start,
      end.end,
      `found "${end.text}" after a pipe`,
      'put the piped part into parentheses: (.list | len) > 3',
    );
  }
  if (end.kind !== 'end') throw unexpected(end, 'an operator or the end of the expression');
  return { expr, end: end.end };
}

function parsePipe(parser: Parser): Expr {
  let expr = parseConditional(parser);
  while (takeOp(parser, '|')) {
    const name = next(parser);
    if (name.kind !== 'name') throw unexpected(name, 'the name of a function after |');
    const args = [expr, ...parsePipeArguments(parser)];
    expr = make(parser, { span: { start: expr.span.start, end: lastEnd(parser) }, kind: 'call', name: name.text, args });
  }
  return expr;
}

function parsePipeArguments(parser: Parser): Expr[] {
  const opening = peek(parser);
  if (isOp(opening, '(') && !opening.spaced) return parseList(parser, '(', ')');
  const args: Expr[] = [];
  for (
    let token = peek(parser);
    token.kind !== 'end' && (token.kind !== 'op' || ['.', '(', '[', '{', '-', '!'].includes(token.text));
    token = peek(parser)
  ) {
    args.push(parseUnary(parser));
  }
  return args;
}

function parseConditional(parser: Parser): Expr {
  const test = parseOr(parser);
  if (!takeOp(parser, '?')) return test;
  return nested(parser, () => {
    const yes = parseConditional(parser);
    expectOp(parser, ':', 'the : of ? … : …');
    const no = parseConditional(parser);
    return make(parser, { span: { start: test.span.start, end: no.span.end }, kind: 'conditional', test, yes, no });
  });
}

function parseOr(parser: Parser): Expr {
  return parseLeft(parser, '||', () => parseLeft(parser, '&&', () => parseComparison(parser)));
}

function parseLeft(parser: Parser, op: BinaryOp, operand: () => Expr): Expr {
  let left = operand();
  while (takeOp(parser, op)) left = binary(parser, op, left, operand());
  return left;
}

function parseComparison(parser: Parser): Expr {
  const left = parseArithmetic(parser, 0);
  const op = peek(parser);
  if (op.kind !== 'op' || !COMPARISONS.has(op.text)) return left;
  parser.position++;
  const expr = binary(parser, op.text as BinaryOp, left, parseArithmetic(parser, 0));
  const another = peek(parser);
  if (another.kind === 'op' && COMPARISONS.has(another.text)) {
    throw new ExpressionMistake('MST1208', another.start, another.end, 'comparisons do not chain', 'write a < b && b < c');
  }
  return expr;
}

function parseArithmetic(parser: Parser, level: number): Expr {
  const ops = ARITHMETIC[level];
  if (ops === undefined) return parseUnary(parser);
  let left = parseArithmetic(parser, level + 1);
  for (let op = peek(parser); op.kind === 'op' && ops.has(op.text); op = peek(parser)) {
    parser.position++;
    left = binary(parser, op.text as BinaryOp, left, parseArithmetic(parser, level + 1));
  }
  return left;
}

function parseUnary(parser: Parser): Expr {
  const token = peek(parser);
  if (token.kind !== 'op' || (token.text !== '!' && token.text !== '-')) return parsePrimary(parser);
  parser.position++;
  const op = token.text;
  return nested(parser, () => {
    const operand = parseUnary(parser);
    return make(parser, { span: { start: parser.at(token.start), end: operand.span.end }, kind: 'unary', op, operand });
  });
}

function parsePrimary(parser: Parser): Expr {
  const token = next(parser);
  const span = { start: parser.at(token.start), end: endOf(parser, token) };
  if (token.kind === 'number') return make(parser, { span, kind: 'literal', value: token.number });
  if (token.kind === 'text') return make(parser, { span, kind: 'literal', value: token.text });
  if (token.kind === 'name') return parseName(parser, token);
  if (isOp(token, '.')) return parsePath(parser, token);
  if (isOp(token, '(')) {
    return nested(parser, () => {
      const inner = parsePipe(parser);
      expectOp(parser, ')', 'the ) that closes this');
      return inner;
    });
  }
  if (isOp(token, '[')) {
    parser.position--;
    const items = parseList(parser, '[', ']');
    return make(parser, { span: { start: span.start, end: lastEnd(parser) }, kind: 'list', items });
  }
  if (isOp(token, '{')) return parseObject(parser, span.start);
  throw unexpected(token, 'a value: a path such as .input.name, a text, a number or a function');
}

function parseName(parser: Parser, token: Token): Expr {
  const start = parser.at(token.start);
  const following = peek(parser);
  if (isOp(following, '(') && !following.spaced) {
    const args = parseList(parser, '(', ')');
    return make(parser, { span: { start, end: lastEnd(parser) }, kind: 'call', name: token.text, args });
  }
  if (Object.hasOwn(WORD_LITERALS, token.text)) {
    return make(parser, { span: { start, end: endOf(parser, token) }, kind: 'literal', value: WORD_LITERALS[token.text] ?? null });
  }
  if (['env', 'secret', 'callback'].includes(token.text) && isOp(following, '.') && !following.spaced) {
    parser.position++;
    const name = next(parser);
    if (name.kind !== 'name' || name.spaced) throw unexpected(name, `a name after ${token.text}.`);
    const span = { start, end: endOf(parser, name) };
    if (token.text === 'env') return make(parser, { span, kind: 'env', name: name.text });
    if (token.text === 'secret') return make(parser, { span, kind: 'secret', name: name.text });
    if (name.text === 'url') return make(parser, { span, kind: 'callback_url' });
    throw new ExpressionMistake('MST1201', name.start, name.end, `callback has no "${name.text}"`, 'the only one is callback.url');
  }
  const before = parser.tokens[parser.position - 2];
  const hyphen = before !== undefined && isOp(before, '-') && !token.spaced && !before.spaced;
  throw new ExpressionMistake(
    'MST1209',
    token.start,
    token.end,
    `"${token.text}" stands alone here`,
    hyphen
      ? 'a key with a hyphen is written ["first-name"]'
      : `a path begins with a dot (.${token.text}), a text stands in quotes ("${token.text}"), a function has parentheses`,
  );
}

function parsePath(parser: Parser, dot: Token): Expr {
  const root = next(parser);
  if (root.kind !== 'name' || root.spaced) throw unexpected(root, 'a name directly after the dot');
  const steps: PathStep[] = [];
  for (let token = peek(parser); !token.spaced && (isOp(token, '.') || isOp(token, '[')); token = peek(parser)) {
    parser.position++;
    parser.nodes++;
    steps.push(token.text === '.' ? parseMember(parser) : parseIndex(parser));
  }
  return make(parser, { span: { start: parser.at(dot.start), end: lastEnd(parser) }, kind: 'path', root: root.text, steps });
}

function parseMember(parser: Parser): PathStep {
  const name = next(parser);
  if (name.kind === 'number')
    throw new ExpressionMistake(
      'MST1201',
      name.start,
      name.end,
      'a number cannot follow a dot',
      `write [${name.text}] for an item of a list`,
    );
  if (name.kind !== 'name' || name.spaced) throw unexpected(name, 'a name directly after the dot');
  return { kind: 'name', name: name.text };
}

function parseIndex(parser: Parser): PathStep {
  return nested(parser, () => {
    const token = peek(parser);
    const after = parser.tokens[parser.position + 1];
    if (token.kind === 'text' && after !== undefined && isOp(after, ']')) {
      parser.position += 2;
      return { kind: 'name', name: token.text };
    }
    const index = parsePipe(parser);
    expectOp(parser, ']', 'the ] that closes this');
    return { kind: 'index', index };
  });
}

function parseList(parser: Parser, open: string, close: string): Expr[] {
  return nested(parser, () => {
    expectOp(parser, open, open);
    const items: Expr[] = [];
    if (takeOp(parser, close)) return items;
    for (;;) {
      items.push(parsePipe(parser));
      if (takeOp(parser, close)) return items;
      expectOp(parser, ',', `, or ${close}`);
    }
  });
}

function parseObject(parser: Parser, start: number): Expr {
  return nested(parser, () => {
    const entries: [string, Expr][] = [];
    const keys = new Set<string>();
    while (!takeOp(parser, '}')) {
      if (entries.length > 0) expectOp(parser, ',', ', or }');
      const key = next(parser);
      if (key.kind !== 'name' && key.kind !== 'text') throw unexpected(key, 'a key: a name or a text in quotes');
      if (keys.has(key.text))
        throw new ExpressionMistake('MST1210', key.start, key.end, `the key "${key.text}" stands in this object twice`);
      keys.add(key.text);
      expectOp(parser, ':', 'the : after the key');
      entries.push([key.text, parsePipe(parser)]);
    }
    return make(parser, { span: { start, end: lastEnd(parser) }, kind: 'object', entries });
  });
}

function binary(parser: Parser, op: BinaryOp, left: Expr, right: Expr): Expr {
  return make(parser, { span: { start: left.span.start, end: right.span.end }, kind: 'binary', op, left, right });
}
