// Paths: `.name.name[expr]…` read as JSONata reads them, own keys only, lists by number.

import type { Expr, PathStep } from '../../workflow/model.ts';
import { ANY, atom, type Code, guarded, indexable, isOnly, mayBe, NULL, plain, Type, total } from './code.ts';
import type { Generator } from './generator.ts';
import { jsonataString } from './literal.ts';

/** Words that mean something else to JSONata's parser. */
const WORDS = new Set(['and', 'or', 'in', 'true', 'false', 'null', 'function']);

/** What every JavaScript object inherits: a plain path would find these on any object. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

const VALUE = ANY | Type.Missing;

/** Code of a path's value; missing where the path leads nowhere. */
export function pathValue(gen: Generator, expr: Extract<Expr, { kind: 'path' }>): Code {
  const root = gen.scope.root(expr);
  let code: Code = rootCode(root.code, root.total === true);
  for (const step of root.steps) {
    if (isOnly(code, Type.Null)) return NULL;
    code = step.kind === 'name' ? readName(gen, code, step.name) : readIndex(gen, code, step);
  }
  return code;
}

function rootCode(text: string, isTotal: boolean): Code {
  if (text === 'null') return NULL;
  // A literal cannot be the head of a path: `"a".b` would read the key `a`.
  const code = /^[$(]/.test(text) ? text : `(${text})`;
  return plain(code, isTotal ? ANY : VALUE);
}

function readName(gen: Generator, code: Code, name: string): Code {
  const step = nameStep(name);
  const head = code.level > 75 ? code.text : `(${code.text})`;
  if (step !== null) return { ...atom(head + step, VALUE), ...(code.plain && { plain: true }) };
  return atom(`${gen.helper('get')}(${code.text},${jsonataString(name)})`, VALUE);
}

/** `.name` in JSONata, null where only a helper reads the name safely. */
function nameStep(name: string): string | null {
  if (INHERITED.has(name)) return null;
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !WORDS.has(name)) return `.${name}`;
  return /^(?!.*(?:\{%|%\}|\$\{))[^`\p{C}\p{Zl}\p{Zp}]+$/u.test(name) ? `.\`${name}\`` : `.${jsonataString(name)}`;
}

function readIndex(gen: Generator, code: Code, step: Extract<PathStep, { kind: 'index' }>): Code {
  const constant = constantIndex(step.index);
  if (typeof constant === 'string') {
    return guarded(gen, [[code, Type.Object, 1]], ([object]) => readName(gen, plain(object ?? 'null', Type.Object), constant));
  }
  if (typeof constant === 'number') {
    if (!Number.isInteger(constant)) return NULL;
    return guarded(gen, [[code, Type.List, 1]], ([list]) => atom(`${indexable(list ?? '[]')}[${constant}]`, VALUE));
  }
  const index = gen.value(step.index);
  if (!mayBe(index, Type.Number | Type.Text)) return NULL;
  return atom(`${gen.helper('at')}(${code.text},${index.text})`, VALUE);
}

function constantIndex(expr: Expr): number | string | null {
  if (expr.kind === 'literal' && (typeof expr.value === 'number' || typeof expr.value === 'string')) return expr.value;
  if (expr.kind !== 'unary' || expr.op !== '-') return null;
  const inner = constantIndex(expr.operand);
  return typeof inner === 'number' ? 0 - inner : null;
}

/** Code of `$i.a.b` for a dotted path, null where it is missing. */
export function dottedPath(gen: Generator, item: string, path: string): Code {
  let code = plain(item, VALUE);
  for (const name of path.split('.')) code = readName(gen, code, name);
  return total(gen, code);
}
