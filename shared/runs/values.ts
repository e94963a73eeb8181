// How a step's answer stands in the state: whole while it is small, else as a reference with the paths that are read.
//
//   V1. What is said to fit, fits: the JSON text of the value in the state is at most the budget, in UTF-8 bytes.
//   V2. A reference is believed only below its run's own prefix, and its bytes only when their hash is the reference's.
//   V3. What is stored is never written over: its key ends in its hash, so a late writer's other value stands beside it.

import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../json.ts';
import { getOwn, isJsonObject, setOwn } from '../json.ts';
import { fromPointer } from '../protocol/pointer.ts';
import type { StoredValue } from '../protocol/step-message.ts';
import type { Blobs } from '../store/index.ts';

/** Bytes of a result that a state holds when the message does not say. */
const DEFAULT_BUDGET_BYTES = 32_768;

/** Hex digits of the hash in a key: enough to tell the few values apart that one place ever has. */
const KEY_HASH_DIGITS = 16;

export interface Shape {
  /** Paths of the answer that make up the result, as JSON Pointers; left out: all of it. */
  select?: string[];
  /** Paths that are read later, as JSON Pointers; left out: all. */
  keep?: string[];
  /** Bytes. */
  budget?: number;
}

export type Shaped = { fits: true; value: Json; stored: boolean } | { fits: false; path: string; bytes: number; budget: number };

/** A value that cannot be loaded: the reference is not this run's, or its bytes are gone or changed. */
export class BadReferenceError extends Error {
  override readonly name = 'BadReferenceError';
}

/**
 * The value as the state holds it. Over its budget it is put to the blobs first, under `<name>.<hash>`.
 * @param name `<run>/<name>`
 * @param value with its reserved keys escaped, and `select` already made
 */
export async function shapeValue(blobs: Blobs, name: string, value: Json, shape: Shape): Promise<Shaped> {
  const text = JSON.stringify(value);
  const budget = shape.budget ?? DEFAULT_BUDGET_BYTES;
  // A UTF-16 unit is at most three bytes: most texts need no counting.
  if (text.length * 3 <= budget || Buffer.byteLength(text) <= budget) return { fits: true, value, stored: false };
  const bytes = Buffer.from(text);
  const keep = shape.keep?.map(fromPointer);
  if (!keep || keep.some((path) => path.length === 0)) return { fits: false, path: '', bytes: bytes.length, budget };
  const kept = keepPaths(value, keep);
  const reference = referenceTo(name, bytes);
  const state: JsonObject = { $stored: reference, ...kept };
  const stateBytes = Buffer.byteLength(JSON.stringify(state));
  if (stateBytes > budget && Object.keys(kept).length > 0) {
    const path = largestPath(value, keep);
    return { fits: false, path, bytes: stateBytes, budget };
  }
  await blobs.put(reference.key, bytes);
  return { fits: true, value: state, stored: true };
}

/** Puts a value away whole, for records, under `<name>.<hash>`: its reference. @param name `<run>/<name>` */
export async function storeValue(blobs: Blobs, name: string, value: Json): Promise<JsonObject> {
  const bytes = Buffer.from(JSON.stringify(value));
  const reference = referenceTo(name, bytes);
  await blobs.put(reference.key, bytes);
  return { $stored: reference };
}

/** V3. */
function referenceTo(name: string, bytes: Buffer): StoredValue['$stored'] {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { key: `${name}.${sha256.slice(0, KEY_HASH_DIGITS)}`, sha256, bytes: bytes.length };
}

/** True for a reference. */
export function isStored(value: Json | undefined): value is JsonObject & StoredValue {
  if (!isJsonObject(value)) return false;
  const stored = getOwn(value, '$stored');
  return isJsonObject(stored) && typeof stored['key'] === 'string' && typeof stored['sha256'] === 'string';
}

/**
 * Replaces every reference within a value by what it refers to; the value itself where there is none.
 * @throws BadReferenceError (V2)
 */
export async function loadStored(blobs: Blobs, runId: string, value: Json): Promise<Json> {
  if (typeof value !== 'object' || value === null || !holdsStored(value)) return value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => loadStored(blobs, runId, item)));
  if (isStored(value)) return loadOne(blobs, runId, value);
  const loaded: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) setOwn(loaded, key, await loadStored(blobs, runId, inner));
  return loaded;
}

/**
 * A value of one run as another run may hold it: whatever it refers to below the first one's prefix is copied below the other's.
 * @throws BadReferenceError (V2)
 */
