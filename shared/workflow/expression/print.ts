// An expression as text that parses to the same tree: for graphs and messages, and for the round-trip test of the parser.

import type { Expr } from '../model.ts';

/** How tightly each kind binds; what binds less than its place wants stands in parentheses. */
const LEVELS: { readonly [op: string]: number } = {
  '||': 2,
  '&&': 3,
  '==': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
};
const CONDITIONAL = 1;
const COMPARISON = 4;
const UNARY = 7;
const PRIMARY = 8;

/** The expression without braces. Pipes come out as calls. */
export function printExpr(expr: Expr): string {
  return print(expr, 0);
}

function print(expr: Expr, atLeast: number): string {
  const text = printBare(expr);
  return levelOf(expr) < atLeast ? `(${text})` : text;
}

function levelOf(expr: Expr): number {
  if (expr.kind === 'binary') return LEVELS[expr.op] ?? PRIMARY;
  if (expr.kind === 'conditional') return CONDITIONAL;
  return expr.kind === 'unary' ? UNARY : PRIMARY;
}

function printBare(expr: Expr): string {
  switch (expr.kind) {
    case 'literal':
      return JSON.stringify(expr.value);
    case 'path':
      return `.${expr.root}${expr.steps.map((step) => (step.kind === 'index' ? printIndex(step.index) : printName(step.name))).join('')}`;
    case 'call':
      return `${expr.name}(${expr.args.map(printExpr).join(', ')})`;
    case 'unary':
      return `${expr.op}${print(expr.operand, UNARY)}`;
    case 'binary': {
      const level = LEVELS[expr.op] ?? PRIMARY;
      // Left-associative; comparisons do not chain on either side.
      return `${print(expr.left, level === COMPARISON ? level + 1 : level)} ${expr.op} ${print(expr.right, level + 1)}`;
    }
    case 'conditional':
      return `${print(expr.test, CONDITIONAL + 1)} ? ${print(expr.yes, CONDITIONAL)} : ${print(expr.no, CONDITIONAL)}`;
    case 'list':
      return `[${expr.items.map(printExpr).join(', ')}]`;
    case 'object':
      return `{${expr.entries.map(([key, value]) => `${JSON.stringify(key)}: ${printExpr(value)}`).join(', ')}}`;
    case 'env':
    case 'secret':
      return `${expr.kind}.${expr.name}`;
    case 'callback_url':
      return 'callback.url';
  }
}

function printName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

/** A text as an index would be read as a name: parentheses keep it an index. */
function printIndex(index: Expr): string {
  const text = printExpr(index);
  return index.kind === 'literal' && typeof index.value === 'string' ? `[(${text})]` : `[${text}]`;
}
