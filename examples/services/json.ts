// JSON as types, and the few readers that the demo operations need for their input.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** True for a JSON object: not null, not a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own key of an object; what is merely inherited (`constructor`) is undefined. */
export function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** A required text of an input. Throws `Refusal` when it is missing or empty. */
export function text(input: JsonObject, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '') throw new Refusal(`"${name}" must be a text that is not empty`);
  return value;
}

/** A required number of an input. A text of digits counts, because query strings carry only texts. */
export function number(input: JsonObject, name: string): number {
  const value = input[name];
  const parsed = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof parsed !== 'number' || !Number.isFinite(parsed)) throw new Refusal(`"${name}" must be a number`);
  return parsed;
}

/** A list of an input; missing and null are the empty list. */
export function list(input: JsonObject, name: string): Json[] {
  const value = input[name] ?? [];
  if (!Array.isArray(value)) throw new Refusal(`"${name}" must be a list`);
  return value;
}

/** A service says no and has done nothing: HTTP 4xx, gRPC `success: false`. */
export class Refusal extends Error {
  readonly status: number;

  constructor(message: string, status = 422) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
  }
}
