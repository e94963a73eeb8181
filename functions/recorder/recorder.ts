// What an execution's end means for its run, and the recovery of runs that ended without undoing what they owe.
//
// Owns: noticing that something is owed, and seeing to it that one undo is started. Does not own: undoing.
//
//   C1. Told twice, or by two at once, it does the same as told once: every decision is a conditional write on the RUN record.
//   C2. The status of an execution says only that it did not succeed; what is owed, the records say.
//   C3. A step is sealed only when nobody can be at work on it any more.
//   C4. It ends: an undo that dies again and again is given up, and what it left is listed.

import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { RawError, RunLink, RunRef } from '../../shared/protocol/step-message.ts';
import {
  createRun,
  type DeadLetter,
  endRun,
  findRun,
  findRunId,
  isFinal,
  type RunRecord,
  type Runs,
  reopenList,
} from '../../shared/runs/index.ts';
import { claim, proceed, type Recovery, type RecoveryExecutions, settleRun } from './recovery.ts';
import { sweepRuns } from './sweep.ts';

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'PENDING_REDRIVE';

/** The `detail` of EventBridge's "Step Functions Execution Status Change", and the same from the embedded engine. Dates in ms. */
export interface ExecutionStatusChange {
  executionArn: string;
  stateMachineArn: string;
  name: string;
  status: ExecutionStatus;
  startDate: number;
  /** The start as the execution's states see it, where the teller knows it. */
  startTime?: string;
  stopDate: number | null;
  /** JSON text; null where it was too large to be told. */
  input: string | null;
  output: string | null;
  error: string | null;
  cause: string | null;
}

export interface RecorderOptions {
  runs: Runs;
  executions: RecoveryExecutions;
  /** Told when an undo is given up with something left. */
  notify?: (letter: DeadLetter) => Promise<void>;
  /** Default: its name ends in `-undo`, which no workflow's may. */
  isUndoMachine?: (stateMachineArn: string) => boolean | Promise<boolean>;
  /** How long one call may wait for steps that are at work, ms. Default 0: the next sweep goes on. */
  patienceMs?: number;
  /** This process is the only one that runs steps: what another instance began has ended with it. */
  sole?: { instance: string };
}

export interface Recorder {
  onExecutionStatus(change: ExecutionStatusChange): Promise<void>;
  /**
   * Looks at every run that has not ended, or is owed something. Answers the ids of those whose undo it began or went on with.
   * @param untilMs (epoch) after this no further run is looked at
   */
  sweep(nowMs: number, untilMs?: number): Promise<string[]>;
  /** Begins another undo of a run that ended with something left. @throws UndoError */
  undoAgain(runId: string): Promise<void>;
}

/** `not_found`: there is no such run. `undoing`, `running`: not now. `nothing`: it owes nothing. */
export class UndoError extends Error {
  override readonly name = 'UndoError';
  readonly reason: 'not_found' | 'running' | 'undoing' | 'nothing';

  constructor(runId: string, reason: UndoError['reason']) {
    const why = {
      not_found: 'there is no such run',
      running: 'it goes on',
      undoing: 'it is being undone',
      nothing: 'nothing of it is left to undo',
    };
    super(`run ${runId}: no undo was begun, ${why[reason]}`);
    this.reason = reason;
  }
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { runs } = options;
  const isUndoMachine = options.isUndoMachine ?? ((arn: string) => arn.endsWith('-undo'));
  const recovery: Recovery = {
    runs,
    executions: options.executions,
    patienceMs: options.patienceMs ?? 0,
    ...(options.notify ? { notify: options.notify } : {}),
    ...(options.sole ? { sole: options.sole } : {}),
  };

