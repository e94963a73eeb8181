// A field of a state: plain JSON with expressions in it. Compiled once per definition.

import { type Json, type JsonObject, setOwn } from '../../../shared/json.ts';
import type { CompileExpression } from './compile-expression.ts';
import { normalise } from './normalise.ts';
import type { Env, Expression } from './types.ts';

/** A failed leaf. `detail` is the sentence that AWS puts into the cause; `location` the field, such as `Output/a[0]`. */
export class EvaluationError extends Error {
  readonly detail: string;
  readonly location: string | undefined;
  constructor(detail: string, location: string | undefined) {
    super(detail);
    this.name = 'EvaluationError';
    this.detail = detail;
    this.location = location;
  }
}

export interface Template {
  /** The field's name, the head of every location in it. */
  readonly field: string;
  /** The value, where there is no expression in it. */
  readonly constant: Json | undefined;
  /** The expression, where the whole field is one. */
  readonly expression: Expression | undefined;
  /** The value; a promise of it where an expression is left to jsonata. Throws (or rejects with) EvaluationError. */
  evaluate(env: Env): Json | Promise<Json>;
}

type Node = { constant: boolean; evaluate(env: Env): Json | Promise<Json> };

/** The text of an expression, or undefined for any other value. Only a text that starts with exactly `{%` and ends with `%}` is one. */
export function expressionText(value: Json): string | undefined {
  if (typeof value !== 'string' || value.length < 4 || !value.startsWith('{%') || !value.endsWith('%}')) return undefined;
  return value.slice(2, -2).trim();
}

/** @throws what the expression compiler throws for a text that does not parse */
export function compileTemplate(value: Json, field: string, compile: CompileExpression): Template {
  const text = expressionText(value);
  const node = build(value, field, compile);
  return {
    field,
    constant: node.constant ? value : undefined,
    expression: text === undefined ? undefined : compile(text),
    evaluate: node.evaluate,
  };
}

function build(value: Json, location: string, compile: CompileExpression): Node {
  const text = expressionText(value);
  if (text !== undefined) return leaf(compile(text), location);
  if (typeof value !== 'object' || value === null) return constant(value);
  if (Array.isArray(value)) {
    const items = value.map((item, i) => build(item, `${location}[${i}]`, compile));
    return items.every((item) => item.constant) ? constant(value) : list(items);
  }
  const keys = Object.keys(value);
  const values = keys.map((key) => build(value[key] ?? null, `${location}/${key}`, compile));
  return values.every((item) => item.constant) ? constant(value) : record(keys, values);
}

const constant = (value: Json): Node => ({ constant: true, evaluate: () => value });

function leaf(expression: Expression, location: string): Node {
  const failed = (error: unknown): never => {
    throw new EvaluationError(
      `The JSONata expression '${expression.text}' specified for the field '${location}' ${reasonOf(error)}`,
      location,
    );
  };
  const check = (value: unknown): Json => {
    const json = normalise(value);
    if (json === undefined)
      throw new EvaluationError(
        `The JSONata expression '${expression.text}' specified for the field '${location}' ${describeBad(value)}`,
        location,
      );
    return json;
  };
  return {
    constant: false,
    evaluate(env) {
      let value: unknown;
      try {
        value = expression.evaluate(env);
      } catch (error) {
        return failed(error);
      }
      return value instanceof Promise ? value.then(check, failed) : check(value);
    },
  };
}

function list(items: Node[]): Node {
  return {
    constant: false,
    evaluate(env) {
      const out: Json[] = [];
      for (const [i, item] of items.entries()) {
        const value = item.evaluate(env);
        if (value instanceof Promise) return restOfList(value, items.slice(i + 1), out, env);
        out.push(value);
      }
      return out;
    },
  };
}

async function restOfList(first: Promise<Json>, rest: Node[], out: Json[], env: Env): Promise<Json> {
  out.push(await first);
  for (const item of rest) out.push(await item.evaluate(env));
  return out;
}

type Member = readonly [key: string, node: Node];

function record(keys: string[], values: Node[]): Node {
  const members = keys.map((key, i): Member => [key, values[i] as Node]);
  return {
    constant: false,
    evaluate(env) {
      const out: JsonObject = {};
      for (let i = 0; i < members.length; i++) {
        const [key, node] = members[i] as Member;
        const value = node.evaluate(env);
        if (value instanceof Promise) return restOfRecord(key, value, members.slice(i + 1), out, env);
        setOwn(out, key, value);
      }
      return out;
    },
  };
}

async function restOfRecord(key: string, first: Promise<Json>, rest: Member[], out: JsonObject, env: Env): Promise<Json> {
  setOwn(out, key, await first);
  for (const [next, node] of rest) setOwn(out, next, await node.evaluate(env));
  return out;
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'threw an error during evaluation. Stack overflow error';
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; message?: unknown };
  const said = typeof message === 'string' ? message : String(error);
  return `threw an error during evaluation. ${typeof code === 'string' ? `${code}: ` : ''}${said}`;
}

function describeBad(value: unknown): string {
  return value === undefined ? 'returned nothing (undefined).' : 'returned an unsupported result type.';
}
