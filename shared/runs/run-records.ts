// RUN records: making them, finding them, ending them.

import type { Json, JsonObject } from '../json.ts';
import type { RunLink, RunRef } from '../protocol/step-message.ts';
import type { Key } from '../store/index.ts';
import { appendEnd } from './end-event.ts';
import {
  allRunsPartition,
  executionKey,
  listSk,
  openRunsPartition,
  type RunKey,
  runKeyOf,
  runRecordKey,
  shardOf,
  stepKey,
  valueKey,
} from './keys.ts';
import { closeList } from './open-list.ts';
import { asRun, asStep, DEFAULT_TENANT, type ErrorInfo, type RunRecord, type RunStatus, type StepRecord, tenantOf } from './records.ts';
import type { Runs } from './runs.ts';
import { isStored, loadStored, storeValue } from './values.ts';

/** Bytes of an input or output that a record holds; DynamoDB's items end at 400 KB. */
const INLINE_BYTES = 200_000;

/** Two starts of one ARN that are closer than this are one execution's: a name is taken for 90 days. */
const SAME_START_MS = 1_000;

export interface NewRun {
  /** Which execution; left out for a run that is only queued: then `id` names it. */
  run?: RunRef;
  id?: string;
  workflow: string;
  version?: string | null;
  input?: Json;
  /** Epoch ms. */
  deadlineMs?: number;
  /** Epoch ms: how late the deadline of a run may be that has not begun and so has none yet. Its records are kept for that long. */
  latestMs?: number;
  link?: RunLink | null;
  tenant?: string;
  mode?: string;
  jobId?: string;
  planId?: string;
  attempt?: number;
  retryOf?: string;
  reuse?: string;
  receipt?: Json;
  request?: Json;
}

/** How a run ended. */
export interface RunEnd {
  status: RunStatus;
  output?: Json;
  error?: ErrorInfo;
  report?: Json;
  /** Its execution goes on and has to be stopped. */
  forced?: true;
}

/** A message names a run whose id belongs to another execution: its records and idempotency keys would be shared. */
export class ForeignRunError extends Error {
  override readonly name = 'ForeignRunError';

  constructor({ id, execution, startTime }: RunKey) {
    super(`run ${id}: it belongs to another execution than ${execution} started ${startTime}; start this one under a name of its own`);
  }
}

/**
 * Records a run that is queued (no `run`) or has begun. Idempotent: a run that is known already is left as it is, but a queued one
 * that has begun gets its execution. Answers the record as it then is.
 * @throws ForeignRunError; Error when neither `run` nor `id` is given
 */
export async function createRun(runs: Runs, made: NewRun): Promise<RunRecord> {
  const key = made.run ? runKeyOf(made.run) : undefined;
  const id = key?.id ?? made.id;
  if (id === undefined) throw new Error('createRun: found neither an execution nor an id, expected one of them');
  const [known] = await runs.store.read([runRecordKey(id)]);
  if (known) return key ? startQueued(runs, key, made) : asRun(known);
  const now = runs.clock.now();
  const parent = made.link?.parent;
  const record = newRecord(id, key, parent ? { ...made, ...(await inherited(runs, parent)) } : made, now);
  const keptForMs = record.deadlineMs ?? made.latestMs;
  const expiresAt = runs.expiresAt(keptForMs);
  const { store } = runs;
  if (made.input !== undefined) await putValue(runs, id, 'INPUT', made.input, expiresAt);
  const shard = shardOf(id);
  const listed = { id, workflow: made.workflow };
  // On the list first: a run whose maker dies half way is still found by the sweep.
  const open = { pk: openRunsPartition(shard), sk: listSk(now, id) };
  const opened = await store.put(open, listed, { absent: true }, expiresAt);
  // And by people. An entry whose record never came, or came with another time, is passed over.
  await store.put({ pk: allRunsPartition(shard, record.tenant ?? DEFAULT_TENANT), sk: open.sk }, listed, undefined, expiresAt);
  // So is what finds it: a record that is there already is never completed, so nothing that an undo needs may come after it.
  if (key && needsLookup(key)) await store.put(executionKey(key.execution, key.startMs), { id }, undefined, expiresAt);
  if (parent) await tellParent(runs, id, made.workflow, parent, made.link);
  if (!(await store.put(runRecordKey(id), record, { absent: true }, expiresAt))) {
    const other = await readRun(runs, id);
    // Made in the same millisecond, both have the same entry: then it is the other's too.
    if (opened && other.createdAtMs !== now) await store.delete(open);
    return key ? startQueued(runs, key, made) : other;
  }
  const run = asRun(record);
  runs.begin(id);
  if (made.jobId !== undefined && made.attempt === undefined) await runs.append(id, 'job.created', { workflow: made.workflow }, keptForMs);
  await runs.append(id, key ? 'run.started' : 'run.queued', { workflow: made.workflow }, keptForMs);
  return run;
}

