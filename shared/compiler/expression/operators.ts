// Operators. Each is total: an operand of the wrong type gives null (false in a condition), never a failure.

import type { BinaryOp, Expr } from '../../workflow/model.ts';
import { atom, bind, type Code, call, guarded, isOnly, Level, mayBe, NULL, operand, Type, total, typeTest, when } from './code.ts';
import type { Generator } from './generator.ts';
import type { HelperName } from './helpers.ts';

type Binary = Extract<Expr, { kind: 'binary' }>;

/** Operands of one operator in a row, above which they are split, for an expression must stay nested less than 100 deep on AWS. */
const MAX_ROW = 12;

const ARITHMETIC: ReadonlyMap<BinaryOp, HelperName> = new Map([
  ['+', 'add'],
  ['-', 'subtract'],
  ['*', 'multiply'],
  ['/', 'divide'],
  ['%', 'modulo'],
]);

const ORDER: ReadonlyMap<BinaryOp, HelperName> = new Map([
  ['<', 'less'],
  ['<=', 'lessOrEqual'],
  ['>', 'greater'],
  ['>=', 'greaterOrEqual'],
]);

export function binaryValue(gen: Generator, expr: Binary): Code {
  switch (expr.op) {
    case '&&':
    case '||':
      return logicalRow(gen, expr.op, row(expr, expr.op));
    case '==':
      return equal(gen, gen.value(expr.left), gen.value(expr.right));
    case '!=':
      return notEqual(gen, gen.value(expr.left), gen.value(expr.right));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(gen, expr, false);
    default:
      return arithmeticRow(gen, expr);
  }
}

/** The truth of a comparison: where the types do not fit it may be false instead of null, which is shorter. */
export function binaryTruth(gen: Generator, expr: Binary): Code {
  return ORDER.has(expr.op) ? compare(gen, expr, true) : binaryValue(gen, expr);
}

/** `!x`: never missing. */
export function negation(truth: Code): Code {
  return atom(`$not(${isOnly(truth, Type.Boolean) ? truth.text : andTrue(truth).text})`, Type.Boolean);
}

/** True or false, also where the truth is missing, and so that a reader of the text alone can tell. */
export function alwaysBoolean(truth: Code): Code {
  const isOperator = truth.level === Level.Compare || truth.level === Level.And || truth.level === Level.Or;
  const isEvident = isOperator || /^(true|false|\$not\(.*\))$/.test(truth.text);
  return isOnly(truth, Type.Boolean) && isEvident ? truth : andTrue(truth);
}

/** JSONata's `and` casts both sides to boolean, and takes missing for false. */
function andTrue(truth: Code): Code {
  return { text: `${operand(truth, Level.And - 1)} and true`, types: Type.Boolean, level: Level.And };
}

/** Unary minus; `0-x` rather than `-x`, which would make -0 of 0. */
export function minus(gen: Generator, code: Code): Code {
  return guarded(gen, [[code, Type.Number, 1]], ([number]) => ({ text: `0-${number}`, types: Type.Number, level: Level.Sum }));
}

/** Unary plus: the number itself. */
export function plus(gen: Generator, code: Code): Code {
  if (isOnly(code, Type.Number | Type.Missing)) return code;
  return guarded(gen, [[code, Type.Number, 1]], ([number]) => atom(number ?? 'null', Type.Number));
}

/** Text of a value: null is empty, objects and lists are JSON. */
export function textOf(gen: Generator, code: Code): Code {
  if (isOnly(code, Type.Text)) return code;
  if (isOnly(code, Type.Null | Type.Missing)) return atom("''", Type.Text);
  if (isOnly(code, Type.Boolean)) return atom(`$string(${code.text})`, Type.Text);
  return call(gen.helper('text'), [code], Type.Text);
}

