// Leaves of an undo request that are computed when the answer or the failure is known: `{"$late": "<JSONata>", "bind": {…}}`.
//
//   L1. Total: what fails, or yields nothing, is null.
//   L2. Only leaves that the compiler wrote are evaluated. A result is data: a `$late` in it is escaped, never evaluated.

import { createHash } from 'node:crypto';
import type { Expression } from 'jsonata';
import type { Json, JsonObject } from '../json.ts';
import { getOwn, isJsonObject, setOwn } from '../json.ts';
import type { Part, UndoSpec } from '../protocol/step-message.ts';
import type { ErrorInfo } from './records.ts';

/** Compiled expressions kept: they are constant texts of definitions. */
const KEPT = 500;
const compiled = new Map<string, Promise<Expression>>();

export interface LateValues {
  /** `$o`: the step's whole answer. */
  output: Json;
  /** `$e`; left out: leaves that use it stay as they are. */
  error?: ErrorInfo;
}

/** The request with its late leaves filled in, as far as `values` go. The request itself where it has none. */
export async function resolveLate(spec: UndoSpec, values: LateValues): Promise<UndoSpec> {
  if (!hasLate(spec.method) && !hasLate(spec.input)) return spec;
  const resolved: UndoSpec = { ...spec };
  if (spec.input !== undefined) resolved.input = await resolveValue(spec.input, values);
  if (spec.method) {
    resolved.method = await Promise.all(
      spec.method.map(
        async (part): Promise<Part> => (typeof part === 'object' && 'v' in part ? { v: await resolveValue(part.v, values) } : part),
      ),
    );
  }
  return resolved;
}

/** True when a leaf waits for the failure: then the whole answer is needed until the undo runs. */
export function needsError(spec: UndoSpec): boolean {
  return hasLate(spec.method, true) || hasLate(spec.input, true);
}

function hasLate(value: unknown, ofError = false): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((item) => hasLate(item, ofError));
  if (isLate(value)) return !ofError || value['error'] === true;
  return Object.values(value).some((inner) => hasLate(inner, ofError));
}

function isLate(value: unknown): value is JsonObject & { $late: string } {
  return isJsonObject(value) && typeof getOwn(value, '$late') === 'string';
}

async function resolveValue(value: Json, values: LateValues): Promise<Json> {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => resolveValue(item, values)));
  if (isLate(value)) return value['error'] === true && !values.error ? value : evaluate(value, values);
  const resolved: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) setOwn(resolved, key, await resolveValue(inner, values));
  return resolved;
}

async function evaluate(late: JsonObject & { $late: string }, { output, error }: LateValues): Promise<Json> {
  try {
    const expression = await compile(late.$late);
    const bind = getOwn(late, 'bind');
    const result: unknown = await expression.evaluate(null, { ...(isJsonObject(bind) ? bind : {}), o: output, e: error });
    // By way of text: JSONata's lists carry marks of its own, and functions are no values.
    return result === undefined ? null : disarm(JSON.parse(JSON.stringify(result) ?? 'null') as Json);
  } catch {
    return null;
  }
}

/** L2. `$stored` stays: whole values travel as references, and a made-up one fails the check of its key and hash. */
function disarm(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(disarm);
  const safe: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) setOwn(safe, key === '$late' ? '$$late' : key, disarm(inner));
  return safe;
}

function compile(text: string): Promise<Expression> {
  let found = compiled.get(text);
  if (found) return found;
  found = load(text);
  compiled.set(text, found);
  if (compiled.size > KEPT) compiled.delete(compiled.keys().next().value ?? '');
  return found;
}

/** JSONata 2.0.6 with the functions that Step Functions adds, those that give the same each time. Loaded on first use. */
async function load(text: string): Promise<Expression> {
  const { default: jsonata } = await import('jsonata');
  const expression = jsonata(text);
  expression.registerFunction('parse', (value: unknown) => (typeof value === 'string' ? JSON.parse(value) : undefined));
  expression.registerFunction('hash', (value: unknown, algorithm: unknown) =>
    typeof algorithm === 'string' && typeof value === 'string'
      ? createHash(algorithm.replace('-', '').toLowerCase()).update(value).digest('hex')
      : undefined,
  );
  expression.registerFunction('range', (from: number, to: number, step: number) => range(from, to, step));
  expression.registerFunction('partition', (list: Json, size: number) => partition(list, size));
  return expression;
}

/** Both ends. Step Functions gives at most some 360,000 elements; a late leaf has no need of more than the language's 1,000. */
function range(from: number, to: number, step: number): number[] | undefined {
  if (!(step > 0 ? from <= to : step < 0 && from >= to) || Math.abs((to - from) / step) > 1_000) return undefined;
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function partition(list: Json, size: number): Json[][] | undefined {
  if (!Array.isArray(list) || !(size >= 1)) return undefined;
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));
}
