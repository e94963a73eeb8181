// The look at every run that has not ended, once a minute: events are best effort, records are not.

import {
  asRun,
  ensureEndEvent,
  isEntryOf,
  isFinal,
  leaveList,
  listOpenRuns,
  type RunRecord,
  runRecordKey,
  stopForced,
} from '../../shared/runs/index.ts';
import type { ExecutionStatusChange } from './recorder.ts';
import { claim, owesMore, proceed, type Recovery, settleRun } from './recovery.ts';

/** A run is asked after when it should have ended this long ago. */
const OVERDUE_MS = 60_000;
/** A run without a known deadline is asked after at this age. */
const UNKNOWN_MS = 5 * 60_000;
/** An execution that cannot be asked about is taken for lost after this: an Express one lives at most 5 minutes. */
const LOST_MS = 10 * 60_000;
/** Also in time a run is asked after, at this age and each time that is doubled: an end that no event told is not to wait for the deadline. */
const FIRST_ASKED_MS = 2 * 60_000;
/** How long it is the time to ask: sweeps do not come by the clock. */
const ASK_FOR_MS = 90_000;
const MINUTE_MS = 60_000;
/** A list entry whose record was never written is removed after this. */
const ORPHAN_MS = 3_600_000;

/**
 * Answers the ids of the runs whose undo was begun or gone on with. One run that cannot be dealt with does not keep the others waiting.
 * @param untilMs (epoch) after this no further run is looked at: the rest is for the next minute, which begins elsewhere in the list
 */
export async function sweepRuns(
  recovery: Recovery,
  nowMs: number,
  record: (change: ExecutionStatusChange) => Promise<void>,
  untilMs = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const { runs } = recovery;
  const recovered: string[] = [];
  const failures: unknown[] = [];
  for await (const entry of listOpenRuns(runs, Math.floor(nowMs / MINUTE_MS))) {
    if (runs.clock.now() >= untilMs) break;
    try {
      if (!entry.run) {
        if (nowMs - entry.createdAtMs > ORPHAN_MS) await runs.store.delete(entry.key);
      } else if (!isEntryOf(entry.key.sk, entry.run)) await runs.store.delete(entry.key);
      else if (await sweepRun(recovery, entry.run, nowMs, record)) recovered.push(entry.run.id);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0)
    throw new AggregateError(failures, `sweep: ${failures.length} runs could not be dealt with; they are tried again`);
  return recovered;
}

async function sweepRun(
  recovery: Recovery,
  run: RunRecord,
  nowMs: number,
  record: (change: ExecutionStatusChange) => Promise<void>,
): Promise<boolean> {
  if (isFinal(run.status)) return sweepEnded(recovery, run);
  if (run.status === 'queued') return false;
  if (run.status === 'compensating') return sweepUndo(recovery, run, nowMs);
  if (run.execution === null) return false;
  const dueMs = run.cancel ? numberOf(run['cancelledAtMs']) : (run.deadlineMs ?? run.createdAtMs + UNKNOWN_MS);
  const overdue = nowMs >= dueMs + OVERDUE_MS;
  if (!overdue && !isTimeToAsk(nowMs - run.createdAtMs)) return false;
  const change = await recovery.executions.describe?.(run.execution);
  if (change && change.status !== 'RUNNING') {
    await record(change);
    return true;
  }
  // A cancel that found it in a call: the call is over, and nobody else is there to see that it has come to sit in a Wait.
  if (change && run.cancel && overdue) await recovery.executions.stopWaiting?.(run.execution);
  // Without a deadline nothing says that it should have ended.
  if (change || !overdue || run.deadlineMs === undefined || nowMs < dueMs + LOST_MS) return false;
  return settleRun(recovery, run, { step: null, error: 'Maestro.Lost', cause: null });
}

/** A late writer left something to undo after the run's end; else the run only has to leave the list. */
async function sweepEnded(recovery: Recovery, run: RunRecord): Promise<boolean> {
  // Or the undo that was under way has come to it: then there is nothing more to do.
  if (run.late && run.status !== 'completed' && (await owesMore(recovery, run))) {
    const claimed = await claim(recovery, run, null, true);
    return claimed ? proceed(recovery, claimed) : false;
  }
  if (!(await ensureEndEvent(recovery.runs, run))) return false;
  // Whoever forced its end may have died before its execution was stopped, which is no error where it was.
  const { stopForced: stop } = recovery.executions;
  if (run.forced && stop) await stopForced(recovery.runs, { stop }, run);
  await recovery.announce?.(run.id);
  await leaveList(recovery.runs, run, true);
  return false;
}

async function sweepUndo(recovery: Recovery, run: RunRecord, nowMs: number): Promise<boolean> {
  if (run['undoBegun'] === false) {
    // Whoever claimed it may have died before it was told.
    await recovery.runs.append(run.id, 'compensation.started', { error: run.error?.error ?? null }, run.deadlineMs);
    return proceed(recovery, run);
  }
  if (nowMs < (run.claimUntilMs ?? 0)) return false;
  // No sign of life: but an undo may wait for longer than that between its tries.
  const holder = typeof run['undoExecution'] === 'string' ? run['undoExecution'] : run.execution;
  const change = holder === null ? undefined : await recovery.executions.describe?.(holder);
  if (change?.status === 'RUNNING') return false;
  const [body] = await recovery.runs.store.read([runRecordKey(run.id)]);
  return body ? settleRun(recovery, asRun(body), null) : false;
}

function isTimeToAsk(ageMs: number): boolean {
  let askedAtMs = FIRST_ASKED_MS;
  while (askedAtMs * 2 <= ageMs) askedAtMs *= 2;
  return ageMs >= askedAtMs && ageMs < askedAtMs + ASK_FOR_MS;
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
