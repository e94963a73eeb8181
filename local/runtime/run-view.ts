// Records → what the command line shows of a run: the API's own shapes, of every tenant.

import type { Envelope, RunList } from '../../shared/contract/index.ts';
import { findLocated, readEnvelope, runView } from '../../shared/orchestrate/index.ts';
import { listRuns, type Runs } from '../../shared/runs/index.ts';
import { notFound } from './local-recovery.ts';
import type { ListRequest } from './operations.ts';
import { RuntimeProblem } from './problem.ts';

/** Reads a run. @param id of a run or a job @throws RuntimeProblem `not_found` */
export async function readRunView(runs: Runs, id: string): Promise<Envelope> {
  const located = await findLocated(runs, id);
  if (!located) throw notFound(id);
  return readEnvelope(runs, located.run, located.job);
}

/** Reads a page of the list. @throws RuntimeProblem `invalid` for a cursor that is none */
export async function readRunList(runs: Runs, request: ListRequest): Promise<RunList> {
  try {
    const page = await listRuns(runs, request);
    const nowMs = runs.clock.now();
    return { object: 'list', data: page.runs.map((run) => runView(run, nowMs)), cursor: page.cursor ?? null };
  } catch (error) {
    throw error instanceof RangeError ? new RuntimeProblem('invalid', `${error.message}.`, { cause: error }) : error;
  }
}
