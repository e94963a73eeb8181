// Text to expression, once per text: definitions share what they have in common.

import jsonata from 'jsonata';
import { createBuiltins } from './fast/builtins.ts';
import { compileTree } from './fast/compile.ts';
import { type Frame, type Node, type Run, Unsupported } from './fast/frame.ts';
import { jsonataExpression } from './jsonata-expression.ts';
import type { Expression, ExpressionServices } from './types.ts';

/** Compiled expressions kept; a definition of 1 MB holds fewer. */
const MAX_CACHED = 20_000;

export type CompileExpression = (text: string) => Expression;

/** A compiler with a cache of its own. */
export function createExpressionCompiler(services: ExpressionServices): CompileExpression {
  const cache = new Map<string, Expression>();
  const builtins = createBuiltins(services);
  return (text) => {
    let expression = cache.get(text);
    if (!expression) {
      const tree = jsonata(text).ast() as unknown as Node;
      const run = compiled(tree, (node) => compileTree(node, builtins));
      expression = run ? fastExpression(text, run, services) : jsonataExpression(text, services);
      if (cache.size >= MAX_CACHED) cache.clear();
      cache.set(text, expression);
    }
    return expression;
  };
}

function compiled(tree: Node, compile: (tree: Node) => Run): Run | undefined {
  try {
    return compile(tree);
  } catch (error) {
    if (error instanceof Unsupported) return undefined;
    throw error;
  }
}

/** Runs the closures; whatever they throw, jsonata is asked for the value or the exact error. */
function fastExpression(text: string, run: Run, services: ExpressionServices): Expression {
  let slow: Expression | undefined;
  return {
    text,
    fast: true,
    evaluate(env) {
      const frame: Frame = { env, locals: Object.create(null) };
      try {
        return run(undefined, frame);
      } catch {
        slow ??= jsonataExpression(text, services);
        return slow.evaluate(env);
      }
    },
  };
}
