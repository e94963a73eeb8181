// Expressions and templates of the workflow language as JSONata.

export { canFail, conditionCode, expressionCode, templateCode, templateValue, textCode } from './generate.ts';
export type { Scope } from './generator.ts';
export { jsonataString, literalValue, wrap } from './literal.ts';
