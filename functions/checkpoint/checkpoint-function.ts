// Opens a checkpoint: its record, with the task token that its answer goes to, and the run's status. Nothing runs while it is open.

import type { JsonObject } from '../../shared/json.ts';
import { type CheckpointMessage, MESSAGE_VERSION } from '../../shared/protocol/step-message.ts';
import {
  type CheckpointRecord,
  checkpointKey,
  ensureRun,
  isClosed,
  type RunRecord,
  type Runs,
  readRun,
  runKeyOf,
  runRecordKey,
} from '../../shared/runs/index.ts';
import { StepError } from '../step/index.ts';

/** @throws StepError when the run takes no more steps, or the message is of another format */
export type CheckpointFunction = (message: CheckpointMessage) => Promise<null>;

export interface CheckpointFunctionOptions {
  runs: Runs;
}

export function createCheckpointFunction({ runs }: CheckpointFunctionOptions): CheckpointFunction {
  return async (message) => {
    if (message.v !== MESSAGE_VERSION)
      throw new StepError(
        'Maestro.BadConfiguration',
        JSON.stringify({ step: message.step, message: `message format ${String(message.v)}: expected ${MESSAGE_VERSION}` }),
      );
    const run = runKeyOf(message.run);
    const deadlineMs = Math.min(run.startMs + message.limit, message.run[2]?.deadline ?? Number.POSITIVE_INFINITY);
    const [body] = await runs.store.read([runRecordKey(run.id)]);
    refuseIfClosed(await ensureRun(runs, message.run, body, deadlineMs), message);
    const opened = await open(runs, message, deadlineMs);
    // Whoever cancelled or claimed the run since then has not seen this checkpoint, so nobody would answer its token.
    try {
      refuseIfClosed(await readRun(runs, run.id), message);
    } catch (error) {
      await runs.store.update(checkpointKey(run.id, message.at), { set: { state: 'cancelled' } }, { equals: { state: 'open' } });
      throw error;
    }
    await runs.store.update(runRecordKey(run.id), { set: { status: 'waiting_checkpoint' } }, { equals: { status: 'running' } });
    if (opened) await runs.append(run.id, 'checkpoint.waiting', { step: message.step, at: message.at, title: message.title }, deadlineMs);
    await runs.store.durable();
    return null;
  };
}

/** False when it was open already: asked again, it only takes the new token. */
async function open(runs: Runs, message: CheckpointMessage, deadlineMs: number): Promise<boolean> {
  const now = runs.clock.now();
  const key = checkpointKey(runKeyOf(message.run).id, message.at);
  const record: CheckpointRecord = {
    step: message.step,
    at: message.at,
    state: 'open',
    token: message.token,
    openedAtMs: now,
    expiresAtMs: Math.min(now + message.timeout * 1_000, deadlineMs),
    title: message.title,
    allow: message.allow,
    onTimeout: message.onTimeout,
  };
  if (message.prompt !== undefined) record.prompt = message.prompt;
  if (message.options) record.options = message.options;
  if (message.fields !== undefined) record.fields = message.fields;
  if (message.default !== undefined) record.default = message.default;
  if (await runs.store.put(key, record as JsonObject, { absent: true }, runs.expiresAt(deadlineMs))) return true;
  await runs.store.update(key, { set: { token: message.token } }, { equals: { state: 'open' } });
  return false;
}

/** @throws StepError when the run was cancelled, has ended or is being undone */
function refuseIfClosed(record: RunRecord, message: CheckpointMessage): void {
  if (record.cancel) throw refused('Maestro.Cancelled', message, 'the run was cancelled');
  if (isClosed(record)) throw refused('Maestro.Stopped', message, `the run takes no new steps: it is ${record.status}`);
}

function refused(name: 'Maestro.Cancelled' | 'Maestro.Stopped', { step }: CheckpointMessage, message: string): StepError {
  return new StepError(name, JSON.stringify({ step, message }));
}
