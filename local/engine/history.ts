// The events of an execution: what the journal keeps, and what AWS shows of it (GetExecutionHistory).
//
// An entry of the journal is `[id, previous, type, at, thread, details]`. In `details` a payload is plain JSON, written once:
// `"output^": 7` says that it stands in event 7, `"output^": [7, "Payload"]` under that key of it. Keys that begin with `~` and
// entries with id 0 are the engine's own notes and are not shown.

import type { Json, JsonObject } from '../../shared/json.ts';
import type { PayloadRef } from './payload.ts';

export interface Entry {
  id: number;
  previous: number;
  type: string;
  /** Epoch ms. */
  at: number;
  thread: number;
  details: JsonObject;
}

/** One event as the AWS API names it. `timestamp` is epoch seconds with ms. */
export interface HistoryEvent {
  timestamp: number;
  type: string;
  id: number;
  previousEventId: number;
  [details: string]: Json;
}

const PAYLOAD_KEYS = ['input', 'output', 'parameters'] as const;

/** Reads one row of the journal. */
export function readEntries(row: string): Entry[] {
  const tuples = JSON.parse(`[${row}]`) as [number, number, string, number, number, JsonObject][];
  return tuples.map(([id, previous, type, at, thread, details]) => ({ id, previous, type, at, thread, details }));
}

/** Finds payloads by reference. */
export class PayloadIndex {
  readonly #entries = new Map<number, Entry>();
  readonly #input: Json;

  /** @param input the execution's own input: what event 1 holds */
  constructor(input: Json) {
    this.#input = input;
  }

  add(entry: Entry): void {
    if (entry.id !== 0) this.#entries.set(entry.id, entry);
  }

  /** The payload under `key` of an entry, wherever it stands; undefined when it has none. */
  find(details: JsonObject, key: string): { value: Json; ref: PayloadRef } | undefined {
    const ref = details[`${key}^`];
    if (ref === undefined) return undefined;
    return typeof ref === 'number' ? { value: this.#held(ref), ref } : this.#part(ref);
  }

  /** The value of `key`, direct or by reference. */
  read(details: JsonObject, key: string): Json | undefined {
    return details[key] !== undefined ? details[key] : this.find(details, key)?.value;
  }

  #part(ref: Json): { value: Json; ref: PayloadRef } | undefined {
    if (!Array.isArray(ref)) return undefined;
    const [id, key] = ref;
    if (String(key).startsWith('~'))
      return { value: this.#entries.get(Number(id))?.details[String(key)] ?? null, ref: [Number(id), String(key)] };
    const whole = this.#held(Number(id)) as JsonObject;
    return { value: whole[String(key)] ?? null, ref: [Number(id), String(key)] };
  }

  #held(id: number): Json {
    if (id === 1) return this.#input;
    const entry = this.#entries.get(id);
    if (!entry) throw new Error(`The journal refers to event ${id}, which it does not have`);
    for (const key of PAYLOAD_KEYS) {
      const value = this.read(entry.details, key);
      if (value !== undefined) return value;
    }
    throw new Error(`The journal refers to event ${id}, which holds no payload`);
  }
}

/** Which details an event shows, and under which name. */
const TEXTS = new Set<string>(PAYLOAD_KEYS);
const NOT_SHOWN = /^(?:(?:Map|Parallel)State(?:Succeeded|Failed|Aborted)|\w+StateAborted|ParallelStateStarted|LambdaFunctionStarted)$/;

function detailsName(type: string): string | undefined {
  if (NOT_SHOWN.test(type)) return undefined;
  if (type.endsWith('StateEntered')) return 'stateEnteredEventDetails';
  if (type.endsWith('StateExited')) return 'stateExitedEventDetails';
  return `${type.charAt(0).toLowerCase()}${type.slice(1)}EventDetails`;
}

/**
 * An event (not a note of the engine's own) as AWS shows it.
 * @param includeData false leaves inputs, outputs and parameters out, as `includeExecutionData: false` does
 */
export function showEntry(entry: Entry, index: PayloadIndex, includeData = true): HistoryEvent {
  const event: HistoryEvent = { timestamp: entry.at / 1000, type: entry.type, id: entry.id, previousEventId: entry.previous };
  const name = detailsName(entry.type);
  if (name === undefined) return event;
  const details: JsonObject = {};
  const withInput = entry.type !== 'MapIterationStarted';
  for (const key of Object.keys(entry.details)) {
    const field = key.endsWith('^') ? key.slice(0, -1) : key;
    if (field.startsWith('~')) continue;
    if (field === 'assignedVariables') showAssigned(details, entry.details, index, includeData);
    else if (!TEXTS.has(field)) details[field] = entry.details[field] ?? null;
    else if (withInput) {
      if (includeData) details[field] = JSON.stringify(index.read(entry.details, field));
      if (field !== 'parameters') details[`${field}Details`] = { truncated: false };
    }
  }
  event[name] = details;
  return event;
}

function showAssigned(details: JsonObject, from: JsonObject, index: PayloadIndex, includeData: boolean): void {
  details['assignedVariablesDetails'] = { truncated: false };
  if (!includeData) return;
  const shown: JsonObject = {};
  for (const [name, value] of Object.entries(assignedOf(from, index))) shown[name] = JSON.stringify(value);
  details['assignedVariables'] = shown;
}

/** The variables that an exit assigned, by name. */
export function assignedOf(details: JsonObject, index: PayloadIndex): JsonObject {
  const packed = details['assignedVariables'] as JsonObject | undefined;
  const assigned: JsonObject = Object.create(null);
  for (const key of Object.keys(packed ?? {})) {
    const name = key.endsWith('^') ? key.slice(0, -1) : key;
    const value = packed ? index.read(packed, name) : undefined;
    if (value !== undefined) assigned[name] = value;
  }
  return assigned;
}

/** `"error":…,"cause":…` without what there is not. */
export function failureDetails(error: string | null, cause: string | null | undefined): string {
  const parts: string[] = [];
  if (error !== null) parts.push(`"error":${JSON.stringify(error)}`);
  if (cause !== null && cause !== undefined) parts.push(`"cause":${JSON.stringify(cause)}`);
  return parts.join(',');
}
