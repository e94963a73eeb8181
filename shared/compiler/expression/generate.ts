// From the language's expressions and templates to JSONata 2.0.6: what a definition holds instead of `{{ … }}`.
//
//   E1. Total: no generated code fails, except by `parse_json`; none is undefined, none gives a number that is not finite.
//   E2. Inner variables are named `$_` and digits, each once per expression; scopes never use such names.
//   E3. Only JSONata 2.0.6 and the functions that Step Functions adds; nothing that its create-time checks refuse
//       (`$eval`, `$$`, `??`, `?:`, a bare name at the head of a path).
//   E4. One line, without `{%`, `%}` and `${` inside.

import { type Json, type JsonObject, setOwn } from '../../json.ts';
import type { Expr, Template, TextPart } from '../../workflow/model.ts';
import { atom, type Code, NULL, nesting, plain, Type, total } from './code.ts';
import { callValue, textParts } from './functions.ts';
import { createDefinitions, type Definitions, type Generator, type Scope } from './generator.ts';
import { hasSubstitutionKey, jsonataString, literalCode, literalValue, objectCode, wrap } from './literal.ts';
import { alwaysBoolean, binaryTruth, binaryValue, conditional, listCode, minus, negation, plus } from './operators.ts';
import { pathValue } from './path.ts';

/** Levels that one piece of code may have: a half of what AWS evaluates, for they are counted roughly and operators are not. */
const MAX_NESTING = 45;

/**
 * JSONata code (without `{% %}`) of an expression: null where the language says null, never undefined.
 *
 * @throws Error for `env.` and `secret.`, which never become expressions, and for functions that do not exist: the parser refuses both
 */
export function expressionCode(expr: Expr, scope: Scope): string {
  return finished(scope, (gen) => total(gen, gen.value(expr)));
}

/** JSONata code that gives true or false, whatever the expression gives (`$boolean`'s rules; missing is false). */
export function conditionCode(expr: Expr, scope: Scope): string {
  return finished(scope, (gen) => alwaysBoolean(gen.truth(expr)));
}

/** JSONata code of a text with expressions in it: null is empty, objects and lists are JSON. */
export function textCode(parts: readonly TextPart[], scope: Scope): string {
  return finished(scope, (gen) => textParts(gen, parts));
}

/** JSONata code of a whole template. */
export function templateCode(template: Template, scope: Scope): string {
  return finished(scope, (gen) => templateOf(gen, template));
}

/** A template as a JSON value with `{% … %}` leaves, for `Arguments`, `Output`, `Assign` or a payload. */
export function templateValue(template: Template, scope: Scope): Json {
  switch (template.kind) {
    case 'literal':
      return literalValue(template.value);
    case 'expr':
      if (template.expr.kind === 'literal') return literalValue(template.expr.value);
      return template.expr.kind === 'callback_url' ? null : wrap(expressionCode(template.expr, scope));
    case 'text':
      return wrap(textCode(template.parts, scope));
    case 'list':
      return template.items.map((item) => templateValue(item, scope));
    case 'object': {
      const result: JsonObject = {};
      if (hasSubstitutionKey(Object.fromEntries(template.entries.map(([key]) => [key, null])))) return wrap(templateCode(template, scope));
      for (const [key, value] of template.entries) setOwn(result, key, templateValue(value, scope));
      return result;
    }
  }
}

/** True when computing it may fail its step: it holds a `parse_json`. */
export function canFail(node: Expr | Template): boolean {
  switch (node.kind) {
    case 'call':
      return node.name === 'parse_json' || node.args.some(canFail);
    case 'path':
      return node.steps.some((step) => step.kind === 'index' && canFail(step.index));
    case 'unary':
      return canFail(node.operand);
    case 'binary':
      return canFail(node.left) || canFail(node.right);
    case 'conditional':
      return canFail(node.test) || canFail(node.yes) || canFail(node.no);
    case 'list':
      return node.items.some(canFail);
    case 'object':
      return node.entries.some(([, value]) => canFail(value));
    case 'expr':
      return canFail(node.expr);
    case 'text':
      return node.parts.some((part) => typeof part !== 'string' && canFail(part));
    default:
      return false;
  }
}