/** Texts one after the other. */
export function concatenation(parts: readonly Code[]): Code {
  const [first, ...rest] = parts.filter((part) => part.text !== "''");
  if (first === undefined) return atom("''", Type.Text);
  if (rest.length === 0) return first;
  if (rest.length >= MAX_ROW) return atom(`$join([${[first, ...rest].map((part) => part.text).join(',')}])`, Type.Text);
  return { text: [first, ...rest].map((part) => operand(part, Level.Sum)).join('&'), types: Type.Text, level: Level.Sum };
}

/** Deep equality in which missing is null. */
function equal(gen: Generator, left: Code, right: Code): Code {
  const nothing = Type.Null | Type.Missing;
  if (isOnly(left, nothing)) return isNull(right);
  if (isOnly(right, nothing)) return isNull(left);
  const oneIsSomething = !mayBe(left, nothing) || !mayBe(right, nothing);
  const mayConfuse = (mayBe(left, Type.List) && mayBe(right, Type.Object)) || (mayBe(left, Type.Object) && mayBe(right, Type.List));
  if (oneIsSomething && !mayConfuse) {
    return { text: `${operand(left, Level.Compare)}=${operand(right, Level.Compare)}`, types: Type.Boolean, level: Level.Compare };
  }
  return call(gen.helper('equal'), [left, right], Type.Boolean);
}

function notEqual(gen: Generator, left: Code, right: Code): Code {
  const nothing = Type.Null | Type.Missing;
  if (isOnly(left, nothing)) return isSomething(right);
  if (isOnly(right, nothing)) return isSomething(left);
  return negation(equal(gen, left, right));
}

/** JSONata's `!=` is false where a side is missing. */
function isSomething(code: Code): Code {
  return { text: `${operand(code, Level.Compare)}!=null`, types: Type.Boolean, level: Level.Compare };
}

function isNull(code: Code): Code {
  if (!mayBe(code, Type.Missing)) return { text: `${operand(code, Level.Compare)}=null`, types: Type.Boolean, level: Level.Compare };
  return atom(`$not(${isSomething(code).text})`, Type.Boolean);
}

function compare(gen: Generator, expr: Binary, forTruth: boolean): Code {
  const left = gen.value(expr.left);
  const right = gen.value(expr.right);
  const helper = ORDER.get(expr.op);
  if (helper === undefined) return NULL;
  const common = left.types & right.types & (Type.Number | Type.Text);
  if (common === 0) return NULL;
  const direct = (a: Code, b: Code): string => `${operand(a, Level.Compare)}${expr.op}${operand(b, Level.Compare)}`;
  if (common === Type.Number || common === Type.Text) {
    // JSONata leaves a comparison with a missing side missing, so only other types need a guard.
    const loose = [left, right].map((code) => !isOnly(code, common | Type.Missing));
    // Whether a side can be missing shows in neither text: a condition makes sure.
    if (!loose[0] && !loose[1]) return { text: direct(left, right), types: Type.Boolean | Type.Missing, level: Level.Compare };
    if (loose[0] && !loose[1]) return bind(gen, left, 2, (ref) => test(ref, direct(ref, right)));
    if (!loose[0] && loose[1]) return bind(gen, right, 2, (ref) => test(ref, direct(left, ref)));
  }
  return call(gen.helper(helper), [left, right], Type.Boolean | Type.Null);

  function test(ref: Code, comparison: string): Code {
    const guard = typeTest(ref.text, common);
    if (forTruth) return { text: `${guard} and ${comparison}`, types: Type.Boolean, level: Level.And };
    const missing = mayBe(left, Type.Missing) || mayBe(right, Type.Missing) ? Type.Missing : 0;
    return when(guard, { text: comparison, types: Type.Boolean | missing, level: Level.Compare });
  }
}

/** `a && b && c` as its operands. */
function row(expr: Expr, op: '&&' | '||'): Expr[] {
  const operands: Expr[] = [];
  const walk = (one: Expr): void => {
    if (one.kind !== 'binary' || one.op !== op) {
      operands.push(one);
      return;
    }
    walk(one.left);
    walk(one.right);
  };
  walk(expr);
  return operands;
}

