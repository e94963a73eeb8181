// What an expression or template comes to, told straight from the language's text: plain values, no JSONata. It is the oracle that generated
// code is compared with, so it shares nothing with the generator: not its rules, not its helpers.
//
//   V1. Missing is null everywhere; nothing throws but `parse_json`.
//   V2. Where the language says "as JSONata" (a path through a list, truth, rounding) that rule is written out here again.

import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../../shared/json.ts';
import { getOwn, isJsonObject, setOwn } from '../../shared/json.ts';
import type { BinaryOp, Expr, PathStep, Template, TextPart } from '../../shared/workflow/model.ts';

/** What the first names of paths stand for; a name that is not in it is null. */
export type Environment = ReadonlyMap<string, Json>;

/** What is not a function of the environment alone. */
export interface Surroundings {
  uuid?(): string;
  now?(): string;
}

/** A `parse_json` of a text that is not JSON: fails its step. */
export class EvaluationFailure extends Error {}

export function evaluateExpr(expr: Expr, env: Environment, around: Surroundings = {}): Json {
  const value = (one: Expr): Json => evaluateExpr(one, env, around);
  switch (expr.kind) {
    case 'literal':
      return expr.value;
    case 'path':
      return readPath(env.get(expr.root) ?? null, expr.steps, value) ?? null;
    case 'call':
      return evaluateCall(expr.name, expr.args.map(value), around);
    case 'unary':
      return unary(expr.op, value(expr.operand));
    case 'binary':
      if (expr.op === '&&') return truth(value(expr.left)) && truth(value(expr.right));
      if (expr.op === '||') return truth(value(expr.left)) || truth(value(expr.right));
      return binary(expr.op, value(expr.left), value(expr.right));
    case 'conditional':
      return truth(value(expr.test)) ? value(expr.yes) : value(expr.no);
    case 'list':
      return expr.items.map(value);
    case 'object':
      return objectOf(expr.entries.map(([key, one]): [string, Json] => [key, value(one)]));
    case 'callback_url':
      return null;
    case 'env':
    case 'secret':
      throw new Error(`${expr.kind}.${expr.name} is no value`);
  }
}

/** Whether an expression holds, as `when` asks. */
export function evaluateCondition(expr: Expr, env: Environment, around: Surroundings = {}): boolean {
  return truth(evaluateExpr(expr, env, around));
}

export function evaluateTemplate(template: Template, env: Environment, around: Surroundings = {}): Json {
  switch (template.kind) {
    case 'literal':
      return template.value;
    case 'expr':
      return evaluateExpr(template.expr, env, around);
    case 'text':
      return evaluateText(template.parts, env, around);
    case 'list':
      return template.items.map((item) => evaluateTemplate(item, env, around));
    case 'object':
      return objectOf(template.entries.map(([key, value]): [string, Json] => [key, evaluateTemplate(value, env, around)]));
  }
}

export function evaluateText(parts: readonly TextPart[], env: Environment, around: Surroundings = {}): string {
  return parts.map((part) => (typeof part === 'string' ? part : text(evaluateExpr(part, env, around)))).join('');
}

/** `$boolean`: false for null, false, 0, "", an empty object, a list with no true element. */
export function truth(value: Json): boolean {
  if (Array.isArray(value)) return value.some(truth);
  if (isJsonObject(value)) return Object.keys(value).length > 0;
  return value !== null && value !== false && value !== 0 && value !== '';
}

/** Deep equality regardless of key order. */
export function same(a: Json, b: Json): boolean {
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => same(item, b[index] ?? null));
  }
  if (isJsonObject(a) && isJsonObject(b)) {
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    return keys.every((key) => Object.hasOwn(b, key) && same(getOwn(a, key) ?? null, getOwn(b, key) ?? null));
  }
  return a === b;
}

/** Text as interpolation writes it. */
function text(value: Json): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  return jsonText(value);
}

/** JSON text; numbers with at most 15 significant digits, as JSONata writes them. */
function jsonText(value: Json): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'number' ? Number(one.toPrecision(15)) : one));
}

function objectOf(entries: readonly [string, Json][]): JsonObject {
  const object: JsonObject = {};
  for (const [key, value] of entries) setOwn(object, key, value);
  return object;
}

// ---- paths

function readPath(start: Json, steps: readonly PathStep[], value: (expr: Expr) => Json): Json | undefined {
  let current: Json | undefined = start;
  let names: string[] = [];
  const flush = (): void => {
    if (names.length > 0) current = readNames(current ?? null, names);
    names = [];
  };
  for (const step of steps) {
    if (step.kind === 'name' && !(step.name in {})) {
      names.push(step.name);
      continue;
    }
    flush();
    if (step.kind === 'name') current = readInheritedName(current ?? null, step.name);
    else current = element(current ?? null, value(step.index));
  }
  flush();
  return current;
}

