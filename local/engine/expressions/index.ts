export { type CompileExpression, createExpressionCompiler } from './compile-expression.ts';
export { compileTemplate, EvaluationError, expressionText, type Template } from './template.ts';
export type { Env, Expression, ExpressionServices, StatesObject, Variables } from './types.ts';
