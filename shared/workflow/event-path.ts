// Paths into the event of a trigger: `{{ .event.detail.id }}`, `{{ .event["detail-type"] }}`. Names only, always as a whole value.

import { ExpressionMistake } from './expression/lexer.ts';
import { parseExpression } from './expression/parser.ts';
import type { Expr } from './model.ts';

/** The names of a path into the event (empty: the whole event), or null where the expression is none. */
export function eventPathOf(expr: Expr): string[] | null {
  if (expr.kind !== 'path' || expr.root !== 'event') return null;
  const names: string[] = [];
  for (const step of expr.steps) {
    if (step.kind !== 'name') return null;
    names.push(step.name);
  }
  return names;
}

/** Reads a text that is exactly one path into the event, in its braces; null for any other text. */
export function parseEventPath(text: string): string[] | null {
  if (!text.startsWith('{{')) return null;
  try {
    const { expr, end } = parseExpression(text, 2, true, (index) => index);
    return text.slice(end).trim() === '' ? eventPathOf(expr) : null;
  } catch (mistake) {
    if (mistake instanceof ExpressionMistake) return null;
    throw mistake;
  }
}