/** JSONata's path: each step reads every item so far; lists met on the way are flattened; one result is itself, none is missing. */
function readNames(start: Json, names: readonly string[]): Json | undefined {
  let items: Json[] = Array.isArray(start) ? start : [start];
  for (const [index, name] of names.entries()) {
    const found = items.map((item) => lookUp(item, name)).filter((one) => one !== undefined);
    const [only] = found;
    if (index === names.length - 1 && found.length === 1 && Array.isArray(only)) return only;
    items = flattened(found);
  }
  return reduced(items);
}

function lookUp(item: Json, name: string): Json | undefined {
  if (Array.isArray(item)) return reduced(flattened(item.map((inner) => lookUp(inner, name))));
  return isJsonObject(item) ? getOwn(item, name) : undefined;
}

/** Names that every JavaScript object inherits are read from objects and from lists of objects. */
function readInheritedName(value: Json, name: string): Json | undefined {
  const items = Array.isArray(value) ? value : [value];
  const found = items.map((item) => (isJsonObject(item) ? getOwn(item, name) : undefined)).filter((one) => one !== undefined);
  return found.length === 1 ? found[0] : reduced(flattened(found));
}

/** What was found, lists opened once. */
function flattened(found: readonly (Json | undefined)[]): Json[] {
  return found.flatMap((one) => (one === undefined ? [] : one));
}

function reduced(items: Json[]): Json | undefined {
  return items.length > 1 ? items : items[0];
}

function element(value: Json, index: Json): Json | undefined {
  if (typeof index === 'string') return isJsonObject(value) ? getOwn(value, index) : undefined;
  return typeof index === 'number' && Array.isArray(value) ? value.at(Number.isInteger(index) ? index : value.length) : undefined;
}

// ---- operators

function unary(op: '!' | '-' | '+', value: Json): Json {
  if (op === '!') return !truth(value);
  if (typeof value !== 'number') return null;
  return op === '-' ? 0 - value : value;
}

function binary(op: BinaryOp, a: Json, b: Json): Json {
  switch (op) {
    case '==':
      return same(a, b);
    case '!=':
      return !same(a, b);
    case '<':
      return ordered(a, b, (order) => order < 0);
    case '<=':
      return ordered(a, b, (order) => order <= 0);
    case '>':
      return ordered(a, b, (order) => order > 0);
    case '>=':
      return ordered(a, b, (order) => order >= 0);
    case '+':
      if (typeof a === 'string' || typeof b === 'string') return text(a) + text(b);
      return arithmetic(a, b, (x, y) => x + y);
    case '-':
      return arithmetic(a, b, (x, y) => x - y);
    case '*':
      return arithmetic(a, b, (x, y) => x * y);
    case '/':
      return arithmetic(a, b, (x, y) => x / y);
    case '%':
      return arithmetic(a, b, (x, y) => x % y);
    default:
      return null;
  }
}

function ordered(a: Json, b: Json, holds: (order: number) => boolean): Json {
  const comparable = (typeof a === 'number' && typeof b === 'number') || (typeof a === 'string' && typeof b === 'string');
  return comparable ? holds(a < b ? -1 : a > b ? 1 : 0) : null;
}

function arithmetic(a: Json, b: Json, compute: (x: number, y: number) => number): Json {
  return typeof a === 'number' && typeof b === 'number' ? finite(compute(a, b)) : null;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value + 0 : null;
}

// ---- functions

