// A field of a state: plain JSON with expressions in it. Compiled once per definition.

import { type Json, setOwn } from '../../../shared/json.ts';
import type { CompileExpression } from './compile-expression.ts';
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
  /** True: `evaluate` returns the value, never a promise. */
  readonly sync: boolean;
  /** @throws EvaluationError */
  evaluate(env: Env): Json | Promise<Json>;
}

type Node = { sync: boolean; constant: boolean; evaluate(env: Env): Json | Promise<Json> };

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
    sync: node.sync,
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

const constant = (value: Json): Node => ({ sync: true, constant: true, evaluate: () => value });

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
  if (!expression.sync) {
    return { sync: false, constant: false, evaluate: (env) => (expression.evaluate(env) as Promise<unknown>).then(check, failed) };
  }
  return {
    sync: true,
    constant: false,
    evaluate(env) {
      let value: unknown;
      try {
        value = expression.evaluate(env);
      } catch (error) {
        return failed(error);
      }
      return check(value);
    },
  };
}

function list(items: Node[]): Node {
  if (items.every((item) => item.sync))
    return { sync: true, constant: false, evaluate: (env) => items.map((item) => item.evaluate(env) as Json) };
  return {
    sync: false,
    constant: false,
    async evaluate(env) {
      const out: Json[] = [];
      for (const item of items) out.push(await item.evaluate(env));
      return out;
    },
  };
}

function record(keys: string[], values: Node[]): Node {
  const entries = keys.map((key, i) => [key, values[i] as Node] as const);
  if (values.every((value) => value.sync)) {
    return {
      sync: true,
      constant: false,
      evaluate(env) {
        const out: { [key: string]: Json } = {};
        for (const [key, node] of entries) setOwn(out, key, node.evaluate(env) as Json);
        return out;
      },
    };
  }
  return {
    sync: false,
    constant: false,
    async evaluate(env) {
      const out: { [key: string]: Json } = {};
      for (const [key, node] of entries) setOwn(out, key, await node.evaluate(env));
      return out;
    },
  };
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

/**
 * A result as plain JSON: jsonata's sequences lose their marks, numbers that JSON cannot hold become text as on AWS. undefined for what is
 * no JSON at all (undefined, a function).
 */
export function normalise(value: unknown): Json | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? (Object.is(value, -0) ? 0 : value) : String(value);
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return null;
  if (Array.isArray(value)) return normaliseList(value);
  if ('_jsonata_function' in value || '_jsonata_lambda' in value || value instanceof RegExp) return undefined;
  return normaliseRecord(value as { [key: string]: unknown });
}

function normaliseList(value: unknown[]): Json | undefined {
  let copy: Json[] | undefined =
    Object.hasOwn(value, 'sequence') || Object.hasOwn(value, 'outerWrapper') || Object.hasOwn(value, 'cons') ? [] : undefined;
  for (let i = 0; i < value.length; i++) {
    const item = normalise(value[i]);
    if (item === undefined) return undefined;
    if (!copy && item !== value[i]) copy = value.slice(0, i) as Json[];
    copy?.push(item);
  }
  return copy ?? (value as Json[]);
}

function normaliseRecord(value: { [key: string]: unknown }): Json | undefined {
  let copy: { [key: string]: Json } | undefined;
  for (const key of Object.keys(value)) {
    const item = normalise(value[key]);
    if (item === undefined && value[key] !== undefined) return undefined;
    if (!copy && item !== value[key]) copy = copyBefore(value, key);
    if (copy && item !== undefined) setOwn(copy, key, item);
  }
  return copy ?? (value as { [key: string]: Json });
}

function copyBefore(value: { [key: string]: unknown }, end: string): { [key: string]: Json } {
  const copy: { [key: string]: Json } = {};
  for (const key of Object.keys(value)) {
    if (key === end) break;
    setOwn(copy, key, value[key] as Json);
  }
  return copy;
}
