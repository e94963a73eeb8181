// What an execution's end means for its run, and the recovery of runs that ended without undoing what they owe.
//
// Owns: noticing that something is owed, and seeing to it that one undo is started. Does not own: undoing.
//
//   C1. Told twice, or by two at once, it does the same as told once: every decision is a conditional write on the RUN record.
//   C2. The status of an execution says only that it did not succeed; what is owed, the records say.
//   C3. A step is sealed only when nobody can be at work on it any more.
//   C4. It ends: an undo that dies again and again is given up, and what it left is listed.

import type { Json } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { Bus, CatalogEntry } from '../../shared/orchestrate/index.ts';
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
import { announceEnd } from './announce.ts';
import { claim, proceed, type Recovery, type RecoveryExecutions, settleRun } from './recovery.ts';
import { recordSkipped } from './skipped.ts';
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
  /** Gets an event of every run's end. Left out: nobody is told. With it `runs` has to be made with `announceEnds`. */
  bus?: Pick<Bus, 'put'>;
  /** What is known of a workflow: the deadline of runs that something else started, and which steps a run has passed over. */
  workflow?: (name: string) => Promise<Pick<CatalogEntry, 'version' | 'timeoutMs' | 'conditional'> | undefined>;
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
  const { runs, bus } = options;
  const isUndoMachine = options.isUndoMachine ?? ((arn: string) => arn.endsWith('-undo'));
  const recovery: Recovery = {
    runs,
    executions: options.executions,
    patienceMs: options.patienceMs ?? 0,
    ...(options.notify ? { notify: options.notify } : {}),
    ...(options.sole ? { sole: options.sole } : {}),
    ...(bus ? { announce: (runId: string) => announceEnd(runs, bus, runId) } : {}),
  };

  async function onExecutionStatus(change: ExecutionStatusChange): Promise<void> {
    const isUndo = await isUndoMachine(change.stateMachineArn);
    const run = isUndo ? await undoneRun(runs, change) : await recordOf(runs, change, options.workflow);
    // Whoever started what had been cancelled died before it could stop it.
    if (run?.execution === null && isFinal(run.status)) await options.executions.stopForced?.(change.executionArn);
    if (!run || change.status === 'RUNNING' || change.status === 'PENDING_REDRIVE') return;
    await (isUndo ? onUndoEnd(recovery, run, change) : onEnd(run, change));
    await recovery.announce?.(run.id);
  }

  async function onEnd(run: RunRecord, change: ExecutionStatusChange): Promise<void> {
    if (change.status === 'SUCCEEDED') {
      const known = isFinal(run.status) ? undefined : await options.workflow?.(run.workflow);
      // Of another version nothing is known: the run went on with the definition that it began with.
      if (known?.conditional && (run.version ?? known.version) === known.version) await recordSkipped(runs, run, known.conditional);
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
async function recordOf(runs: Runs, change: ExecutionStatusChange, known: RecorderOptions['workflow']): Promise<RunRecord> {
  const id = await findRunId(runs, change.executionArn, change.startDate);
  const found = await findRun(runs, id);
  if (found && found.execution !== null) return found;
  const run: RunRef = [change.executionArn, change.startTime ?? new Date(change.startDate).toISOString()];
  const { link, input } = splitInput(parse(change.input));
  const workflow = found?.workflow ?? (await runs.workflowOf(change.executionArn));
  const timeoutMs = (await known?.(workflow))?.timeoutMs;
  const ownMs = timeoutMs === undefined ? undefined : change.startDate + timeoutMs;
  const deadlineMs = ownMs === undefined ? link?.deadline : Math.min(ownMs, link?.deadline ?? ownMs);
  return createRun(runs, {
    run,
    workflow,
    ...(link ? { link } : {}),
    ...(input === undefined ? {} : { input }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
}

/** The run that an execution of an undo machine undoes. */
async function undoneRun(runs: Runs, { input }: ExecutionStatusChange): Promise<RunRecord | undefined> {
  const told = parse(input);
  const ref = isJsonObject(told) ? told['run'] : undefined;
  if (!Array.isArray(ref) || typeof ref[0] !== 'string' || typeof ref[1] !== 'string') return undefined;
  return findRun(runs, await findRunId(runs, ref[0], Date.parse(ref[1])));
}

/** An undo machine that ended without its report is begun anew; one that reported has nothing more to say. */
async function onUndoEnd(recovery: Recovery, run: RunRecord, change: ExecutionStatusChange): Promise<void> {
  // Only the undo that holds the claim: an older one that ends late is no news.
  if (change.status === 'SUCCEEDED' || isFinal(run.status) || run['undoName'] !== change.name) return;
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
