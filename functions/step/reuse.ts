// A run that goes on from an earlier one: a step that was done there, with the same request, is not called again.
//
//   E1. Only a step that was done is taken over; everything else is done anew, by this run's own key.
//   E2. What is taken over is this run's from then on: its stored values are copied below this run's prefix, and its undo is this run's to call.
//   E3. A run that can be gone on from had nothing to undo. So what is to be undone of a step is for the present definition to say, which may
//       have got a `compensate` since: the request is finished with the answer on record.

import { fingerprint } from '../../shared/fingerprint.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { UndoSpec } from '../../shared/protocol/step-message.ts';
import {
  findReusable,
  finishUndo,
  isStored,
  loadStored,
  moveStored,
  nameless,
  type RunRecord,
  type StepRecord,
  stepKey,
} from '../../shared/runs/index.ts';
import type { Message, Work } from './call-work.ts';

type Earlier = NonNullable<Awaited<ReturnType<typeof findReusable>>>;

/** What makes two calls of one place the same: whom they ask for what, and what is kept of the answer. */
export function printOf(message: Message): string {
  const { select, keep, budget } = message;
  const asked: { [part: string]: unknown } =
    message.op === 'call'
      ? {
          name: message.service.name,
          type: message.service.type,
          endpoint: message.service.endpoint,
          verb: message.verb,
          method: message.method,
        }
      : { source: message.source, detailType: message.detailType };
  const given = message.op === 'call' ? (message.input ?? null) : message.detail;
  const parts: JsonObject = { input: nameless(given) };
  for (const [name, part] of Object.entries({ ...asked, select, keep, budget })) if (part !== undefined) parts[name] = part as Json;
  return fingerprint(parts);
}

/** Takes over the step from the run that this one goes on from. False: it has to be called, or somebody else has begun with it. */
export async function reuseStep(work: Work, run: RunRecord): Promise<boolean> {
  const { context, message } = work;
  const { runs } = context;
  const found = await findReusable(runs, run, message.at);
  if (!found || !isDone(found.step) || found.step.print !== printOf(message)) return false;
  const now = runs.clock.now();
  const { step, at, kind, service, output, print } = found.step;
  const kept = { service, output, print };
  const record: JsonObject = {
    step,
    at,
    kind,
    state: 'done',
    attempt: work.attempt,
    owner: work.me.owner,
    leaseUntilMs: 0,
    startedAtMs: now,
    endedAtMs: now,
    reused: true,
    ...(message.irreversible ? { irreversible: true } : {}),
    ...(message.token === undefined ? {} : { token: message.token }),
  };
  for (const [name, value] of Object.entries(kept)) {
    // Records are JSON.
    if (value !== undefined) record[name] = await moveStored(runs.blobs, found.runId, work.run.id, value as unknown as Json);
  }
  if (message.undo) Object.assign(record, await undoOf(work, message.undo, found));
  if (!(await runs.store.put(stepKey(work.run.id, at), record, { absent: true }, work.expiresAt))) return false;
  await runs.append(work.run.id, 'step.completed', { step, at, attempt: work.attempt, reused: true }, work.deadlineMs);
  await runs.store.durable();
  return true;
}

/** E3. */
async function undoOf(
  { context, message, run }: Work,
  asked: UndoSpec,
  { runId, step }: Earlier,
): Promise<Pick<StepRecord, 'undo' | 'whole'>> {
  const { runs } = context;
  const { output = null, whole = output } = step;
  const value = await loadStored(runs.blobs, runId, whole);
  return finishUndo(runs, run.id, message.at, asked, { value, isOutput: !message.select && !isStored(output) });
}

function isDone({ state, failure, undoState }: StepRecord): boolean {
  return state === 'done' && failure === undefined && undoState === undefined;
}
