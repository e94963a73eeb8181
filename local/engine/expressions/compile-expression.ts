// Text to expression, once per text: definitions share what they have in common.

import { jsonataExpression } from './jsonata-expression.ts';
import type { Expression, ExpressionServices } from './types.ts';

/** Compiled expressions kept; a definition of 1 MB holds fewer. */
const MAX_CACHED = 20_000;

export type CompileExpression = (text: string) => Expression;

/** A compiler with a cache of its own. */
export function createExpressionCompiler(services: ExpressionServices): CompileExpression {
  const cache = new Map<string, Expression>();
  return (text) => {
    let expression = cache.get(text);
    if (!expression) {
      expression = jsonataExpression(text, services);
      if (cache.size >= MAX_CACHED) cache.clear();
      cache.set(text, expression);
    }
    return expression;
  };
}