/** The record of the run that a message names, made if nobody has announced it. @throws ForeignRunError */
export async function ensureRun(runs: Runs, ref: RunRef, body: JsonObject | undefined, deadlineMs?: number): Promise<RunRecord> {
  const key = runKeyOf(ref);
  if (body) {
    const record = asRun(body);
    if (isExecution(record, key)) return record;
    if (record.execution !== null) throw new ForeignRunError(key);
  }
  const link = ref[2] ?? null;
  return createRun(runs, {
    run: ref,
    workflow: await runs.workflowOf(key.execution),
    link,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
}

/** @throws Error when there is none */
export async function readRun(runs: Runs, id: string): Promise<RunRecord> {
  const record = await findRun(runs, id);
  if (!record) throw new Error(`run ${id}: found no record of it`);
  return record;
}

export async function findRun(runs: Runs, id: string): Promise<RunRecord | undefined> {
  const [body] = await runs.store.read([runRecordKey(id)]);
  return body && asRun(body);
}

/** The public id of an execution as an event names it: by ARN and start in ms. */
export async function findRunId(runs: Runs, execution: string, startMs: number): Promise<string> {
  const canonical = runKeyOf([execution, new Date(startMs).toISOString()]);
  const [named, listed] = await runs.store.read([runRecordKey(canonical.id), executionKey(execution, startMs)]);
  const id = listed?.['id'];
  return !named && typeof id === 'string' ? id : canonical.id;
}

/** A run's input or output; undefined where none is recorded. */
export async function readValue(runs: Runs, id: string, which: 'INPUT' | 'OUTPUT'): Promise<Json | undefined> {
  const [body] = await runs.store.read([valueKey(id, which)]);
  if (!body) return undefined;
  const value = body['value'] ?? null;
  return body['stored'] === true && isStored(value) ? loadStored(runs.blobs, id, value) : value;
}

/** The steps of a run in place order; below one place if it is given. */
export async function listSteps(runs: Runs, id: string, below?: string): Promise<StepRecord[]> {
  const items = await runs.store.list(stepKey(id, '').pk, { prefix: stepKey(id, below ?? '').sk });
  return items.map((item) => asStep(item.body));
}

/**
 * Writes how a run ended, once: false when it had ended before. The run's last event goes out with it, and it leaves the list of open runs
 * (unless that is for the one who tells others).
 * @param from statuses that it may be in; default all that are not final
 */
export async function endRun(
  runs: Runs,
  run: RunRecord,
  end: RunEnd,
  from: RunStatus[] = ['queued', 'running', 'waiting_checkpoint', 'compensating'],
): Promise<boolean> {
  if (end.output !== undefined) await putValue(runs, run.id, 'OUTPUT', end.output, runs.expiresAt(run.deadlineMs));
  const set: JsonObject = { status: end.status, endedAtMs: runs.clock.now(), claimBy: null };
  if (end.error) set['error'] = end.error;
  if (end.forced) set['forced'] = true;
  if (end.report !== undefined) Object.assign(set, { report: end.report, reported: true });
  const written = await runs.store.update(runRecordKey(run.id), { set }, { oneOf: { status: from } });
  if (!written) return false;
  if (!runs.announceEnds) await closeList(runs, run);
  await appendEnd(runs, run, end.status, end.error?.error);
  return true;
}

async function putValue(runs: Runs, id: string, which: 'INPUT' | 'OUTPUT', value: Json, expiresAt: number): Promise<void> {
  const large = JSON.stringify(value).length * 3 > INLINE_BYTES && Buffer.byteLength(JSON.stringify(value)) > INLINE_BYTES;
  const body = large ? { value: await storeValue(runs.blobs, `${id}/${which}`, value), stored: true } : { value };
  await runs.store.put(valueKey(id, which), body, undefined, expiresAt);
}

/** What is known of a run beside its execution and its workflow. */
function factsOf(made: NewRun): JsonObject {
  const optional: { [name: string]: Json | undefined } = {
    tenant: made.tenant === DEFAULT_TENANT ? undefined : made.tenant,
    mode: made.mode,
    jobId: made.jobId,
    planId: made.planId,
    attempt: made.attempt,
    retryOf: made.retryOf,
    reuse: made.reuse,
    receipt: made.receipt,
    request: made.request,
    link: made.link ? ({ ...made.link } as JsonObject) : undefined,
  };
  const facts: JsonObject = {};
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) facts[name] = value;
  return facts;
}

type NewRecord = JsonObject & { deadlineMs?: number; tenant?: string };

function newRecord(id: string, key: RunKey | undefined, made: NewRun, now: number): NewRecord {
  const record: NewRecord = {
    id,
    execution: key?.execution ?? null,
    startTime: key?.startTime ?? null,
    workflow: made.workflow,
    version: made.version ?? null,
    status: key ? 'running' : 'queued',
    createdAtMs: now,
  };
  Object.assign(record, factsOf(made));
  if (key) record['startedAtMs'] = key.startMs;
  if (made.deadlineMs !== undefined) record.deadlineMs = made.deadlineMs;
  return record;
}

/** What a child takes over from the run that started it: whose it is and, where that one goes on from an earlier run, that one's child. */
async function inherited(runs: Runs, { run, at }: NonNullable<RunLink['parent']>): Promise<Pick<NewRun, 'tenant' | 'reuse'>> {
  const record = await findRun(runs, run);
  if (!record) return {};
  const reuse = (await findReusable(runs, record, at))?.step.child;
  return { tenant: tenantOf(record), ...(reuse === undefined ? {} : { reuse }) };
}

/**
 * The record of a step in the run that this one goes on from or, where that one did not come so far, in the one before it.
 * Undefined for a run that goes on from none.
 */
export async function findReusable(runs: Runs, run: RunRecord, at: string): Promise<{ runId: string; step: StepRecord } | undefined> {
  const found = await findEarlier(runs, run, (id) => stepKey(id, at));
  return found && { runId: found.runId, step: asStep(found.body) };
}

/** The item of a key in the nearest of the runs that this one goes on from. */
export async function findEarlier(
  runs: Runs,
  run: RunRecord,
  keyIn: (runId: string) => Key,
): Promise<{ runId: string; body: JsonObject } | undefined> {
  for (let from = run.reuse; from !== undefined; ) {
    const [before, body] = await runs.store.read([runRecordKey(from), keyIn(from)]);
    if (body) return { runId: from, body };
    from = before ? asRun(before).reuse : undefined;
  }
  return undefined;
}

/** A queued run has begun. */
async function startQueued(runs: Runs, key: RunKey, made: NewRun): Promise<RunRecord> {
  const set: JsonObject = { execution: key.execution, startTime: key.startTime, status: 'running', startedAtMs: key.startMs };
  if (made.deadlineMs !== undefined) set['deadlineMs'] = made.deadlineMs;
  const body = await runs.store.update(runRecordKey(key.id), { set }, { equals: { execution: null, status: 'queued' } });
  if (body) {
    if (needsLookup(key))
      await runs.store.put(executionKey(key.execution, key.startMs), { id: key.id }, undefined, runs.expiresAt(made.deadlineMs));
    await runs.append(key.id, 'run.started', { workflow: made.workflow }, made.deadlineMs);
    return asRun(body);
  }
  const record = await readRun(runs, key.id);
  // Cancelled before it began: the execution finds the run ended and is refused, step by step.
  if (record.execution === null) return record;
  if (!isExecution(record, key)) throw new ForeignRunError(key);
  return made.jobId !== undefined && record.jobId === undefined ? adopt(runs, record, made) : record;
}

/** A run whose first step was quicker than whoever started it, as it can be with Express: what that one knows of it is added. */
async function adopt(runs: Runs, record: RunRecord, made: NewRun): Promise<RunRecord> {
  const { store } = runs;
  const { id, createdAtMs, workflow } = record;
  const expiresAt = runs.expiresAt(made.deadlineMs);
  if (made.input !== undefined) await putValue(runs, id, 'INPUT', made.input, expiresAt);
  const set: JsonObject = { ...factsOf(made), version: made.version ?? null };
  if (made.deadlineMs !== undefined) set['deadlineMs'] = made.deadlineMs;
  const body = await store.update(runRecordKey(id), { set, expiresAt }, { equals: { jobId: null } });
  const adopted = body ? asRun(body) : await readRun(runs, id);
  if (tenantOf(adopted) !== tenantOf(record)) {
    const sk = listSk(createdAtMs, id);
    await store.put({ pk: allRunsPartition(shardOf(id), tenantOf(adopted)), sk }, { id, workflow }, undefined, expiresAt);
    await store.delete({ pk: allRunsPartition(shardOf(id), tenantOf(record)), sk });
  }
  return adopted;
}

/**
 * The record is this execution's. Its start may be on record as the API told it, which need not be written as the states see it; no other
 * execution has the same ARN within a second of it.
 */
function isExecution(record: RunRecord, key: RunKey): boolean {
  if (record.execution !== key.execution || record.startTime === null) return false;
  return record.startTime === key.startTime || Math.abs(Date.parse(record.startTime) - key.startMs) < SAME_START_MS;
}

/** An event tells ARN and start in ms; from these the id follows, unless it is a hash over a start that was written otherwise. */
function needsLookup(key: RunKey): boolean {
  return key.startTime !== new Date(key.startMs).toISOString() && !key.execution.endsWith(`:${key.id}`);
}

/** The parent's record of its `workflow` step: by it the undo finds the child. */
async function tellParent(
  runs: Runs,
  child: string,
  workflow: string,
  parent: NonNullable<RunLink['parent']>,
  link: RunLink | null | undefined,
): Promise<void> {
  const now = runs.clock.now();
  const record = {
    step: parent.step ?? workflow,
    at: parent.at,
    kind: 'workflow',
    state: 'child',
    attempt: 0,
    owner: '',
    leaseUntilMs: 0,
    startedAtMs: now,
    child,
    ...(link?.undo ? { undo: link.undo } : {}),
  };
  const expiresAt = runs.expiresAt(link?.deadline);
  await runs.store.put(stepKey(parent.run, parent.at), record as unknown as JsonObject, { absent: true }, expiresAt);
}