function evaluateCall(name: string, args: Json[], around: Surroundings): Json {
  const [a = null, b = null, c = null] = args;
  switch (name) {
    case 'len':
      if (typeof a === 'string') return [...a].length;
      return a !== null && typeof a === 'object' ? Object.keys(a).length : null;
    case 'upper':
      return typeof a === 'string' ? a.toUpperCase() : null;
    case 'lower':
      return typeof a === 'string' ? a.toLowerCase() : null;
    case 'trim':
      return typeof a === 'string' ? trimmed(a) : null;
    case 'contains':
      if (Array.isArray(a)) return a.some((item) => same(item, b));
      return onTexts(a, b, (x, y) => x.includes(y));
    case 'starts_with':
      return onTexts(a, b, (x, y) => [...y].every((char, index) => [...x][index] === char));
    case 'ends_with':
      return onTexts(a, b, (x, y) => [...y].reverse().every((char, index) => [...x].reverse()[index] === char));
    case 'split':
      return onTexts(a, b, (x, y) => (y === '' ? [...x] : x.split(y)));
    case 'join':
      return joined(a, args.length > 1 ? b : '');
    case 'replace':
      return typeof c === 'string' ? onTexts(a, b, (x, y) => (y === '' ? null : x.replaceAll(y, () => c))) : null;
    case 'default':
      return a === null || a === '' ? b : a;
    case 'coalesce':
      return args.find((arg) => arg !== null) ?? null;
    case 'json':
      return jsonText(a);
    case 'parse_json':
      return typeof a === 'string' ? parsed(a) : null;
    case 'number':
      return typeof a === 'string' ? numberOf(a) : typeof a === 'number' ? a : null;
    case 'string':
      return text(a);
    case 'round':
      return typeof a === 'number' ? rounded(a, args.length > 1 ? b : 0) : null;
    case 'floor':
      return typeof a === 'number' ? Math.floor(a) : null;
    case 'ceil':
      return typeof a === 'number' ? Math.ceil(a) + 0 : null;
    case 'abs':
      return typeof a === 'number' ? Math.abs(a) : null;
    case 'min':
      return onNumbers(a, (list) => (list.length === 0 ? null : list.reduce((x, y) => Math.min(x, y))));
    case 'max':
      return onNumbers(a, (list) => (list.length === 0 ? null : list.reduce((x, y) => Math.max(x, y))));
    case 'sum':
      return onNumbers(a, (list) => finite(list.reduce((x, y) => x + y, 0)));
    case 'keys':
      return isJsonObject(a) ? Object.keys(a) : null;
    case 'values':
      return isJsonObject(a) ? Object.keys(a).map((key) => getOwn(a, key) ?? null) : null;
    case 'merge':
      return args.every(isJsonObject)
        ? objectOf(args.flatMap((arg) => Object.keys(arg).map((key): [string, Json] => [key, getOwn(arg, key) ?? null])))
        : null;
    case 'first':
      return Array.isArray(a) ? (a[0] ?? null) : null;
    case 'last':
      return Array.isArray(a) ? (a.at(-1) ?? null) : null;
    case 'pluck':
      return plucked(a, b);
    case 'now':
      return around.now?.() ?? null;
    case 'uuid':
      return around.uuid?.() ?? null;
    case 'hash':
      return typeof a === 'string' ? createHash('sha256').update(a, 'utf8').digest('hex') : null;
    case 'base64':
      return typeof a === 'string' && a.isWellFormed() ? Buffer.from(a, 'utf8').toString('base64') : null;
    case 'unbase64':
      return typeof a === 'string' ? unbase64(a) : null;
    case 'range':
      return numbersFrom(a, b, args.length > 2 ? c : 1);
    default:
      throw new Error(`no function is called ${name}`);
  }
}

function onTexts(a: Json, b: Json, compute: (x: string, y: string) => Json): Json {
  return typeof a === 'string' && typeof b === 'string' ? compute(a, b) : null;
}

function onNumbers(value: Json, compute: (list: number[]) => number | null): Json {
  return Array.isArray(value) && value.every((item) => typeof item === 'number') ? compute(value) : null;
}

function trimmed(value: string): string {
  const isSpace = (char: string | undefined): boolean => char === ' ' || char === '\t' || char === '\n' || char === '\r';
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(value[start])) start++;
  while (end > start && isSpace(value[end - 1])) end--;
  return value.slice(start, end);
}

function joined(list: Json, separator: Json): Json {
  return Array.isArray(list) && typeof separator === 'string' ? list.map(text).join(separator) : null;
}

function parsed(json: string): Json {
  try {
    return JSON.parse(json);
  } catch {
    throw new EvaluationFailure('parse_json: the text is not JSON');
  }
}

/** JSON's numbers; more than 100 digits or an exponent above 199 is no number that can be promised everywhere. */
function numberOf(value: string): Json {
  const [, whole, fraction, exponent] = /^-?(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(value) ?? [];
  if (whole === undefined || value.endsWith('\n')) return null;
  const digits = exponent?.replace(/^[-+]/, '').length ?? 0;
  const power = Number(exponent ?? 0);
  if (whole.length > 100 || (fraction?.length ?? 0) > 100 || digits > 3 || power > 199) return null;
  return Number(value) + 0;
}

/** Half to even on the decimal digits, as JSONata rounds. */
function rounded(value: number, digits: Json): Json {
  if (typeof digits !== 'number' || !Number.isInteger(digits) || Math.abs(digits) > 15) return null;
  if (digits >= 0 && Math.abs(value) >= 2 ** 52) return value;
  const moved = (x: number, by: number): number => {
    const [mantissa, exponent = '0'] = String(x).split('e');
    return Number(`${mantissa}e${Number(exponent) + by}`);
  };
  const shifted = moved(value, digits);
  const below = Math.floor(shifted);
  const part = shifted - below;
  const nearest = part < 0.5 || (part === 0.5 && below % 2 === 0) ? below : below + 1;
  return finite(moved(nearest, -digits));
}

function plucked(list: Json, path: Json): Json {
  if (!Array.isArray(list) || typeof path !== 'string') return null;
  const steps = path.split('.').map((name): PathStep => ({ kind: 'name', name }));
  return list.map((item) => readPath(item, steps, () => null) ?? null);
}

function unbase64(value: string): Json {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function numbersFrom(from: Json, to: Json, step: Json): Json {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || !Number.isSafeInteger(step) || step === 0) return null;
  const [start, end, by] = [Number(from), Number(to), Number(step)];
  const numbers: number[] = [];
  for (let n = start; by > 0 ? n <= end : n >= end; n += by) {
    if (numbers.length === 1_000) return null;
    numbers.push(n);
  }
  return numbers;
}