  async function onExecutionStatus(change: ExecutionStatusChange): Promise<void> {
    if (await isUndoMachine(change.stateMachineArn)) return onUndoStatus(recovery, change);
    const run = await recordOf(runs, change);
    if (change.status === 'RUNNING' || change.status === 'PENDING_REDRIVE') return;
    if (change.status === 'SUCCEEDED') {
      await endRun(runs, run, { status: 'completed', output: parse(change.output) ?? null }, ['queued', 'running', 'waiting_checkpoint']);
      return;
    }
    // C1: told again while its recovery goes on, only what was not begun yet is.
    if (run.status === 'compensating' && run.claimBy === 'recovery') {
      if (run['undoBegun'] === false) await proceed(recovery, run);
      return;
    }
    await settleRun(recovery, run, rawErrorOf(change));
  }

  return {
    onExecutionStatus,
    async undoAgain(runId) {
      const run = await findRun(runs, runId);
      if (!run) throw new UndoError(runId, 'not_found');
      if (run.status === 'compensating') throw new UndoError(runId, 'undoing');
      if (!isFinal(run.status)) throw new UndoError(runId, 'running');
      if (run.status !== 'compensation_failed') throw new UndoError(runId, 'nothing');
      // On the list first: if this process dies after the claim, the sweep goes on with it.
      await reopenList(runs, run);
      const claimed = await claim(recovery, run, null, true);
      if (!claimed) throw new UndoError(runId, 'undoing');
      // And again: a sweep may have taken it off in between.
      await reopenList(runs, claimed);
      await proceed(recovery, claimed);
    },
    sweep: (nowMs, untilMs) => sweepRuns(recovery, nowMs, onExecutionStatus, untilMs),
  };
}

/** The record of an execution, made if none of its steps nor anybody else has made it. */
async function recordOf(runs: Runs, change: ExecutionStatusChange): Promise<RunRecord> {
  const id = await findRunId(runs, change.executionArn, change.startDate);
  const found = await findRun(runs, id);
  if (found && found.execution !== null) return found;
  const run: RunRef = [change.executionArn, change.startTime ?? new Date(change.startDate).toISOString()];
  const { link, input } = splitInput(parse(change.input));
  return createRun(runs, {
    run,
    workflow: found?.workflow ?? (await runs.workflowOf(change.executionArn)),
    ...(link ? { link } : {}),
    ...(input === undefined ? {} : { input }),
  });
}

/** An undo machine that ended without its report is begun anew; one that reported has nothing more to say. */
async function onUndoStatus(recovery: Recovery, change: ExecutionStatusChange): Promise<void> {
  if (change.status === 'RUNNING' || change.status === 'SUCCEEDED' || change.status === 'PENDING_REDRIVE') return;
  const ref = isJsonObject(parse(change.input)) ? (parse(change.input) as JsonObject)['run'] : undefined;
  if (!Array.isArray(ref) || typeof ref[0] !== 'string' || typeof ref[1] !== 'string') return;
  const run = await findRun(recovery.runs, await findRunId(recovery.runs, ref[0], Date.parse(ref[1])));
  // Only the undo that holds the claim: an older one that ends late is no news.
  if (!run || isFinal(run.status) || run['undoName'] !== change.name) return;
  await settleRun(recovery, run, null);
}

/** The execution's input without Maestro's own key, which nobody sees. */
function splitInput(input: Json | undefined): { link?: RunLink; input?: Json } {
  if (input === undefined) return {};
  if (!isJsonObject(input) || !isJsonObject(input['$maestro'])) return { input };
  const { $maestro, ...rest } = input;
  return { link: $maestro as RunLink, input: rest };
}

/** The failure of an execution as its states would pass it on. A `Fail` of ours names the step in its cause. */
function rawErrorOf({ status, error, cause }: ExecutionStatusChange): RawError {
  const step = parse(cause);
  const named = isJsonObject(step) && typeof step['step'] === 'string' ? step['step'] : null;
  if (status === 'TIMED_OUT') return { step: null, error: 'Maestro.TimedOut', cause };
  if (status === 'ABORTED') return { step: null, error: error ?? 'Maestro.Aborted', cause };
  return { step: named, error: error ?? 'Maestro.Lost', cause };
}

/** Undefined where there is no JSON. */
function parse(text: string | null): Json | undefined {
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
