// Where the records of a run stand in the store.
//
//   K1. Everything of a run is in one partition, named by its public id, so that a run is found by the id that people see, also before
//       it has an execution (queued). The RUN record names the execution; a message of another execution under the same id is refused.
//   K2. Text order of the sort keys is the order to read in: steps by place, events by number.

import { hash } from 'node:crypto';
import { publicRunId } from '../protocol/run-id.ts';
import type { RunRef } from '../protocol/step-message.ts';
import type { Key } from '../store/index.ts';
import { DEFAULT_TENANT } from './records.ts';

/** Digits of an event's number: a Standard execution has at most 25,000 history events. */
const EVENT_DIGITS = 8;

/** Shards of the two lists of runs, so that no partition takes every write of a busy account. */
export const LIST_SHARDS = 4;

const RUN_SK = 'RUN';
const STEP_PREFIX = 'STEP#';
export const EVENT_PREFIX = 'EVENT#';
export const CHECKPOINT_PREFIX = 'CHECKPOINT#';

/** A run as the messages name it, with its place in the store. */
export interface RunKey {
  /** Public id. */
  id: string;
  pk: string;
  execution: string;
  /** As Step Functions wrote it. */
  startTime: string;
  startMs: number;
  /** W3C trace id: one trace per run, the same whenever it is made again. */
  traceId: string;
}

/** Public ids are hashes: kept for the runs that are busy at once. */
const KEPT = 1_000;
const known = new Map<string, RunKey>();

/** @throws Error when the start time is no date */
export function runKeyOf(ref: RunRef): RunKey {
  const [execution, startTime] = ref;
  const name = `${execution}|${startTime}`;
  const found = known.get(name);
  if (found) return found;
  const startMs = Date.parse(startTime);
  if (Number.isNaN(startMs))
    throw new Error(`run ${execution}: start time is ${JSON.stringify(startTime.slice(0, 40))}, expected an ISO 8601 time`);
  const id = publicRunId(ref);
  const key = { id, pk: runPartition(id), execution, startTime, startMs, traceId: hash('sha256', id).slice(0, 32) };
  known.set(name, key);
  if (known.size > KEPT) known.delete(known.keys().next().value ?? '');
  return key;
}

export function runPartition(id: string): string {
  return `RUN#${id}`;
}

export function runRecordKey(id: string): Key {
  return { pk: runPartition(id), sk: RUN_SK };
}

export function stepKey(id: string, at: string): Key {
  return { pk: runPartition(id), sk: STEP_PREFIX + at };
}

export function eventKey(id: string, number: number): Key {
  return { pk: runPartition(id), sk: EVENT_PREFIX + String(number).padStart(EVENT_DIGITS, '0') };
}

export function checkpointKey(id: string, at: string): Key {
  return { pk: runPartition(id), sk: CHECKPOINT_PREFIX + at };
}

/** The run's input or output: items of their own, so that the RUN record stays small enough to be read with every step. */
export function valueKey(id: string, which: 'INPUT' | 'OUTPUT'): Key {
  return { pk: runPartition(id), sk: which };
}

/** Finds the public id of an execution whose name is none and whose start time was written unusually. */
export function executionKey(execution: string, startMs: number): Key {
  return { pk: `EXECUTION#${execution}`, sk: String(startMs) };
}

/** All runs of a tenant, newest last: a list shows nothing of another tenant, in its cursor neither. */
export function allRunsPartition(shard: number, tenant: string): string {
  return tenant === DEFAULT_TENANT ? `RUNS#${shard}` : `RUNS#${shard}#${tenant}`;
}

/** Runs that have not ended, or to which something is owed. */
export function openRunsPartition(shard: number): string {
  return `OPEN#${shard}`;
}

/** Order in the lists: by creation, then id. */
export function listSk(createdAtMs: number, id: string): string {
  return `${String(createdAtMs).padStart(14, '0')}#${id}`;
}

export function shardOf(id: string): number {
  let sum = 0;
  for (let index = Math.max(0, id.length - 4); index < id.length; index++) sum += id.charCodeAt(index);
  return sum % LIST_SHARDS;
}
