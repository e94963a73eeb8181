// Records → the lifecycle envelope: the same shape at every status, whoever asks. Reserved keys are as they were outside; tokens never get out.

import type { Checkpoint, Envelope, Orchestration, Run, RunMode, Step } from '../contract/index.ts';
import { jobIdOf, receiptSchema } from '../contract/index.ts';
import { isJsonObject, type Json } from '../json.ts';
import {
  BadReferenceError,
  checkpointStep,
  type ErrorInfo,
  findRun,
  isFinal,
  listCheckpoints,
  listSteps,
  loadStored,
  type RunCheckpoint,
  type RunRecord,
  type Runs,
  readValue,
  type StepRecord,
  unescapeReserved,
} from '../runs/index.ts';
import type { JobState } from './jobs.ts';
import { iso, messageText, stepView } from './step-view.ts';

/** What is read of a run beside its record. */
interface RunDetails {
  steps: Step[];
  input: Json;
  output: Json;
  error: Orchestration['error'];
  undo: Orchestration['undo'];
  /** Those that are open, the oldest first. */
  checkpoints: Checkpoint[];
}

/** Reads what belongs to a run's record. */
async function readDetails(runs: Runs, record: RunRecord): Promise<RunDetails> {
  const [steps, checkpoints, input, output] = await Promise.all([
    readSteps(runs, record.id),
    listCheckpoints(runs, record.id, record),
    readValue(runs, record.id, 'INPUT'),
    readValue(runs, record.id, 'OUTPUT'),
  ]);
  const open = checkpoints.filter(({ state }) => state === 'open');
  return {
    steps: [...steps, ...checkpoints.map((checkpoint) => stepView(checkpointStep(checkpoint)))].sort(byPlace),
    checkpoints: await Promise.all(open.map((checkpoint) => checkpointView(runs, record.id, checkpoint))),
    input: unescapeReserved(input ?? null),
    output: unescapeReserved(await whole(runs, record.id, output ?? null)),
    error: record.error ? errorView(record.error) : null,
    undo: undoView(record.report ?? null),
  };
}

/**
 * Reads the envelope of a run.
 * @param record as it is now
 */
export async function readEnvelope(runs: Runs, record: RunRecord, job: JobState): Promise<Envelope> {
  const { checkpoints, ...details } = await readDetails(runs, record);
  const run = runView(record, runs.clock.now());
  const receipt = receiptSchema.safeParse(record.receipt);
  return {
    object: 'orchestration',
    data: {
      job_id: run.job_id,
      run_id: run.id,
      plan_id: run.plan_id,
      status: run.status,
      job: {
        object: 'job',
        id: job.id,
        kind: 'orchestration',
        status: job.status,
        mode: run.mode,
        durability: 'persisted',
        run_id: job.runId,
        created_at: iso(job.createdAtMs),
      },
      run,
      ...details,
      pending_checkpoint: checkpoints[0] ?? null,
      pending_checkpoints: checkpoints,
      artifacts: [],
      cost: null,
      audit_receipt: receipt.success ? receipt.data : null,
    },
  };
}

/** A run without what it took and gave. @param nowMs for runs that go on */
export function runView(record: RunRecord, nowMs: number): Run {
  const { startedAtMs, endedAtMs, deadlineMs } = record;
  const lastMs = endedAtMs ?? (isFinal(record.status) ? undefined : nowMs);
  return {
    object: 'run',
    id: record.id,
    job_id: jobIdOfRun(record),
    status: record.status,
    mode: modeOf(record),
    workflow: record.workflow,
    version: record.version,
    plan_id: record.planId ?? null,
    execution: record.execution,
    created_at: iso(record.createdAtMs),
    started_at: startedAtMs === undefined ? null : iso(startedAtMs),
    completed_at: endedAtMs === undefined ? null : iso(endedAtMs),
    deadline: deadlineMs === undefined ? null : iso(deadlineMs),
    duration_ms: startedAtMs === undefined || lastMs === undefined ? null : Math.max(0, lastMs - startedAtMs),
    attempt: record.attempt ?? 1,
    retry_of: record.retryOf ?? null,
    cancel_requested: record.cancel === true,
    metadata: (isJsonObject(record.request) ? record.request['metadata'] : null) ?? null,
  };
}

/** The job of a run: runs that nobody asked for by the API have one too. */
export function jobIdOfRun(record: RunRecord): string {
  return record.jobId ?? jobIdOf(record.id);
}

const MODES: readonly RunMode[] = ['sync', 'async', 'queued', 'event', 'schedule'];

/** How the run was started. Runs that Maestro's service did not start say nothing of it. */
function modeOf({ mode, link }: RunRecord): RunMode {
  return MODES.find((known) => known === mode) ?? (link?.parent ? 'child' : 'external');
}

async function readSteps(runs: Runs, runId: string): Promise<Step[]> {
  const records = (await listSteps(runs, runId)).filter(({ kind }) => kind !== 'other');
  return Promise.all(records.map(async (step) => stepView(step, await childOf(runs, step))));
}

/** With what was stored for its size in its place; what another run stored, or is gone, stays a reference. */
async function whole(runs: Runs, runId: string, value: Json): Promise<Json> {
  try {
    return await loadStored(runs.blobs, runId, value);
  } catch (error) {
    if (error instanceof BadReferenceError) return value;
    throw error;
  }
}

function byPlace(a: Step, b: Step): number {
  return a.at < b.at ? -1 : 1;
}

const DECISIONS: readonly Checkpoint['allow'][number][] = ['approve', 'edit', 'reject', 'respond'];

async function checkpointView(runs: Runs, runId: string, checkpoint: RunCheckpoint): Promise<Checkpoint> {
  const { id, step, title, prompt, options, fields, allow, openedAtMs, expiresAtMs } = checkpoint;
  return {
    id,
    step_id: step,
    title,
    prompt: prompt === undefined ? null : unescapeReserved(await whole(runs, runId, prompt)),
    options: options ?? null,
    fields: fields ?? null,
    allow: DECISIONS.filter((decision) => allow.includes(decision)),
    assets: [],
    opened_at: iso(openedAtMs),
    expires_at: iso(expiresAtMs),
  };
}

async function childOf(runs: Runs, { state, child }: StepRecord): Promise<RunRecord | undefined> {
  return state === 'child' && child !== undefined ? findRun(runs, child) : undefined;
}

function errorView({ step, error, message, also }: ErrorInfo): NonNullable<Orchestration['error']> {
  return { step, error, message: messageText(message), also: also.map(errorView) };
}

/** The report is in file order; undos are done in reverse. `<list>_count` tells the whole length of a list that was cut. */
function undoView(report: Json): Orchestration['undo'] {
  const told = isJsonObject(report) ? report : {};
  const list = (name: string): Json[] => {
    const found = told[name];
    return Array.isArray(found) ? found : [];
  };
  const counts = Object.entries(told).filter(([name]) => name.endsWith('_count'));
  return {
    undone: list('undone').toReversed(),
    left: list('left'),
    unresolved: list('unresolved'),
    irreversible: list('irreversible'),
    ...Object.fromEntries(counts),
  };
}
