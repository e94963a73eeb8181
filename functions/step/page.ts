// Which items of a foreach have something to undo, last first.
//
//   P1. The loop over pages ends: an item that is handed out again and again without anything becoming of it is given up, and listed.

import type { JsonObject } from '../../shared/json.ts';
import type { PageMessage, PageResult } from '../../shared/protocol/step-message.ts';
import {
  asStep,
  claimForChain,
  ensureRun,
  listSteps,
  owed,
  type RunRecord,
  runKeyOf,
  runRecordKey,
  type StepRecord,
  stepKey,
  undoPass,
} from '../../shared/runs/index.ts';
import type { StepContext } from './context.ts';

/** Items in one answer. */
const PAGE = 500;
/** The same page this often: more than the retries of one lost answer, so the undo of its items does not come to an end. */
const MAX_REPEATS = 6;

/** Performs `op: page`. */
export async function pageItems(context: StepContext, message: PageMessage): Promise<PageResult> {
  const { runs } = context;
  const run = runKeyOf(message.run);
  const [body] = await runs.store.read([runRecordKey(run.id)]);
  const record = await claimForChain(runs, await ensureRun(runs, message.run, body), message.error);
  if (!record) return { items: [], more: false };
  const pending = await pendingItems(context, record, message.at);
  // Item numbers have a fixed width: text order is item order.
  const items = [...pending.keys()].sort().reverse();
  const page = items.slice(0, PAGE);
  if (items.length > PAGE && (await isStuck(context, record, message.at, page))) {
    await giveUp(
      context,
      record,
      page.flatMap((item) => pending.get(item) ?? []),
    );
    return pageItems(context, message);
  }
  return { items: page, more: items.length > PAGE };
}

/** Place of an item → its steps that are owed something. */
async function pendingItems({ runs }: StepContext, record: RunRecord, at: string): Promise<Map<string, StepRecord[]>> {
  const pending = new Map<string, StepRecord[]>();
  for (const step of await listSteps(runs, record.id, `${at}.`)) {
    if (owed(step, record.round ?? 1) === 'nothing' || step.askedIn === undoPass(record)) continue;
    const item = `${at}.${step.at.slice(at.length + 1).split('.', 1)[0] ?? ''}`;
    const steps = pending.get(item);
    if (steps) steps.push(step);
    else pending.set(item, [step]);
  }
  return pending;
}

async function isStuck({ runs }: StepContext, record: RunRecord, at: string, page: string[]): Promise<boolean> {
  const key = { pk: runRecordKey(record.id).pk, sk: `PAGE#${at}` };
  const [before] = await runs.store.read([key]);
  const same = before?.['first'] === page[0] && before?.['last'] === page.at(-1) && before?.['round'] === (record.round ?? 1);
  const repeats = same && typeof before?.['repeats'] === 'number' ? before['repeats'] + 1 : 0;
  const body: JsonObject = { first: page[0] ?? null, last: page.at(-1) ?? null, round: record.round ?? 1, repeats };
  await runs.store.put(key, body, undefined, runs.expiresAt(record.deadlineMs));
  return repeats >= MAX_REPEATS;
}

async function giveUp({ runs }: StepContext, record: RunRecord, steps: StepRecord[]): Promise<void> {
  const undoFailure = {
    error: 'Maestro.Lost',
    message: JSON.stringify({ message: 'its undo was begun again and again and never reported' }),
  };
  for (const { at } of steps) {
    const set = { undoState: 'undo_failed', undoRound: record.round ?? 1, undoFailure };
    const body = await runs.store.update(stepKey(record.id, at), { set }, { present: true });
    if (body)
      await runs.append(
        record.id,
        'compensation.step_failed',
        { step: asStep(body).step, at, error: undoFailure.error },
        record.deadlineMs,
      );
  }
}
