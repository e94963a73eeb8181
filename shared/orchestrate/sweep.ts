// What a crash interrupted is done again: starts of runs that are on record, and answers that are on record and were not told.
//
//   W1. Everything here may be done twice. What is younger than its grace is still with whoever began it.

import { expireCheckpoints, isFinal, listOpenRuns, type RunRecord, runRecordKey, unansweredTokens } from '../runs/index.ts';
import { tellToken } from './answers.ts';
import { ThrottledError } from './ports.ts';
import type { ServiceParts } from './service-parts.ts';
import { endUnstarted, GIVE_UP_MS, startRecorded } from './start-run.ts';

/** A run that is to be started at once is started by the sweep at this age. */
const START_MS = 60_000;
/** A queued run's message is sent again at this age: a queue that is well works it off sooner. */
const REQUEUE_MS = 15 * 60_000;
const MINUTE_MS = 60_000;

export interface SweepOptions {
  /** Epoch ms: nothing is begun after it. */
  untilMs?: number | undefined;
  /** This is the only process, and it has just begun: nothing is with anybody else (W1). */
  restarted?: boolean;
}

/**
 * `Service.sweep`, `Service.resume`. One run that cannot be dealt with does not keep the others waiting.
 * @throws AggregateError of what went wrong
 */
export async function sweepService(parts: ServiceParts, nowMs: number, options: SweepOptions = {}): Promise<void> {
  const { runs } = parts;
  const { untilMs = Number.POSITIVE_INFINITY, restarted = false } = options;
  const failures: unknown[] = [];
  let throttled = false;
  for await (const { run } of listOpenRuns(runs, Math.floor(nowMs / MINUTE_MS))) {
    if (runs.clock.now() >= untilMs) break;
    if (!run || isFinal(run.status) || (throttled && run.status === 'queued')) continue;
    try {
      if (run.status === 'queued') await sweepQueued(parts, run, nowMs, restarted);
      else await sweepRunning(parts, run, restarted);
    } catch (error) {
      // Others are being started: there is nothing wrong with this one, and a minute is soon over.
      if (error instanceof ThrottledError) throttled = true;
      else failures.push(error);
    }
  }
  if (failures.length > 0)
    throw new AggregateError(failures, `sweep: ${failures.length} runs could not be dealt with; they are tried again`);
}

async function sweepQueued(parts: ServiceParts, run: RunRecord, nowMs: number, restarted: boolean): Promise<void> {
  const { id, mode, createdAtMs, requeuedAtMs } = run;
  if (nowMs - createdAtMs >= GIVE_UP_MS) return startOrGiveUp(parts, run);
  if (mode !== 'queued') {
    if (restarted || nowMs - createdAtMs >= START_MS) await startRecorded(parts, id);
    return;
  }
  if (!restarted && nowMs - (requeuedAtMs ?? createdAtMs) < REQUEUE_MS) return;
  await parts.queue.send(id);
  await parts.runs.store.update(runRecordKey(id), { set: { requeuedAtMs: nowMs } }, { equals: { status: 'queued' } });
}

async function startOrGiveUp(parts: ServiceParts, run: RunRecord): Promise<void> {
  try {
    await startRecorded(parts, run.id);
  } catch (error) {
    if (!(error instanceof ThrottledError)) await endUnstarted(parts.runs, run, 'Maestro.Lost', 'it could not be started within a day');
    throw error;
  }
}

async function sweepRunning(parts: ServiceParts, run: RunRecord, restarted: boolean): Promise<void> {
  for (const answer of await unansweredTokens(parts.runs, run, restarted ? 0 : undefined)) await tellToken(parts, run.id, answer);
  await expireCheckpoints(parts.runs, run);
}
