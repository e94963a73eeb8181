// Running a job again: a new run, which goes on where the last one failed if that is safe, else begins anew.
//
//   R1. It goes on only from a run of which nothing was undone and nothing is in doubt: then every step either was done, and its record answers
//       it, or was not, and is called.
//   R2. The new run's id follows from the old one's: two retries of one run are one.

import { sleep } from '../clock.ts';
import { ApiError } from '../contract/index.ts';
import { dedupeName } from '../protocol/run-id.ts';
import {
  findRun,
  isFinal,
  listSteps,
  type RunRecord,
  type Runs,
  readValue,
  type StepRecord,
  tenantOf,
  unescapeReserved,
} from '../runs/index.ts';
import { checkInput, findEntry, throttled, withdrawIfThrottled } from './accept-run.ts';
import { type Located, locateRun, moveJob } from './jobs.ts';
import { type Caller, type RequestSource, ThrottledError } from './ports.ts';
import { appendReceipt } from './receipts.ts';
import type { Accepted } from './service.ts';
import type { ServiceParts } from './service-parts.ts';
import { prepareInput, type RunFacts, startExpressRun, startRun } from './start-run.ts';

/** How long calls are waited for that were in flight when their run ended. */
const IN_FLIGHT_MS = 5_000;
const POLL_MS = 100;

/** `Service.retry`. */
export async function retryRun(parts: ServiceParts, caller: Caller, source: RequestSource, id: string): Promise<Accepted> {
  const { runs } = parts;
  const located = await locateRun(runs, caller.tenant, id);
  refuseUnlessFailed(located);
  const { run, job } = located;
  const workflow = await findEntry(parts, run.workflow);
  const input = unescapeReserved((await readValue(runs, run.id, 'INPUT')) ?? null);
  checkInput(workflow, input);
  const express = workflow.execution === 'express';
  const goesOn = !express && (await canGoOn(runs, run));
  const newId = dedupeName(run.workflow, `retry ${run.id}`);
  const subject = { job_id: job.id, workflow: run.workflow, retry_of: run.id, from: goesOn ? 'failed step' : 'start' };
  const facts: RunFacts = {
    tenant: tenantOf(run),
    mode: 'async',
    jobId: job.id,
    attempt: (run.attempt ?? 1) + 1,
    retryOf: run.id,
    receipt: await appendReceipt(parts.audit, caller, source, 'retry', subject),
    ...(goesOn ? { reuse: run.id } : {}),
    ...(run.request === undefined ? {} : { request: run.request }),
  };
  const deadlineMs = runs.clock.now() + workflow.timeoutMs;
  try {
    let runId = newId;
    if (express) {
      runId = await startExpressRun(parts, workflow, newId, input, () => facts);
      await moveJob(runs, job.id, run, runId, deadlineMs);
    } else {
      const prepared = await prepareInput(runs, newId, workflow, input);
      if (!(await moveJob(runs, job.id, run, newId, deadlineMs))) throw new ApiError('conflict', `run ${run.id}: it was retried just now.`);
      await withdrawIfThrottled(parts, newId, () => startRun(parts, workflow, newId, prepared, facts));
    }
    return { jobId: job.id, runId, mode: 'async', repeated: false };
  } catch (error) {
    throw error instanceof ThrottledError ? throttled(run.workflow, error) : error;
  }
}

/** @throws ApiError conflict */
function refuseUnlessFailed({ run, job }: Located): void {
  if (job.runId !== run.id) throw new ApiError('conflict', `run ${run.id}: it was retried by ${job.runId}; retry that one.`);
  if (!isFinal(run.status)) throw new ApiError('conflict', `run ${run.id}: it is ${run.status}; only a run that has ended can be retried.`);
  if (run.status === 'completed') throw new ApiError('conflict', `run ${run.id}: it is completed; start a new one instead.`);
}

/** R1. A run that owes something, or that was undone, is retried from its start. Calls that were in flight at its end are waited for a moment. */
async function canGoOn(runs: Runs, run: RunRecord): Promise<boolean> {
  const { clock } = runs;
  const until = clock.now() + IN_FLIGHT_MS;
  for (;;) {
    const standing = await standingOf(runs, run);
    if (standing !== 'in flight' || clock.now() >= until) return standing === 'settled';
    await sleep(clock, POLL_MS);
  }
}

/** `in flight`: a call is not over that nobody waits for any more. `open`: something was undone, or is in doubt. */
type Standing = 'settled' | 'in flight' | 'open';

async function standingOf(runs: Runs, { id, status }: RunRecord): Promise<Standing> {
  if (status !== 'failed' && status !== 'cancelled' && status !== 'completed') return 'open';
  let worst: Standing = 'settled';
  for (const step of await listSteps(runs, id)) {
    const standing = await standingOfStep(runs, step);
    if (standing === 'open') return 'open';
    if (standing === 'in flight') worst = standing;
  }
  return worst;
}

async function standingOfStep(runs: Runs, { state, undoState, child }: StepRecord): Promise<Standing> {
  if (undoState !== undefined) return 'open';
  switch (state) {
    case 'done':
    case 'not_performed':
    case 'skipped':
      return 'settled';
    case 'started':
      return 'in flight';
    case 'child': {
      const record = child === undefined ? undefined : await findRun(runs, child);
      return record ? standingOf(runs, record) : 'settled';
    }
    case 'waiting':
    case 'unknown':
    case 'done_late':
      return 'open';
  }
}
