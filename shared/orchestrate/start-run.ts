// Starting a run: its records, then its execution. The one way to start, for the API, the queue, the sweep and the command line.
//
//   T1. Between a run's record and the start of its execution nothing is waited for but these two: on one machine they are one commit.
//   T2. What is on record can be started by anybody: the record has all that the start needs, and a Standard execution of the run's name starts
//       once.

import { ApiError } from '../contract/index.ts';
import { isJsonObject, type Json } from '../json.ts';
import { toPointer } from '../protocol/pointer.ts';
import { publicRunId } from '../protocol/run-id.ts';
import type { RunRef } from '../protocol/step-message.ts';
import {
  createRun,
  endRun,
  ensureRun,
  escapeReserved,
  findRun,
  isFinal,
  type NewRun,
  type RunRecord,
  type Runs,
  readValue,
  runRecordKey,
  shapeValue,
} from '../runs/index.ts';
import type { Catalog, Executions, StartedWorkflow } from './ports.ts';

/** A run that could not be started by then is given up (`sweep.ts`): what stands in its way will not go away. */
export const GIVE_UP_MS = 24 * 3_600_000;

const NOT_TO_BEGIN = JSON.stringify({ message: 'the run had ended before it began' });

/** Bytes of a run's input that an execution holds; a larger one is stored, and the execution gets a reference with what the file reads of it. */
const MAX_INPUT_BYTES = 200_000;

export interface StartParts {
  runs: Runs;
  executions: Pick<Executions, 'start' | 'stop'>;
}

/** What is recorded of a run beside its workflow, input and times. */
export type RunFacts = Pick<NewRun, 'tenant' | 'mode' | 'jobId' | 'attempt' | 'retryOf' | 'reuse' | 'receipt' | 'request'>;

/** A run's input, as it is recorded and as its execution gets it. */
export interface PreparedInput {
  recorded: Json;
  given: Json;
}

/**
 * Makes ready a Standard run's input: reserved keys escaped, Maestro's own key dropped, a large value stored.
 * @throws ApiError invalid when what the file reads of it does not fit into a state
 */
export async function prepareInput(runs: Runs, runId: string, workflow: StartedWorkflow, input: Json): Promise<PreparedInput> {
  const recorded = escapeReserved(input);
  return { recorded, given: await executionInput(runs, runId, workflow, recorded) };
}

/**
 * Records a Standard run as queued: it will run, whatever happens to this process. A run that is on record stays as it is.
 * @param deadlineMs epoch ms; left out for a run that is to be started later
 */
export function recordRun(
  { runs }: Pick<StartParts, 'runs'>,
  { name, version, timeoutMs }: StartedWorkflow,
  runId: string,
  input: PreparedInput,
  facts: RunFacts,
  deadlineMs?: number,
): Promise<RunRecord> {
  return createRun(runs, {
    id: runId,
    workflow: name,
    version,
    input: input.recorded,
    ...(deadlineMs === undefined ? { latestMs: runs.clock.now() + GIVE_UP_MS + timeoutMs } : { deadlineMs }),
    ...facts,
  });
}

/**
 * Records a Standard run and starts its execution. Done again, it is the same run.
 * @throws ThrottledError, ForeignRunError
 */
export async function startRun(
  parts: StartParts,
  workflow: StartedWorkflow,
  runId: string,
  input: PreparedInput,
  facts: RunFacts,
): Promise<void> {
  await recordRun(parts, workflow, runId, input, facts, parts.runs.clock.now() + workflow.timeoutMs);
  await beginExecution(parts, workflow, runId, input.given);
}

/**
 * Starts an Express run: its id is known once it has begun, so it is recorded afterwards, and nothing on record would start it again.
 * @param name of the execution; Express takes any number of the same name
 * @param facts of the run of this id
 * @returns the run's id
 * @throws ThrottledError
 */
export async function startExpressRun(
  { runs, executions }: StartParts,
  workflow: StartedWorkflow,
  name: string,
  input: Json,
  facts: (runId: string) => RunFacts,
): Promise<string> {
  const recorded = escapeReserved(input);
  const { executionArn, startTime } = await executions.start({ entry: workflow, name, input: ownKeysOnly(recorded) });
  const run: RunRef = [executionArn, startTime];
  const runId = publicRunId(run);
  const deadlineMs = Date.parse(startTime) + workflow.timeoutMs;
  await createRun(runs, { run, workflow: workflow.name, version: workflow.version, input: recorded, deadlineMs, ...facts(runId) });
  await runs.store.durable();
  return runId;
}

/**
 * Starts a run that is on record and has not begun. False when there is none, it has begun, or it has ended.
 * @throws ThrottledError
 */
export async function startRecorded(parts: StartParts & { catalog: Pick<Catalog, 'find'> }, runId: string): Promise<boolean> {
  const { runs, catalog } = parts;
  const record = await findRun(runs, runId);
  if (record?.status !== 'queued') return false;
  const workflow = await catalog.find(record.workflow);
  if (!workflow)
    return endUnstarted(runs, record, 'Maestro.BadConfiguration', `workflow ${record.workflow}: it was taken away before the run began`);
  try {
    const recorded = (await readValue(runs, runId, 'INPUT')) ?? null;
    await beginExecution(parts, workflow, runId, await executionInput(runs, runId, workflow, recorded));
    return true;
  } catch (error) {
    // The workflow was replaced by one that cannot take this input.
    if (error instanceof ApiError) return endUnstarted(runs, record, 'Maestro.BadConfiguration', error.message);
    throw error;
  }
}

/** Ends a run that cannot be started. Answers false: it was not. */
export async function endUnstarted(runs: Runs, record: RunRecord, error: string, message: string): Promise<false> {
  await endRun(runs, record, { status: 'failed', error: { step: null, error, message, also: [] } }, ['queued']);
  return false;
}

async function beginExecution({ runs, executions }: StartParts, workflow: StartedWorkflow, runId: string, input: Json): Promise<void> {
  const { executionArn, startTime } = await executions.start({ entry: workflow, name: runId, input });
  const [record] = await runs.store.read([runRecordKey(runId)]);
  const run = await ensureRun(runs, [executionArn, startTime], record, Date.parse(startTime) + workflow.timeoutMs);
  // It was cancelled in this very moment: nothing of it is to go on.
  if (isFinal(run.status) && run.execution === null) await executions.stop(executionArn, 'Maestro.Cancelled', NOT_TO_BEGIN);
}

/** The input as the execution holds it: whole, or a reference with the paths that the file reads. @throws ApiError */
async function executionInput(runs: Runs, runId: string, { inputPaths, name }: StartedWorkflow, recorded: Json): Promise<Json> {
  const input = ownKeysOnly(recorded);
  const shaped = await shapeValue(runs.blobs, `${runId}/EXECUTION`, input, { budget: MAX_INPUT_BYTES, keep: inputPaths.map(toPointer) });
  if (shaped.fits) return shaped.value;
  const what = shaped.path === '' ? 'the input' : `\`.input.${shaped.path}\``;
  throw new ApiError(
    'invalid',
    `workflow ${name}: ${what}, which the file reads, has ${shaped.bytes} bytes; a state holds ${shaped.budget}. Pass a large value as one that a call's input takes whole, or read less of it.`,
  );
}

/** `$maestro` is Maestro's own key of an execution's input; from outside it means nothing. */
function ownKeysOnly(input: Json): Json {
  if (!isJsonObject(input) || !Object.hasOwn(input, '$maestro')) return input;
  const { $maestro: _dropped, ...rest } = input;
  return rest;
}
