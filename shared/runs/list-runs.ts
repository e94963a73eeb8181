// Lists of runs: all of them for people, newest first, and those that have not ended for the sweep.
//
//   L1. A list is in shards, so that no partition takes every write; a page is the merge of one page of each.
//   L2. Lists hold ids only. What a run is now, its record says: filters look at that.

import type { Key } from '../store/index.ts';
import { allRunsPartition, LIST_SHARDS, listSk, openRunsPartition, runRecordKey } from './keys.ts';
import { asRun, DEFAULT_TENANT, type RunRecord, type RunStatus, tenantOf } from './records.ts';
import type { Runs } from './runs.ts';

/** Records read in one request. */
const BATCH = 100;
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
/** Entries looked at for one page: a filter that few runs pass answers a short page with a cursor rather than none at all. */
const MAX_LOOKED_AT = 2_000;

export interface ListRunsOptions {
  status?: RunStatus;
  workflow?: string;
  /** Epoch ms: only runs made at or after it. */
  sinceMs?: number;
  /** Whose runs; default those without a tenant. */
  tenant?: string;
  /** 1 to 100; default 20. */
  limit?: number;
  /** From an earlier answer. */
  cursor?: string;
}

export interface RunPage {
  /** Newest first. */
  runs: RunRecord[];
  /** Undefined at the end of the list. */
  cursor?: string;
}

/** @throws RangeError when the cursor is none that was given out, or the limit is out of range */
export async function listRuns(runs: Runs, options: ListRunsOptions = {}): Promise<RunPage> {
  const limit = options.limit ?? DEFAULT_LIMIT;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) throw new RangeError(`limit: found ${limit}, expected 1 to ${MAX_LIMIT}`);
  if (options.cursor !== undefined && !/^\d{14}#\S+$/.test(options.cursor))
    throw new RangeError('cursor: expected one from an earlier answer');
  const tenant = options.tenant ?? DEFAULT_TENANT;
  const found: RunRecord[] = [];
  let before = options.cursor;
  for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; ) {
    const page = await pageBefore(runs, tenant, before, BATCH);
    lookedAt += page.length;
    const records = await readRecords(
      runs,
      page.map(({ id }) => id),
    );
    for (const { sk, id } of page) {
      if (options.sinceMs !== undefined && sk < listSk(options.sinceMs, '')) return { runs: found };
      before = sk;
      const record = records.get(id);
      if (record && isEntryOf(sk, record) && tenantOf(record) === tenant && matches(record, options)) found.push(record);
      if (found.length === limit) return { runs: found, cursor: sk };
    }
    if (page.length < BATCH) return { runs: found };
  }
  return { runs: found, ...(before === undefined ? {} : { cursor: before }) };
}

/**
 * Runs on the sweep's list, with the record where there is one. Entries that are added meanwhile may be missed until the next time.
 * @param turn with which shard is begun: one that has not the time for all of them begins with another each time
 */
export async function* listOpenRuns(runs: Runs, turn = 0): AsyncGenerator<{ key: Key; createdAtMs: number; run: RunRecord | undefined }> {
  for (let count = 0; count < LIST_SHARDS; count++) {
    const shard = (turn + count) % LIST_SHARDS;
    let after: string | undefined;
    for (;;) {
      const items = await runs.store.list(openRunsPartition(shard), { limit: BATCH, ...(after === undefined ? {} : { after }) });
      const records = await readRecords(
        runs,
        items.map(({ body }) => String(body['id'])),
      );
      for (const { pk, sk, body } of items)
        yield { key: { pk, sk }, createdAtMs: Number(sk.slice(0, 14)), run: records.get(String(body['id'])) };
      after = items.at(-1)?.sk;
      if (items.length < BATCH) break;
    }
  }
}

/** The next entries of the merged list, newest first. */
async function pageBefore(runs: Runs, tenant: string, before: string | undefined, limit: number): Promise<{ sk: string; id: string }[]> {
  const shards = await Promise.all(
    Array.from({ length: LIST_SHARDS }, (_, shard) =>
      runs.store.list(allRunsPartition(shard, tenant), { reverse: true, limit, ...(before === undefined ? {} : { after: before }) }),
    ),
  );
  const entries = shards.flat().map(({ sk, body }) => ({ sk, id: String(body['id']) }));
  return entries.sort((a, b) => (a.sk < b.sk ? 1 : -1)).slice(0, limit);
}

async function readRecords(runs: Runs, ids: string[]): Promise<Map<string, RunRecord>> {
  const bodies = ids.length === 0 ? [] : await runs.store.read(ids.map(runRecordKey));
  const records = new Map<string, RunRecord>();
  for (const body of bodies) {
    if (!body) continue;
    const record = asRun(body);
    records.set(record.id, record);
  }
  return records;
}

/** An entry of another time was made by who died before the record, which was then made again. */
export function isEntryOf(sk: string, { createdAtMs, id }: RunRecord): boolean {
  return sk === listSk(createdAtMs, id);
}

function matches(record: RunRecord, { status, workflow }: ListRunsOptions): boolean {
  return (status === undefined || record.status === status) && (workflow === undefined || record.workflow === workflow);
}
