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
  if (!RUN_ID.test(id) && !JOB_ID.test(id)) throw notFound(id);
  return JOB_ID.test(id) ? locateJob(runs, tenant, id) : locateOne(runs, tenant, id);
}

/**
 * Makes a run the current one of its job.
 * @param after the one that it is now. False: another retry was quicker.
 */
export async function moveJob(runs: Runs, jobId: string, after: RunRecord, runId: string): Promise<boolean> {
  const key = jobKey(jobId);
  const expiresAt = runs.expiresAt();
  const attempts = (after.attempt ?? 1) + 1;
  const first: JsonObject = { id: jobId, runId, attempts, createdAtMs: after.createdAtMs };
  if (after.id === firstRunIdOf(jobId) && (await runs.store.put(key, first, { absent: true }, expiresAt))) return true;
  return (await runs.store.update(key, { set: { runId, attempts }, expiresAt }, { equals: { runId: after.id } })) !== undefined;
}

export function notFound(id: string): ApiError {
  // An id that is none may be anything that a client sends.
  const shown = JSON.stringify(id.slice(0, 40));
  return new ApiError('not_found', `run ${shown}: there is no such run. \`GET /api/v2/orchestrate/run\` lists those there are.`);
}

async function locateOne(runs: Runs, tenant: string, id: string): Promise<Located> {
  const [body] = await runs.store.read([runRecordKey(id)]);
  const run = body && asRun(body);
  if (!run || tenantOf(run) !== tenant) throw notFound(id);
  const jobId = jobIdOfRun(run);
  const [job] = await runs.store.read([jobKey(jobId)]);
  const currentId = currentRunOf(job);
  const current = currentId === undefined || currentId === id ? run : await findRun(runs, currentId);
  return { run, job: jobState(jobId, current ?? run, job) };
}

async function locateJob(runs: Runs, tenant: string, jobId: string): Promise<Located> {
  const firstId = firstRunIdOf(jobId);
  const [job, first] = await runs.store.read([jobKey(jobId), runRecordKey(firstId)]);
  const currentId = currentRunOf(job);
  const run = currentId === undefined ? first && asRun(first) : await findRun(runs, currentId);
  // A later attempt's id behind the other prefix is no job's.
  if (!run || tenantOf(run) !== tenant || jobIdOfRun(run) !== jobId) throw notFound(jobId);
  return { run, job: jobState(jobId, run, job) };
}

function currentRunOf(job: JsonObject | undefined): string | undefined {
  return typeof job?.['runId'] === 'string' ? job['runId'] : undefined;
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
