// The undo of a `workflow` step: the child's own record says what is to be done.

import { sleep } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import { executionOf } from '../../shared/protocol/arns.ts';
import { childExecutionName } from '../../shared/protocol/run-id.ts';
import type { ChildMessage, ChildResult, UndoSpec } from '../../shared/protocol/step-message.ts';
import {
  asStep,
  claimForChain,
  ensureRun,
  errorInfo,
  findRun,
  isFinal,
  listSteps,
  loadStored,
  owed,
  type RunRecord,
  readValue,
  reopenForParent,
  requestCancel,
  resolveLate,
  runKeyOf,
  runRecordKey,
  type StepRecord,
  stepKey,
  undoPass,
} from '../../shared/runs/index.ts';
import type { StepContext } from './context.ts';
import { failure } from './step-error.ts';
import { performUndo, UNDO_ATTEMPTS } from './undo.ts';

/** How long one invocation waits for a child to end; then Step Functions asks again. */
const CHILD_WAIT_MS = 20_000;
const CHILD_POLL_MS = 500;

/** Performs `op: child`. @throws StepError when the child has not ended yet, or its undo failed */
export async function undoChild(context: StepContext, message: ChildMessage): Promise<ChildResult> {
  const { runs } = context;
  const { store } = runs;
  const run = runKeyOf(message.run);
  const nothing: ChildResult = { start: false, input: null };
  const [runBody, stepBody] = await store.read([runRecordKey(run.id), stepKey(run.id, message.at)]);
  const record = await claimForChain(runs, await ensureRun(runs, message.run, runBody), message.error);
  if (!record) return nothing;
  const step = stepBody && asStep(stepBody);
  if (step && owed(step, record.round ?? 1) === 'nothing') return nothing;
  const pass = `${run.id}/${undoPass(record)}`;
  if (step?.child !== undefined) {
    const begun = await findRun(runs, step.child);
    // Asked again: whoever began it may have died before it was started.
    if (begun?.status === 'compensating' && begun.reopenedIn === pass) return startUndo(begun, message);
  }
  const child = step?.child === undefined ? undefined : await ended(context, message, step.child);
  if (!child || !step) {
    await stopUnseen(context, message);
    return nothing;
  }
  const result = await decide(context, message, record, step, child);
  await store.update(stepKey(run.id, message.at), { set: { askedIn: undoPass(record) } }, { present: true });
  return result;
}

/** What an ended child calls for. */
async function decide(
  context: StepContext,
  message: ChildMessage,
  record: RunRecord,
  step: StepRecord,
  child: RunRecord,
): Promise<ChildResult> {
  const { store } = context.runs;
  const run = runKeyOf(message.run);
  const nothing: ChildResult = { start: false, input: null };
  if (child.status === 'completed') {
    const undo = child.link?.undo;
    if (!undo && !(await owesAnything(context, child))) {
      await store.update(stepKey(run.id, message.at), { set: { owesNothing: true } }, { present: true });
      return nothing;
    }
    if (!undo) return startUndo(child, message);
    await undoByRequest(context, message, record, step, child, undo);
    return nothing;
  }
  if (child.status === 'compensation_failed') {
    // Its undo was tried in its own time; in a later round of this run it is tried again.
    const pass = `${run.id}/${undoPass(record)}`;
    const later = (record.round ?? 1) > 1 && !child.link?.undo && child.reopenedIn !== pass;
    if (later && (await reopenForParent(context.runs, child, pass))) return startUndo(child, message);
    const undoFailure = {
      error: 'Maestro.Lost',
      message: JSON.stringify({ message: `the sub-workflow's run ${child.id} has undos that failed` }),
    };
    await store.update(stepKey(run.id, message.at), { set: { undoFailure } }, { present: true });
  }
  return nothing;
}

function startUndo(child: RunRecord, { error }: ChildMessage): ChildResult {
  const input = { run: [child.execution, child.startTime], error: error as unknown as Json };
  return { start: true, input };
}

/** A workflow whose steps have nothing to undo has no undo machine either. */
async function owesAnything({ runs }: StepContext, child: RunRecord): Promise<boolean> {
  return (await listSteps(runs, child.id)).some((step) => owed(step, child.round ?? 1) !== 'nothing');
}

/** False for an execution that has ended and whose record only has not heard of it yet: to cancel that one would be to make its end up. */
async function isRunning({ executions }: StepContext, { execution }: RunRecord): Promise<boolean> {
  if (!executions || execution === null) return true;
  const status = await executions.status(execution);
  return status === undefined || status === 'RUNNING';
}

/** The child's record once it has ended; a running one is cancelled first. */
async function ended(context: StepContext, message: ChildMessage, id: string): Promise<RunRecord | undefined> {
  const { runs } = context;
  const until = runs.clock.now() + CHILD_WAIT_MS;
  for (let asked = false; ; asked = true) {
    const child = await findRun(runs, id);
    if (!child || isFinal(child.status)) return child;
    if (!asked && child.status !== 'compensating' && (await isRunning(context, child))) await requestCancel(runs, id);
    if (runs.clock.now() >= until) {
      throw failure('Maestro.ServiceUnavailable', {
        step: message.step,
        message: `undo: the sub-workflow's run ${id} is still ${child.status}`,
      });
    }
    await sleep(runs.clock, CHILD_POLL_MS);
  }
}

/** A child of which no step was recorded has nothing to undo; if it still sits in its first wait, it is stopped. */
async function stopUnseen({ executions }: StepContext, { machine, run, at }: ChildMessage): Promise<void> {
  const execution = executionOf(machine, childExecutionName(run, at));
  if ((await executions?.status(execution)) === 'RUNNING')
    await executions?.stop(execution, 'Maestro.Cancelled', 'the run that started it is being undone');
}

/** The step's own `compensate`, with the child's output for its own. */
async function undoByRequest(
  context: StepContext,
  message: ChildMessage,
  record: RunRecord,
  step: StepRecord,
  child: RunRecord,
  undo: UndoSpec,
): Promise<void> {
  const { runs } = context;
  const output = await loadStored(runs.blobs, child.id, (await readValue(runs, child.id, 'OUTPUT')) ?? null);
  const spec = await resolveLate(undo, { output, error: record.error ?? errorInfo(message.error) });
  const run = runKeyOf(message.run);
  const work = {
    context,
    run,
    record,
    step: message.step,
    at: message.at,
    attempts: message.attempts ?? UNDO_ATTEMPTS,
  };
  let now = step;
  while (!(await performUndo(work, now, spec))) {
    const [body] = await runs.store.read([stepKey(run.id, message.at)]);
    now = body ? asStep(body) : now;
    if (now.undoState === 'undone') return;
  }
}