function logicalRow(gen: Generator, op: '&&' | '||', operands: readonly Expr[]): Code {
  const word = op === '&&' ? 'and' : 'or';
  const level = op === '&&' ? Level.And : Level.Or;
  const join = (codes: readonly Code[]): Code => {
    if (codes.length > MAX_ROW) {
      const size = Math.ceil(codes.length / MAX_ROW);
      const groups = [];
      for (let start = 0; start < codes.length; start += size) groups.push(join(codes.slice(start, start + size)));
      return join(groups);
    }
    const [only] = codes;
    if (only !== undefined && codes.length === 1) return only;
    return { text: codes.map((code) => operand(code, level)).join(` ${word} `), types: Type.Boolean, level };
  };
  return join(operands.map((one) => gen.truth(one)));
}

/** Left-associative arithmetic; a long row becomes a sequence of assignments instead of a tower of calls. */
function arithmeticRow(gen: Generator, expr: Expr): Code {
  const rest: [BinaryOp, Expr][] = [];
  let head = expr;
  while (head.kind === 'binary' && ARITHMETIC.has(head.op)) {
    rest.unshift([head.op, head.right]);
    head = head.left;
  }
  let code = gen.value(head);
  const statements: string[] = [];
  let texts: Code[] | null = null;
  rest.forEach(([op, right], index) => {
    const other = gen.value(right);
    if (op === '+' && (texts !== null || isOnly(code, Type.Text) || isOnly(other, Type.Text))) {
      texts = [...(texts ?? [textOf(gen, code)]), textOf(gen, other)];
      code = concatenation(texts);
      return;
    }
    texts = null;
    code = arithmetic(gen, op, code, other);
    if (rest.length > MAX_ROW && index % MAX_ROW === MAX_ROW - 1) {
      const name = gen.fresh();
      statements.push(`${name}:=${code.text}`);
      code = { ...atom(name, code.types), plain: true };
    }
  });
  return statements.length === 0 ? code : atom(`(${statements.join(';')};${code.text})`, code.types);
}

function arithmetic(gen: Generator, op: BinaryOp, left: Code, right: Code): Code {
  const helper = ARITHMETIC.get(op);
  if (helper === undefined) return NULL;
  const usable = op === '+' ? Type.Number | Type.Text : Type.Number;
  if (op === '+' ? !mayBe(left, usable) && !mayBe(right, usable) : !mayBe(left, usable) || !mayBe(right, usable)) return NULL;
  const mayJoin = op === '+' && (mayBe(left, Type.Text) || mayBe(right, Type.Text));
  return call(gen.helper(helper), [left, right], Type.Number | Type.Null | (mayJoin ? Type.Text : 0));
}

/** `test ? yes : no`. */
export function conditional(gen: Generator, expr: Extract<Expr, { kind: 'conditional' }>): Code {
  const test = gen.truth(expr.test);
  const value = gen.value(expr.yes);
  // The `:` that follows would otherwise belong to a conditional inside that has none.
  const yes = value.level === Level.Condition ? total(gen, value) : value;
  const no = gen.value(expr.no);
  return { text: `${operand(test, Level.Condition)}?${yes.text}:${no.text}`, types: yes.types | no.types, level: Level.Condition };
}

/** Code for a list of values, each of which stays one element: JSONata's constructor would flatten lists. */
export function listCode(gen: Generator, items: readonly Code[]): Code {
  const values = items.map((item) => total(gen, item));
  if (values.every((value) => isOnly(value, Type.List) || !mayBe(value, Type.List))) {
    const wrapped = values.map((value) => (isOnly(value, Type.List) && !isConstructor(value) ? `[${value.text}]` : value.text));
    return atom(`[${wrapped.join(',')}]`, Type.List);
  }
  const boxes = values.map((value) => `{'v':${value.text}}`).join(',');
  return atom(`[$map([${boxes}],function($o){$o.v})[]]`, Type.List);
}

/** A list constructor inside another one is an element of its own. */
function isConstructor(code: Code): boolean {
  return code.level === Level.Atom && code.text.startsWith('[') && code.text.endsWith(']');
}
