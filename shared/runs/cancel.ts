// Asking a run to stop. The control record says it first; what else has to be done for it to be noticed is answered as data.

import type { JsonObject } from '../json.ts';
import { checkpointRecords, closeCheckpoint } from './checkpoints.ts';
import { childStatuses } from './child-statuses.ts';
import { runRecordKey } from './keys.ts';
import { asRun, isFinal, type RunRecord, type RunStatus, type StepRecord } from './records.ts';
import { endRun, findRun, listSteps } from './run-records.ts';
import type { Runs } from './runs.ts';
import { summarizeUndo, undoReport } from './undo-summary.ts';

/** What has to be done after the cancel was written. */
export interface CancelPlan {
  run: RunRecord;
  /** The run was only queued: it has ended, and nothing else is to be done. */
  ended: boolean;
  /** Task tokens to answer with `Maestro.Cancelled`. */
  tokens: { at: string; token: string }[];
  /** Public ids of sub-workflows that run: cancel them the same way. */
  children: string[];
}

/** `not_found`: there is no such run. `ended`, `undoing`: it can no longer be cancelled. */
export class CancelError extends Error {
  override readonly name = 'CancelError';
  readonly reason: 'not_found' | 'ended' | 'undoing';

  constructor(id: string, reason: CancelError['reason']) {
    const why = { not_found: 'there is no such run', ended: 'it has ended', undoing: 'it is being undone, which cannot be cancelled' };
    super(`run ${id}: it was not cancelled, ${why[reason]}`);
    this.reason = reason;
  }
}

/** Acts on executions and their tokens: the embedded engine, or Step Functions. A token or execution that is gone is no error. */
export interface CancelExecutions {
  failTask(token: string, error: string, cause: string): Promise<void>;
  stop(executionArn: string, error: string, cause: string): Promise<void>;
  /** True when the execution sits in a Wait and in nothing that ends by itself or by its token. */
  isWaiting(executionArn: string): Promise<boolean>;
}

/**
 * Cancels a run and what it started: writes the control record, answers its tokens, cancels its children, and stops it where it sits in a Wait.
 * @throws CancelError
 */
export async function cancelRun(runs: Runs, executions: CancelExecutions, id: string): Promise<CancelPlan> {
  const plan = await requestCancel(runs, id);
  if (plan.ended || plan.run.execution === null) return plan;
  await runs.store.durable();
  for (const { token, at } of plan.tokens) {
    const { error, cause } = cancelAnswer(token, at);
    await executions.failTask(token, error, cause);
  }
  for (const child of plan.children) {
    await cancelRun(runs, executions, child).catch((error: unknown) => {
      if (!(error instanceof CancelError)) throw error;
    });
  }
  if (await executions.isWaiting(plan.run.execution)) await executions.stop(plan.run.execution, 'Maestro.Cancelled', CAUSE);
  return plan;
}

/**
 * Stops a run, and the sub-workflows that it started, without undoing them: what they owe is listed as left, and an undo can be asked for later.
 * Answers how it ended. If this process dies in between, the sweep goes on with it.
 * @throws CancelError
 */
export async function forceCancel(runs: Runs, executions: Pick<CancelExecutions, 'stop'>, id: string): Promise<RunStatus> {
  const record = await findRun(runs, id);
  if (!record) throw new CancelError(id, 'not_found');
  if (isFinal(record.status)) throw new CancelError(id, 'ended');
  const steps = await listSteps(runs, id);
  const summary = summarizeUndo({ ...record, cancel: true }, steps, await forcedStatuses(runs, steps));
  const end = { status: summary.status, error: record.error ?? cancelled(), report: undoReport(summary), forced: true } as const;
  if (!(await endRun(runs, record, end))) throw new CancelError(id, 'ended');
  await runs.store.durable();
  await stopForced(runs, executions, record);
  return summary.status;
}

/** Stops what a run whose end was forced has left running. Children first: one that is stopped before its own end is written would be undone. */
export async function stopForced(runs: Runs, executions: Pick<CancelExecutions, 'stop'>, { id, execution }: RunRecord): Promise<void> {
  for (const { child } of await listSteps(runs, id)) {
    if (child === undefined) continue;
    await forceCancel(runs, executions, child).catch((error: unknown) => {
      if (!(error instanceof CancelError)) throw error;
    });
  }
  if (execution !== null) await executions.stop(execution, 'Maestro.Cancelled', CAUSE);
}

/** How the sub-workflows behind these steps have ended, or will when they are forced too. */
async function forcedStatuses(runs: Runs, steps: readonly StepRecord[]): Promise<Map<string, RunStatus>> {
  const statuses = await childStatuses(runs, steps);
  for (const [child, status] of statuses) {
    const record = isFinal(status) ? undefined : await findRun(runs, child);
    if (!record) continue;
    const own = await listSteps(runs, child);
    statuses.set(child, summarizeUndo({ ...record, cancel: true }, own, await forcedStatuses(runs, own)).status);
  }
  return statuses;
}

/** What the token of something that waits is answered with when its run is cancelled. */
export function cancelAnswer(token: string, at: string): { token: string; at: string; ok: false; error: string; cause: string } {
  return { token, at, ok: false, error: 'Maestro.Cancelled', cause: CAUSE };
}

const CAUSE = JSON.stringify({ message: 'the run was cancelled' });

/** Only the first part of `cancelRun`: writes the control record and says what else has to be done. Asked again, it answers again. @throws CancelError */
export async function requestCancel(runs: Runs, id: string): Promise<CancelPlan> {
  const record = await findRun(runs, id);
  if (!record) throw new CancelError(id, 'not_found');
  if (record.status === 'queued' && (await endRun(runs, record, { status: 'cancelled', error: cancelled() }, ['queued']))) {
    return { run: record, ended: true, tokens: [], children: [] };
  }
  const set: JsonObject = { cancel: true, cancelledAtMs: runs.clock.now() };
  const body = await runs.store.update(
    runRecordKey(id),
    { set },
    { oneOf: { status: ['running', 'waiting_checkpoint'] }, equals: { claimBy: null } },
  );
  if (!body) {
    const now = await findRun(runs, id);
    if (now?.status === 'running' || now?.status === 'waiting_checkpoint' || now?.status === 'compensating')
      throw new CancelError(id, 'undoing');
    throw new CancelError(id, 'ended');
  }
  const children: string[] = [];
  const tokens: CancelPlan['tokens'] = [];
  for (const step of await listSteps(runs, id)) {
    if (step.state === 'child' && step.child) children.push(step.child);
    if (step.state === 'waiting' && step.token) tokens.push({ at: step.at, token: step.token });
  }
  for (const checkpoint of await checkpointRecords(runs, id)) {
    const { state, token, at } = checkpoint;
    // One that is answered at this moment is not cancelled: its answer goes on to the next step, which is refused.
    if (state === 'cancelled' || (state === 'open' && (await closeCheckpoint(runs, id, checkpoint, 'cancelled'))))
      tokens.push({ at, token });
  }
  return { run: asRun(body), ended: false, tokens, children };
}

function cancelled(): { step: null; error: string; message: string; also: [] } {
  return { step: null, error: 'Maestro.Cancelled', message: 'the run was cancelled', also: [] };
}
