// The result of a sub-workflow that holds stored values, as its parent's state holds it.
//
//   L1. Only what the run's own child of that place gave is taken: a reference below another run's prefix is not believed.
//   L2. What is loaded is the parent's from then on: stored below its own prefix, with the paths that the parent reads.

import { sleep } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import type { LoadMessage } from '../../shared/protocol/step-message.ts';
import {
  asRun,
  asStep,
  BadReferenceError,
  ensureRun,
  findRun,
  isFinal,
  loadStored,
  type RunKey,
  type RunRecord,
  readValue,
  runKeyOf,
  runRecordKey,
  shapeValue,
  stepKey,
} from '../../shared/runs/index.ts';
import { shapeOf } from './call-work.ts';
import type { StepContext } from './context.ts';
import { failure } from './step-error.ts';

/** How long one invocation waits for the child's end to be on record; then Step Functions asks again. */
const WAIT_MS = 20_000;
const POLL_MS = 500;

/**
 * Performs `op: load`.
 * @throws StepError: `ResultTooLarge` when what the parent reads has no room in its state; `BadConfiguration` when there is no such child or a value
 * that it stored is gone; `ServiceUnavailable` while its end is not known
 */
export async function loadResult(context: StepContext, message: LoadMessage): Promise<Json> {
  const { runs } = context;
  const run = runKeyOf(message.run);
  const { step } = message;
  const [runBody, stepBody] = await runs.store.read([runRecordKey(run.id), stepKey(run.id, message.at)]);
  await ensureRun(runs, message.run, runBody, Math.min(run.startMs + message.limit, message.run[2]?.deadline ?? Number.POSITIVE_INFINITY));
  const child = await ownChild(context, message, run, stepBody && asStep(stepBody).child);
  const value = await loadWhole(context, step, child.id, await outputOf(context, step, child));
  const shaped = await shapeValue(runs.blobs, `${run.id}/${message.at}`, value, shapeOf(message));
  if (!shaped.fits) {
    const { path, bytes, budget } = shaped;
    const what = path === '' ? 'the result of the sub-workflow' : `"${path}" of the sub-workflow's result`;
    const told = `${what}, which later steps read, has ${bytes} bytes; ${budget} fit: read less of it, or let the sub-workflow give less`;
    throw failure('Maestro.ResultTooLarge', { step, outcome: 'done', message: told });
  }
  const [control] = await runs.store.read([runRecordKey(run.id)]);
  if (control && asRun(control).cancel) throw failure('Maestro.Cancelled', { step, outcome: 'done', message: 'the run was cancelled' });
  return shaped.value;
}

/** L1. */
async function ownChild({ runs }: StepContext, { step, at }: LoadMessage, run: RunKey, id: string | undefined): Promise<RunRecord> {
  const child = id === undefined ? undefined : await findRun(runs, id);
  const parent = child?.link?.parent;
  if (child && parent?.run === run.id && parent.at === at) return child;
  // A state that failed before it started the child comes here too: the failure of its expression is the same to a catcher.
  throw failure('Maestro.BadConfiguration', {
    step,
    message: 'the sub-workflow was not started: an expression of what it is given failed',
    outcome: 'not_performed',
  });
}

/** What the child gave: by its record, or where that has not heard of its end yet, by its execution. */
async function outputOf({ runs, executions }: StepContext, step: string, { id }: RunRecord): Promise<Json> {
  const until = runs.clock.now() + WAIT_MS;
  for (;;) {
    const child = await findRun(runs, id);
    // The state has seen a value, so null on record says only that nobody could tell it.
    const recorded = child && isFinal(child.status) ? await readValue(runs, id, 'OUTPUT') : undefined;
    if (recorded !== undefined && recorded !== null) return recorded;
    const told = child?.execution ? await executions?.output(child.execution) : undefined;
    if (told !== undefined) return JSON.parse(told) as Json;
    if (runs.clock.now() >= until) {
      const message = `the end of the sub-workflow's run ${id} is not known yet`;
      throw failure('Maestro.ServiceUnavailable', { step, message, outcome: 'done' });
    }
    await sleep(runs.clock, POLL_MS);
  }
}

async function loadWhole({ runs }: StepContext, step: string, childId: string, output: Json): Promise<Json> {
  try {
    return await loadStored(runs.blobs, childId, output);
  } catch (error) {
    if (!(error instanceof BadReferenceError)) throw error;
    throw failure('Maestro.BadConfiguration', { step, message: error.message, outcome: 'done' }, { cause: error });
  }
}
