// A value against the JSON Schema subset of `input` and checkpoint `fields`. Keywords mean what JSON Schema 2020-12 says; lengths count characters
// (code points), `integer` takes 1.0, `default` is not applied.

import { getOwn, isJsonObject, type Json } from '../json.ts';
import { jsonEqual } from './json-equal.ts';
import type { InputSchema } from './model.ts';
import { compilePattern, type Pattern } from './pattern.ts';

export interface InputIssue {
  /** `address.lines[0]`; empty for the value itself. */
  path: string;
  /** What was expected; never the value, which may be personal. */
  message: string;
}

/** More are not worth reading; the work is bounded too. */
const MAX_ISSUES = 50;
/** Texts longer than this are not matched against a `pattern` but refused: the matching costs length times states. */
const MAX_MATCHED_CHARS = 10_000;

/**
 * Checks a value, all faults at once (at most 50).
 *
 * @returns no entry where the value fits
 */
export function validateInput(schema: InputSchema, value: Json): InputIssue[] {
  const issues: InputIssue[] = [];
  check(schema, value, '', issues);
  return issues.slice(0, MAX_ISSUES);
}

function check(schema: InputSchema, value: Json, path: string, issues: InputIssue[]): void {
  if (issues.length >= MAX_ISSUES) return;
  const add = (message: string): void => void issues.push({ path, message });
  if (schema.type !== undefined && !hasType(value, schema.type)) {
    add(`expected ${schema.type}, found ${typeOf(value)}`);
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some((allowed) => jsonEqual(allowed, value))) add(`expected one of ${listed(schema.enum)}`);
  if (schema.const !== undefined && !jsonEqual(schema.const, value)) add(`expected ${listed([schema.const])}`);
  if (typeof value === 'number') checkNumber(schema, value, add);
  else if (typeof value === 'string') checkText(schema, value, add);
  else if (Array.isArray(value)) checkList(schema, value, path, issues, add);
  else if (isJsonObject(value)) checkObject(schema, value, path, issues, add);
}

function checkNumber(schema: InputSchema, value: number, add: (message: string) => void): void {
  if (schema.minimum !== undefined && value < schema.minimum) add(`expected at least ${schema.minimum}`);
  if (schema.maximum !== undefined && value > schema.maximum) add(`expected at most ${schema.maximum}`);
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) add(`expected more than ${schema.exclusiveMinimum}`);
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum) add(`expected less than ${schema.exclusiveMaximum}`);
}

function checkText(schema: InputSchema, value: string, add: (message: string) => void): void {
  if (schema.minLength !== undefined || schema.maxLength !== undefined) {
    const length = [...value].length;
    if (schema.minLength !== undefined && length < schema.minLength) add(`expected at least ${schema.minLength} characters`);
    if (schema.maxLength !== undefined && length > schema.maxLength) add(`expected at most ${schema.maxLength} characters`);
  }
  if (schema.pattern === undefined) return;
  if (value.length > MAX_MATCHED_CHARS) add(`expected at most ${MAX_MATCHED_CHARS} characters, for it is matched against a pattern`);
  else if (!patternOf(schema.pattern).test(value)) add(`expected a text that matches ${schema.pattern}`);
}

function checkList(schema: InputSchema, value: Json[], path: string, issues: InputIssue[], add: (message: string) => void): void {
  if (schema.minItems !== undefined && value.length < schema.minItems) add(`expected at least ${schema.minItems} items`);
  if (schema.maxItems !== undefined && value.length > schema.maxItems) add(`expected at most ${schema.maxItems} items`);
  if (schema.items === undefined) return;
  for (const [index, item] of value.entries()) check(schema.items, item, `${path}[${index}]`, issues);
}

function checkObject(
  schema: InputSchema,
  value: { [key: string]: Json },
  path: string,
  issues: InputIssue[],
  add: (message: string) => void,
): void {
  const properties = schema.properties ?? {};
  for (const name of schema.required ?? []) if (!Object.hasOwn(value, name)) add(`"${name}" is missing`);
  for (const name of Object.keys(value)) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const at = /^[A-Za-z_]\w*$/.test(name) ? `${path === '' ? '' : `${path}.`}${name}` : `${path}[${JSON.stringify(name.slice(0, 60))}]`;
    if (property !== undefined) check(property, getOwn(value, name) ?? null, at, issues);
    else if (schema.additionalProperties === false) issues.push({ path: at, message: 'is not known here' });
  }
}

function hasType(value: Json, type: NonNullable<InputSchema['type']>): boolean {
  return type === 'integer' ? Number.isInteger(value) : type === 'number' ? typeof value === 'number' : typeOf(value) === type;
}

function typeOf(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** The schema's own values, which are no secret; cut so that a message stays readable. */
function listed(values: readonly Json[]): string {
  const text = values.map((value) => JSON.stringify(value)).join(', ');
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

/** Patterns that were used before: a schema is checked for every run. */
const PATTERNS = new Map<string, Pattern>();
const MAX_PATTERNS = 200;

/** A pattern that the file's check would have refused matches nothing. */
function patternOf(source: string): Pattern {
  const known = PATTERNS.get(source);
  if (known !== undefined) return known;
  const compiled = compilePattern(source);
  const pattern: Pattern = typeof compiled === 'string' ? { test: () => false } : compiled;
  if (PATTERNS.size >= MAX_PATTERNS) PATTERNS.clear();
  PATTERNS.set(source, pattern);
  return pattern;
}
