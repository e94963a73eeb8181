// Recovery of one run: claim it, wait for those at work on it, seal what they left, start `<name>-undo`.

import { sleep } from '../../shared/clock.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { RawError } from '../../shared/protocol/step-message.ts';
import {
  asRun,
  CLAIM_MS,
  childStatuses,
  type DeadLetter,
  deadLetter,
  endRun,
  errorInfo,
  failureFields,
  isFinal,
  listSteps,
  owed,
  type RunRecord,
  type RunStatus,
  type Runs,
  runRecordKey,
  type StepRecord,
  sealStep,
  summarizeUndo,
  undoReport,
} from '../../shared/runs/index.ts';
import type { ExecutionStatusChange } from './recorder.ts';

/** Undos that are begun for one round of a run before what is left is listed and given up. */
const MAX_UNDOS = 5;
const POLL_MS = 250;

export interface RecoveryExecutions {
  /** Starts an execution of a machine by the machine's name. One that exists under this name is success. Answers its ARN, where it is known. */
  start(machine: string, name: string, input: Json): Promise<string | undefined>;
  /** How an execution stands; undefined when there is none, or it cannot be asked about (Express). */
  describe?(executionArn: string): Promise<ExecutionStatusChange | undefined>;
  /** Stops an execution that was cancelled, if it sits in a Wait. Left out: whoever cancelled it keeps an eye on it. */
  stopWaiting?(executionArn: string): Promise<void>;
  /** Stops the execution of a run whose end was forced. One that has ended is no error. Left out: who forces it cannot die without its engine. */
  stopForced?(executionArn: string): Promise<void>;
}

export interface Recovery {
  runs: Runs;
  executions: RecoveryExecutions;
  patienceMs: number;
  notify?: (letter: DeadLetter) => Promise<void>;
  sole?: { instance: string };
  /** Tells others how a run ended. */
  announce?: (runId: string) => Promise<void>;
}

/**
 * The execution of this run, or its undo, has ended without success: writes the run's end when nothing is owed, else begins its undo.
 * True when an undo was begun or gone on with.
 */
export async function settleRun(recovery: Recovery, run: RunRecord, error: RawError | null): Promise<boolean> {
  if (isFinal(run.status)) return false;
  const { runs } = recovery;
  const steps = await listSteps(runs, run.id);
  const children = await childStatuses(runs, steps);
  if (!owesAnything(run, steps, children)) {
    const known = run.error ?? errorInfo(error ?? rawErrorOf(run));
    const summary = summarizeUndo({ ...run, error: known }, steps, children);
    const report = run.status === 'compensating' ? { report: undoReport(summary) } : {};
    await endRun(runs, run, { status: summary.status, error: known, ...report }, [run.status]);
    return false;
  }
  const claimed = await claim(recovery, run, error);
  return claimed ? proceed(recovery, claimed) : false;
}

/** Takes the claim for a new undo, whoever held it: the holder is gone. Undefined when another recovery was quicker, or it is given up. */
export async function claim(
  { runs, notify }: Recovery,
  run: RunRecord,
  error: RawError | null,
  newRound = false,
): Promise<RunRecord | undefined> {
  const now = runs.clock.now();
  const begun = newRound ? 0 : counter(run, 'undoStarts');
  if (begun >= MAX_UNDOS) {
    await giveUp({ runs, ...(notify ? { notify } : {}) }, run);
    return undefined;
  }
  const round = (run.round ?? 1) + (newRound ? 1 : 0);
  const set: JsonObject = {
    claimBy: 'recovery',
    claimUntilMs: now + CLAIM_MS,
    status: 'compensating',
    round,
    undoStarts: begun + 1,
    undoName: `${run.id}-undo-${round}-${begun + 1}`,
    undoBegun: false,
    reported: false,
    late: false,
  };
  if (!run.error) Object.assign(set, failureFields(error));
  const unchanged = {
    status: run.status,
    claimBy: run.claimBy ?? null,
    claimUntilMs: run.claimUntilMs ?? null,
    undoStarts: numberOrNull(run['undoStarts']),
    round: run.round ?? null,
  };
  const body = await runs.store.update(runRecordKey(run.id), { set }, { equals: unchanged });
  if (!body) return undefined;
  if (run.status !== 'compensating')
    await runs.append(run.id, 'compensation.started', { error: asRun(body).error?.error ?? null }, run.deadlineMs);
  return asRun(body);
}

/** Goes on with a claimed recovery as far as it can be gone on with now. True when the undo was started. */
export async function proceed(recovery: Recovery, run: RunRecord): Promise<boolean> {
  const { runs, executions } = recovery;
  const until = runs.clock.now() + recovery.patienceMs;
  let working = await seal(recovery, run);
  while (working && runs.clock.now() < until) {
    await sleep(runs.clock, POLL_MS);
    working = await seal(recovery, run);
  }
  const name = run['undoName'];
  if (working || typeof name !== 'string') return false;
  await runs.store.durable();
  const input = { run: [run.execution, run.startTime], error: rawErrorOf(run) as unknown as Json };
  const execution = await executions.start(`${run.workflow}-undo`, name, input);
  await runs.store.update(
    runRecordKey(run.id),
    { set: { undoBegun: true, undoExecution: execution ?? null } },
    { equals: { undoName: name } },
  );
  return true;
}

/** Seals every step that nobody can be at work on. True when somebody may still be. */
async function seal({ runs, sole }: Recovery, run: RunRecord): Promise<boolean> {
  let working = false;
  for (const step of await listSteps(runs, run.id)) {
    if (step.state !== 'started' && step.state !== 'waiting') continue;
    const gone =
      step.state === 'waiting' ||
      step.leaseUntilMs <= runs.clock.now() ||
      (sole !== undefined && !step.owner.startsWith(`${sole.instance}:`));
    if (gone) await sealStep(runs, run.id, step);
    else working = true;
  }
  return working;
}

/** Whether there is something to do in a further round of a run's undo. */
export async function owesMore({ runs }: Recovery, run: RunRecord): Promise<boolean> {
  const steps = await listSteps(runs, run.id);
  return owesAnything({ ...run, round: (run.round ?? 1) + 1 }, steps, await childStatuses(runs, steps));
}

function owesAnything(run: RunRecord, steps: StepRecord[], children: ReadonlyMap<string, RunStatus>): boolean {
  return steps.some((step) => {
    const what = owed(step, run.round ?? 1);
    if (what !== 'child') return what !== 'nothing';
    const status = children.get(step.child ?? '');
    return status === 'completed' || (status !== undefined && !isFinal(status));
  });
}

/** C4 of the recorder: the undo never came to its report. */
async function giveUp({ runs, notify }: Pick<Recovery, 'runs' | 'notify'>, run: RunRecord): Promise<void> {
  const steps = await listSteps(runs, run.id);
  const summary = summarizeUndo(run, steps, await childStatuses(runs, steps));
  if (summary.status === 'compensation_failed') await notify?.(deadLetter(run, summary));
  await endRun(runs, run, { status: summary.status, report: undoReport(summary), ...(run.error ? { error: run.error } : {}) });
}

/** The recorded failure, or what stands for one. */
function rawErrorOf(run: RunRecord): RawError {
  const raw = run.rawError;
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw) && 'error' in raw) return raw as unknown as RawError;
  return {
    step: run.error?.step ?? null,
    error: run.error?.error ?? (run.cancel ? 'Maestro.Cancelled' : 'Maestro.Aborted'),
    cause: run.error?.message ?? null,
  };
}

function counter(run: RunRecord, field: string): number {
  return numberOrNull(run[field]) ?? 0;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
