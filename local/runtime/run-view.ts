// Records → what people and programs are shown of a run. Reserved keys are as they were outside; tokens never get out.

import { isJsonObject, type Json } from '../../shared/json.ts';
import {
  findRun,
  isFinal,
  listSteps,
  type RunRecord,
  type Runs,
  readValue,
  type StepRecord,
  stepStatus,
  unescapeReserved,
} from '../../shared/runs/index.ts';
import type { RunSummary, RunView, StepView } from './operations.ts';
import { RuntimeProblem } from './problem.ts';

/** Reads a run. @throws RuntimeProblem `not_found` */
export async function readRunView(runs: Runs, runId: string): Promise<RunView> {
  const record = await findRun(runs, runId);
  if (!record)
    throw new RuntimeProblem('not_found', `run ${runId}: there is no such run in this data folder. \`maestro runs\` lists them.`);
  const [steps, input, output] = await Promise.all([
    listSteps(runs, runId),
    readValue(runs, runId, 'INPUT'),
    readValue(runs, runId, 'OUTPUT'),
  ]);
  const report = isJsonObject(record.report) ? record.report : {};
  return {
    ...runSummary(record, runs.clock.now()),
    execution: record.execution,
    deadline: record.deadlineMs === undefined ? null : iso(record.deadlineMs),
    input: unescapeReserved(input ?? null),
    output: unescapeReserved(output ?? null),
    error: record.error ? { ...record.error, also: record.error.also as unknown as Json } : null,
    // The report is in file order; undos are done in reverse.
    undone: list(report['undone']).toReversed(),
    left: list(report['left']),
    unresolved: list(report['unresolved']),
    irreversible: list(report['irreversible']),
    cancel_requested: record.cancel === true,
    steps: steps.filter(({ kind }) => kind !== 'other').map(stepView),
  };
}

/** The line of a run in a list. @param nowMs for runs that go on */
export function runSummary(record: RunRecord, nowMs: number): RunSummary {
  const startedMs = record.startedAtMs ?? null;
  const endMs = record.endedAtMs ?? (isFinal(record.status) ? null : nowMs);
  return {
    id: record.id,
    workflow: record.workflow,
    version: record.version,
    status: record.status,
    created_at: iso(record.createdAtMs),
    started_at: startedMs === null ? null : iso(startedMs),
    ended_at: record.endedAtMs === undefined ? null : iso(record.endedAtMs),
    duration_ms: startedMs === null || endMs === null ? null : Math.max(0, endMs - startedMs),
  };
}

function stepView(step: StepRecord): StepView {
  return {
    step: step.step,
    at: step.at,
    kind: step.kind,
    status: stepStatus(step),
    service: step.service ?? null,
    attempts: step.attempt + 1,
    started_at: iso(step.startedAtMs),
    duration_ms: step.endedAtMs === undefined ? null : Math.max(0, step.endedAtMs - step.startedAtMs),
    error: step.failure ? failureView(step.failure) : null,
    undo_error: step.undoFailure ? failureView(step.undoFailure) : null,
    let_go: step.letGo === true,
  };
}

/** The failure's message is JSON of ours; what it says is enough here. */
function failureView({ error, message }: { error: string; message: string }): { error: string; message: string } {
  return { error, message: messageText(message) };
}

/** The sentence in a step's error message, which is JSON; other text as it stands. */
export function messageText(message: string): string {
  if (!message.startsWith('{')) return message;
  try {
    const parsed: unknown = JSON.parse(message);
    return isJsonObject(parsed) && typeof parsed['message'] === 'string' ? parsed['message'] : message;
  } catch {
    return message;
  }
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
