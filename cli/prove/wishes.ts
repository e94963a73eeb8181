// What one operator or function wants of its operands, and how wishes are noted.

import type { Json } from '../../shared/json.ts';
import type { Expr, PathStep } from '../../shared/workflow/index.ts';

export type WantedKind = 'any' | 'text' | 'number' | 'boolean' | 'list' | 'time';

/** What is wanted of one value. */
export interface Want {
  kind: WantedKind;
  /** Exactly this, where a condition compares with it. */
  exact?: Json;
  fields: Map<string, Want>;
  /** Of each item, where it is read as a list. */
  item: Want | null;
}

export type Wish = { kind?: WantedKind; exact?: Json } | null;

export function newWant(): Want {
  return { kind: 'any', fields: new Map(), item: null };
}

/** What functions want of their first argument. */
export const ARGUMENT: { [name: string]: Wish } = {
  upper: { kind: 'text' },
  lower: { kind: 'text' },
  trim: { kind: 'text' },
  split: { kind: 'text' },
  replace: { kind: 'text' },
  hash: { kind: 'text' },
  base64: { kind: 'text' },
  number: { exact: '1' },
  parse_json: { exact: '{}' },
  round: { kind: 'number' },
  floor: { kind: 'number' },
  ceil: { kind: 'number' },
  abs: { kind: 'number' },
  range: { kind: 'number' },
  join: { kind: 'list' },
  first: { kind: 'list' },
  last: { kind: 'list' },
  sum: { kind: 'list' },
  min: { kind: 'list' },
  max: { kind: 'list' },
};

export function inside(want: Want, step: PathStep): Want {
  if (step.kind === 'name') return fieldOf(want, step.name);
  const index = literalOf(step.index);
  return typeof index === 'string' ? fieldOf(want, index) : itemOf(want);
}

export function fieldOf(want: Want, name: string): Want {
  // A path through a list reads its items.
  const holder = want.item ?? want;
  const known = holder.fields.get(name);
  if (known) return known;
  const made = newWant();
  holder.fields.set(name, made);
  return made;
}

export function itemOf(want: Want): Want {
  want.kind = 'list';
  if (!want.item) {
    want.item = newWant();
    // What was read before it was known to be a list is read of the items.
    want.item.fields = want.fields;
    want.fields = new Map();
  }
  return want.item;
}

export function wishFor(want: Want, wish: Wish): void {
  if (!wish) return;
  if (wish.exact !== undefined && want.exact === undefined) want.exact = wish.exact;
  if (wish.kind !== undefined && want.kind === 'any') want.kind = wish.kind;
}

export function operandWish(op: string, other: Json | undefined, holds: boolean, side: 1 | -1): Wish {
  const more = op.startsWith('>') === holds ? 1 : -1;
  switch (op) {
    case '==':
    case '!=':
      if (other === undefined) return null;
      if ((op === '==') === holds) return { exact: other };
      return typeof other === 'number' ? { exact: other + 1 } : typeof other === 'boolean' ? { exact: !other } : null;
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (typeof other === 'number') return { exact: other + more * side };
      return typeof other === 'string' ? { exact: other } : { kind: 'number' };
    case '+':
      return typeof other === 'string' || other === undefined ? null : { kind: 'number' };
    default:
      return { kind: 'number' };
  }
}

export function literalOf(expr: Expr | undefined): Json | undefined {
  if (expr?.kind === 'literal') return expr.value;
  if (expr?.kind === 'unary' && expr.op === '-' && expr.operand.kind === 'literal' && typeof expr.operand.value === 'number')
    return -expr.operand.value;
  return undefined;
}

export function kindOfLiteral(expr: Expr | undefined): Wish {
  const value = literalOf(expr);
  if (typeof value === 'number') return { kind: 'number' };
  if (typeof value === 'string') return { kind: 'text' };
  if (typeof value === 'boolean') return { kind: 'boolean' };
  return expr?.kind === 'list' ? { kind: 'list' } : null;
}
