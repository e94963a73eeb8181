// Writing a step's successful end: the result as the state holds it, and beside it the finished undo request.

import type { Json, JsonObject } from '../json.ts';
import type { UndoSpec } from '../protocol/step-message.ts';
import { runRecordKey, stepKey } from './keys.ts';
import { needsError, resolveLate } from './late.ts';
import { noteLate } from './late-step.ts';
import { asRun, asStep, type StepRecord } from './records.ts';
import type { Runs } from './runs.ts';
import { isStored, loadStored, type Shape, selectPointers, shapeValue, storeValue } from './values.ts';

/** Bytes of a whole answer that a record keeps for its undo, beside the result. */
const INLINE_WHOLE_BYTES = 16_384;
/** Bytes of an undo's input that a record holds: with the largest result (200 KB) well below the 400 KB of a DynamoDB item. */
const INLINE_UNDO_BYTES = 65_536;

interface Failure {
  name: string;
  message: string;
}

export interface DoneOptions {
  shape: Shape;
  /** The answer cannot be used: performed, and failed all the same. */
  failure?: Failure;
  /** Makes the failure of a result whose read parts do not fit. `path`: '' for all of it. */
  tooLarge: (path: string, bytes: number, budget: number) => Failure;
  /** Marks (`forGood`, `letGo`) for a failure. */
  mark?: (failure: Failure) => { forGood?: true; letGo?: true };
  /** Epoch seconds. */
  expiresAt: number;
}

/**
 * Writes `done` over one's own `started` (or `waiting`), or what is true where the record went on: `done_late` over an unknown one (sealed, or
 * the end of a later attempt), `done` over another invocation's `started`. Undefined when there was nothing to add: the record has an end.
 * @param answer the whole answer, reserved keys escaped
 */
export async function writeDone(
  runs: Runs,
  runId: string,
  started: StepRecord,
  answer: Json,
  options: DoneOptions,
): Promise<StepRecord | undefined> {
  const { store, blobs, clock } = runs;
  const { select } = options.shape;
  const shaped = await shapeValue(blobs, `${runId}/${started.at}`, select ? selectPointers(answer, select) : answer, options.shape);
  const { shape: _terms, ...kept } = started;
  const record: StepRecord = { ...kept, state: 'done', endedAtMs: clock.now(), leaseUntilMs: 0, output: shaped.fits ? shaped.value : null };
  const failed = options.failure ?? (shaped.fits ? undefined : options.tooLarge(shaped.path, shaped.bytes, shaped.budget));
  if (failed) Object.assign(record, { failure: { error: failed.name, message: failed.message }, ...options.mark?.(failed) });
  if (started.undo) {
    const isOutput = !select && shaped.fits && !shaped.stored;
    Object.assign(record, await finishUndo(runs, runId, started.at, started.undo, { value: answer, isOutput }));
  }
  const key = stepKey(runId, started.at);
  if (await store.put(key, record as unknown as JsonObject, { equals: { state: started.state, owner: started.owner } }, options.expiresAt))
    return record;

  const [body] = await store.read([key]);
  const now = body && asStep(body);
  if (!now) return undefined;
  const late = now.state === 'unknown' && now.undoState !== 'undone' && now.undoState !== 'started';
  if (!late && now.state !== 'started') return undefined;
  // Before the record: a process that dies in between has told the sweep to look, and not the other way round.
  if (late) await noteLateNow(runs, runId, record);
  const written: StepRecord = { ...record, state: late ? 'done_late' : 'done' };
  // Listed in this round, as unresolved or because its undo failed without this answer: the next one undoes it.
  if (now.undoState) Object.assign(written, { undoState: now.undoState, undoRound: now.undoRound ?? 0 });
  if (now.undoFailure) written.undoFailure = now.undoFailure;
  const condition = { equals: { state: now.state, owner: now.owner, undoState: now.undoState ?? null } };
  return (await store.put(key, written as unknown as JsonObject, condition, options.expiresAt)) ? written : undefined;
}

/**
 * The undo request of a step whose answer is known, as its record keeps it; with the whole answer where the failure has to be known too.
 * @param answer.isOutput the record's output is the whole answer
 */
export async function finishUndo(
  runs: Runs,
  runId: string,
  at: string,
  asked: UndoSpec,
  answer: { value: Json; isOutput: boolean },
): Promise<Pick<StepRecord, 'undo' | 'whole'>> {
  const undo = await resolveLate(asked, { output: answer.value });
  const kept = { undo: await keepUndo(runs, runId, at, undo) };
  return needsError(undo) && !answer.isOutput ? { ...kept, whole: await keepWhole(runs, runId, at, answer.value) } : kept;
}

/** The undo request of a step whole again: what `writeDone` put away is loaded. @throws BadReferenceError */
export async function loadUndo(runs: Runs, runId: string, at: string, spec: UndoSpec): Promise<UndoSpec> {
  if (!isStored(spec.input) || !spec.input.$stored.key.startsWith(`${undoName(runId, at)}.`)) return spec;
  return { ...spec, input: await loadStored(runs.blobs, runId, spec.input) };
}

async function keepUndo(runs: Runs, runId: string, at: string, undo: UndoSpec): Promise<UndoSpec> {
  if (undo.input === undefined || Buffer.byteLength(JSON.stringify(undo.input)) <= INLINE_UNDO_BYTES) return undo;
  return { ...undo, input: await storeValue(runs.blobs, undoName(runId, at), undo.input) };
}

function undoName(runId: string, at: string): string {
  return `${runId}/${at}.undo`;
}

async function noteLateNow(runs: Runs, runId: string, step: StepRecord): Promise<void> {
  const [control] = await runs.store.read([runRecordKey(runId)]);
  if (control) await noteLate(runs, asRun(control), step);
}

async function keepWhole(runs: Runs, runId: string, at: string, answer: Json): Promise<Json> {
  if (Buffer.byteLength(JSON.stringify(answer)) <= INLINE_WHOLE_BYTES) return answer;
  return storeValue(runs.blobs, `${runId}/${at}.whole`, answer);
}
