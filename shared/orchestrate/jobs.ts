// Jobs and the runs of them: from an id of either to the record, within one tenant.
//
//   J1. A job whose first run is its only one has no record: its id, its tenant and all else follow from that run (ids.ts, N2), so that starting
//       costs no write for it. A retry writes the JOB record, which names the current run.

import { ApiError, firstRunIdOf, JOB_ID, RUN_ID } from '../contract/index.ts';
import type { JsonObject } from '../json.ts';
import { asRun, findRun, type RunRecord, type RunStatus, type Runs, runRecordKey, tenantOf } from '../runs/index.ts';
import type { Key } from '../store/index.ts';
import { jobIdOfRun } from './envelope.ts';

/** A run and its job. */
export interface Located {
  run: RunRecord;
  job: JobState;
}

export interface JobState {
  id: string;
  createdAtMs: number;
  /** The job's current run: an earlier one may have been asked for by its own id. */
  runId: string;
  status: RunStatus;
}

/**
 * The run of an id: a run's own, or a job's, which stands for its current run.
 * @throws ApiError not_found, also for a run of another tenant
 */
export async function locateRun(runs: Runs, tenant: string, id: string): Promise<Located> {
  const located = await findLocated(runs, id);
  if (!located || tenantOf(located.run) !== tenant) throw notFound(id);
  return located;
}

/** The same of every tenant: for who holds the records themselves. */
export async function findLocated(runs: Runs, id: string): Promise<Located | undefined> {
  if (JOB_ID.test(id)) return findJob(runs, id);
  return RUN_ID.test(id) ? findOne(runs, id) : undefined;
}

/**
 * Makes a run the current one of its job, before it is made itself. False: another retry was quicker, with another run.
 * @param after the run that is the current one now
 * @param deadlineMs of the new run, epoch ms
 */
export async function moveJob(runs: Runs, jobId: string, after: RunRecord, runId: string, deadlineMs: number): Promise<boolean> {
  const key = jobKey(jobId);
  const expiresAt = runs.expiresAt(deadlineMs);
  const attempts = (after.attempt ?? 1) + 1;
  const set = { runId, attempts, before: after.id };
  const first: JsonObject = { id: jobId, createdAtMs: after.createdAtMs, ...set };
  if (after.id === firstRunIdOf(jobId) && (await runs.store.put(key, first, { absent: true }, expiresAt))) return true;
  if (await runs.store.update(key, { set, expiresAt }, { equals: { runId: after.id } })) return true;
  const [job] = await runs.store.read([key]);
  return job?.['runId'] === runId;
}

export function notFound(id: string): ApiError {
  // An id that is none may be anything that a client sends.
  const shown = JSON.stringify(id.slice(0, 40));
  return new ApiError('not_found', `run ${shown}: there is no such run. \`GET /api/v2/orchestrate/run\` lists those there are.`);
}

async function findOne(runs: Runs, id: string): Promise<Located | undefined> {
  const run = await findRun(runs, id);
  if (!run) return undefined;
  const jobId = jobIdOfRun(run);
  const [job] = await runs.store.read([jobKey(jobId)]);
  return { run, job: jobState(jobId, (await currentRun(runs, job)) ?? run, job) };
}

async function findJob(runs: Runs, jobId: string): Promise<Located | undefined> {
  const [job, first] = await runs.store.read([jobKey(jobId), runRecordKey(firstRunIdOf(jobId))]);
  const run = (await currentRun(runs, job)) ?? (first && asRun(first));
  // A later attempt's id behind the other prefix is no job's.
  if (!run || jobIdOfRun(run) !== jobId) return undefined;
  return { run, job: jobState(jobId, run, job) };
}

/** Whoever moved the job may have died before its new run was on record: then it is where it was. */
async function currentRun(runs: Runs, job: JsonObject | undefined): Promise<RunRecord | undefined> {
  for (const id of [job?.['runId'], job?.['before']]) {
    const run = typeof id === 'string' ? await findRun(runs, id) : undefined;
    if (run) return run;
  }
  return undefined;
}

function jobState(id: string, current: RunRecord, job: JsonObject | undefined): JobState {
  const createdAtMs = job?.['createdAtMs'];
  return {
    id,
    createdAtMs: typeof createdAtMs === 'number' ? createdAtMs : current.createdAtMs,
    runId: current.id,
    status: current.status,
  };
}

function jobKey(jobId: string): Key {
  return { pk: `JOB#${jobId}`, sk: 'JOB' };
}
