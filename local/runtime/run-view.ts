// Records → what the command line shows of a run: the same views as the API's, under the names that it has always used.

import type { Run, Step } from '../../shared/contract/index.ts';
import { readDetails, runView } from '../../shared/orchestrate/index.ts';
import { findRun, type RunRecord, type Runs } from '../../shared/runs/index.ts';
import type { RunSummary, RunView, StepView } from './operations.ts';
import { RuntimeProblem } from './problem.ts';

/** Reads a run. @throws RuntimeProblem `not_found` */
export async function readRunView(runs: Runs, runId: string): Promise<RunView> {
  const record = await findRun(runs, runId);
  if (!record)
    throw new RuntimeProblem('not_found', `run ${runId}: there is no such run in this data folder. \`maestro runs\` lists them.`);
  const { input, output, error, undo, steps } = await readDetails(runs, record);
  const run = runView(record, runs.clock.now());
  return {
    ...summaryOf(run),
    execution: run.execution,
    deadline: run.deadline,
    input,
    output,
    error,
    ...undo,
    cancel_requested: run.cancel_requested,
    steps: steps.map(oneStep),
  };
}

/** The line of a run in a list. @param nowMs for runs that go on */
export function runSummary(record: RunRecord, nowMs: number): RunSummary {
  return summaryOf(runView(record, nowMs));
}

function summaryOf({ id, workflow, version, status, created_at, started_at, completed_at, duration_ms }: Run): RunSummary {
  return { id, workflow, version, status, created_at, started_at, ended_at: completed_at, duration_ms };
}

function oneStep({ step_id, at, kind, status, service, attempts, started_at, duration_ms, error, undo_error, let_go }: Step): StepView {
  return { step: step_id, at, kind, status, service, attempts, started_at, duration_ms, error, undo_error, let_go };
}