export async function moveStored(blobs: Blobs, from: string, to: string, value: Json): Promise<Json> {
  if (!holdsStored(value)) return value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => moveStored(blobs, from, to, item)));
  if (isStored(value) && value.$stored.key.startsWith(`${from}/`)) {
    const { $stored, ...kept } = value;
    const key = `${to}${$stored.key.slice(from.length)}`;
    await blobs.put(key, await readStored(blobs, from, value));
    return { $stored: { ...$stored, key }, ...kept };
  }
  const moved: JsonObject = {};
  for (const [key, inner] of Object.entries(value as JsonObject)) setOwn(moved, key, await moveStored(blobs, from, to, inner));
  return moved;
}

/** A value with its references by hash alone: the same for two runs whose values are the same. */
export function nameless(value: Json): Json {
  if (!holdsStored(value)) return value;
  if (Array.isArray(value)) return value.map(nameless);
  const plain: JsonObject = {};
  for (const [key, inner] of Object.entries(value as JsonObject)) setOwn(plain, key, nameless(inner));
  return isStored(value) ? { ...plain, $stored: { sha256: value.$stored.sha256 } } : plain;
}

/** Only the given paths (JSON Pointers) of a value; lists are read through and stay lists. A value without paths (a text, a number) is null. */
export function selectPointers(value: Json, pointers: string[]): Json {
  return selectPaths(value, pointers.map(fromPointer));
}

function selectPaths(value: Json, paths: string[][]): Json {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) return value.map((item) => selectPaths(item, paths));
  if (!isJsonObject(value)) return null;
  const selected: JsonObject = {};
  for (const [name, rests] of byFirstName(paths)) {
    const inner = getOwn(value, name);
    if (inner === undefined) continue;
    setOwn(selected, name, rests.some((rest) => rest.length === 0) ? inner : selectPaths(inner, rests));
  }
  return selected;
}

/**
 * The kept paths in their places. A list at the top has no place beside `$stored`: each first name then holds what a path through the list
 * reads, as JSONata gives it (flattened once, the bare value where there is one).
 */
function keepPaths(value: Json, keep: string[][]): JsonObject {
  if (!Array.isArray(value)) return isJsonObject(value) ? keepOfObject(value, keep) : {};
  const kept: JsonObject = {};
  for (const [name, rests] of byFirstName(keep)) {
    const found = value.flatMap((item) => {
      const one = isJsonObject(item)
        ? getOwn(
            keepOfObject(
              item,
              rests.map((rest) => [name, ...rest]),
            ),
            name,
          )
        : undefined;
      return one === undefined ? [] : Array.isArray(one) ? one : [one];
    });
    const [first] = found;
    if (first !== undefined) setOwn(kept, name, found.length === 1 ? first : found);
  }
  return kept;
}

function keepOfObject(value: JsonObject, keep: string[][]): JsonObject {
  const kept = selectPaths(value, keep);
  return isJsonObject(kept) ? kept : {};
}

function byFirstName(paths: string[][]): Map<string, string[][]> {
  const groups = new Map<string, string[][]>();
  for (const [first, ...rest] of paths) {
    if (first === undefined) continue;
    const group = groups.get(first);
    if (group) group.push(rest);
    else groups.set(first, [rest]);
  }
  return groups;
}

function largestPath(value: Json, keep: string[][]): string {
  let largest = { path: '', size: -1 };
  for (const path of keep) {
    const size = JSON.stringify(keepPaths(value, [path])).length;
    if (size > largest.size) largest = { path: path.join('.'), size };
  }
  return largest.path;
}

function holdsStored(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsStored);
  if (Object.hasOwn(value, '$stored')) return true;
  for (const key in value) {
    const inner = value[key];
    if (typeof inner === 'object' && inner !== null && holdsStored(inner)) return true;
  }
  return false;
}

async function loadOne(blobs: Blobs, runId: string, reference: StoredValue): Promise<Json> {
  return JSON.parse(Buffer.from(await readStored(blobs, runId, reference)).toString()) as Json;
}

/** The bytes of a reference, checked (V2). */
async function readStored(blobs: Blobs, runId: string, { $stored: { key, sha256 } }: StoredValue): Promise<Uint8Array> {
  if (!key.startsWith(`${runId}/`)) throw new BadReferenceError(`stored value: the key is not below the run ${runId}`);
  const bytes = await blobs.get(key);
  if (!bytes) throw new BadReferenceError(`stored value ${key}: found nothing, expected the value that was stored there`);
  if (createHash('sha256').update(bytes).digest('hex') !== sha256)
    throw new BadReferenceError(`stored value ${key}: its bytes are not those that were stored`);
  return bytes;
}