function finished(scope: Scope, build: (gen: Generator) => Code): string {
  const definitions = createDefinitions();
  const gen: Generator = {
    ...definitions,
    scope,
    value: (expr) => flattened(definitions, exprCode(gen, expr), expr),
    truth: (expr) => flattened(definitions, truthOf(gen, expr), expr),
  };
  return definitions.finish(build(gen).text);
}

/**
 * Code that is not nested too deep: AWS stops at 100. What is deeper is computed at the head of the expression, which changes nothing, for
 * it cannot fail; where it can, it has to stay where it is, for its condition may not hold.
 */
function flattened(definitions: Definitions, code: Code, expr: Expr): Code {
  return nesting(code.text) > MAX_NESTING && !canFail(expr) ? plain(definitions.hoist(code.text), code.types) : code;
}

function exprCode(gen: Generator, expr: Expr): Code {
  switch (expr.kind) {
    case 'literal':
      return literal(expr.value);
    case 'path':
      return pathValue(gen, expr);
    case 'call':
      return callValue(gen, expr);
    case 'unary':
      return unaryValue(gen, expr);
    case 'binary':
      return binaryValue(gen, expr);
    case 'conditional':
      return conditional(gen, expr);
    case 'list':
      return listCode(
        gen,
        expr.items.map((item) => gen.value(item)),
      );
    case 'object':
      return object(
        gen,
        expr.entries.map(([key, value]) => [key, gen.value(value)]),
      );
    case 'callback_url':
      // Put in by the step function at call time; the call says where.
      return NULL;
    case 'env':
    case 'secret':
      throw new Error(`shared/compiler/expression: ${expr.kind}.${expr.name} stands where a value is computed`);
  }
}

function truthOf(gen: Generator, expr: Expr): Code {
  return expr.kind === 'binary' ? binaryTruth(gen, expr) : gen.value(expr);
}

function unaryValue(gen: Generator, expr: Extract<Expr, { kind: 'unary' }>): Code {
  if (expr.op === '!') return negation(gen.truth(expr.operand));
  if (expr.op === '+') return plus(gen, gen.value(expr.operand));
  const { operand } = expr;
  if (operand.kind === 'literal' && typeof operand.value === 'number') return literal(0 - operand.value);
  return minus(gen, gen.value(operand));
}

function literal(value: null | boolean | number | string): Code {
  if (value === null) return NULL;
  if (typeof value === 'string') return plain(jsonataString(value), Type.Text);
  if (typeof value === 'boolean') return plain(String(value), Type.Boolean);
  if (!Number.isFinite(value)) return NULL;
  return plain(value < 0 ? `(${value})` : literalCode(value), Type.Number);
}

function object(gen: Generator, entries: readonly (readonly [string, Code])[]): Code {
  const values = entries.map(([key, value]): [string, string] => [key, total(gen, value).text]);
  return atom(
    objectCode(values, (code) => `${gen.helper('json')}(${code})`),
    Type.Object,
  );
}

function templateOf(gen: Generator, template: Template): Code {
  switch (template.kind) {
    case 'literal':
      return literalOf(template.value);
    case 'expr':
      return total(gen, gen.value(template.expr));
    case 'text':
      return textParts(gen, template.parts);
    case 'list':
      return listCode(
        gen,
        template.items.map((item) => templateOf(gen, item)),
      );
    case 'object':
      return object(
        gen,
        template.entries.map(([key, value]) => [key, templateOf(gen, value)]),
      );
  }
}

function literalOf(value: Json): Code {
  if (typeof value !== 'object' || value === null) return literal(value);
  return atom(literalCode(value), Array.isArray(value) ? Type.List : Type.Object);
}
