// A value that passes between states, with its JSON text computed at most once and the event that holds it, so that the journal
// writes it once and later events refer to it.

import type { Json } from '../../shared/json.ts';

/** 256 KiB of UTF-8: inputs, outputs, results and variables (AWS: Step Functions quotas, not raisable). */
export const MAX_PAYLOAD_BYTES = 262_144;

/** Where a payload's text already stands in this execution's journal: in an event, or under a key of an event's payload. */
export type PayloadRef = number | [event: number, key: string];

export interface Payload {
  readonly value: Json;
  text: string | undefined;
  at: PayloadRef | undefined;
}

export function payload(value: Json, text?: string): Payload {
  return { value, text, at: undefined };
}

/** The JSON text, computed once. */
export function textOf(p: Payload): string {
  return (p.text ??= JSON.stringify(p.value));
}

/** True when the text is larger than a state may hold. Counting bytes is only needed near the limit. */
export function tooLarge(text: string): boolean {
  if (text.length * 3 <= MAX_PAYLOAD_BYTES) return false;
  return text.length > MAX_PAYLOAD_BYTES || Buffer.byteLength(text) > MAX_PAYLOAD_BYTES;
}

/**
 * `"key":<text>`, or `"key^":<reference>` where the journal already has the value. Marks the payload as held by event `id`.
 */
export function payloadField(key: string, p: Payload, id: number): string {
  if (p.at !== undefined) return `"${key}^":${typeof p.at === 'number' ? p.at : JSON.stringify(p.at)}`;
  p.at = id;
  return `"${key}":${textOf(p)}`;
}

/**
 * The same value as plain JSON: the value itself when it already is, else what its JSON text reads as (a Date becomes text, an undefined
 * field goes away). undefined becomes null, as an absent result of a function does.
 */
export function toJson(value: unknown): Json {
  if (isPlain(value, 0)) return value;
  const text = JSON.stringify(value);
  return text === undefined ? null : JSON.parse(text);
}

function isPlain(value: unknown, depth: number): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth > 500) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value) return false;
  for (const key in value) if (!isPlain((value as { [key: string]: unknown })[key], depth + 1)) return false;
  return true;
}
