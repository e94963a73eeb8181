// Opens a checkpoint: its record, with the task token that its answer goes to, and the run's status. Nothing runs while it is open.

import type { JsonObject } from '../../shared/json.ts';
import { type CheckpointMessage, MESSAGE_VERSION } from '../../shared/protocol/step-message.ts';
import {
  asCheckpoint,
  type CheckpointRecord,
  checkpointId,
  checkpointKey,
  closeCheckpoint,
  ensureRun,
  isClosed,
  markAnswered,
  noteAnswer,
  type RunRecord,
  type Runs,
  readRun,
  runKeyOf,
  runRecordKey,
  settleWaiting,
  type TokenAnswer,
  tokenAnswer,
} from '../../shared/runs/index.ts';
import { StepError } from '../step/index.ts';
import { earlierAnswer } from './earlier-answer.ts';

/** @throws StepError when the run takes no more steps, or the message is of another format */
export type CheckpointFunction = (message: CheckpointMessage) => Promise<null>;

/** Answers task tokens. One that was answered, timed out or is gone is no error. */
export interface CheckpointExecutions {
  succeedTask(token: string, output: Extract<TokenAnswer, { ok: true }>['output']): Promise<void>;
  failTask(token: string, error: string, cause: string): Promise<void>;
}

export interface CheckpointFunctionOptions {
  runs: Runs;
  /** Left out: what is answered already is told by the sweep, and a retried run asks again. */
  executions?: CheckpointExecutions;
}

export function createCheckpointFunction({ runs, executions }: CheckpointFunctionOptions): CheckpointFunction {
  return async (message) => {
    if (message.v !== MESSAGE_VERSION)
      throw new StepError(
        'Maestro.BadConfiguration',
        JSON.stringify({ step: message.step, message: `message format ${String(message.v)}: expected ${MESSAGE_VERSION}` }),
      );
    const run = runKeyOf(message.run);
    const deadlineMs = Math.min(run.startMs + message.limit, message.run[2]?.deadline ?? Number.POSITIVE_INFINITY);
    const [body] = await runs.store.read([runRecordKey(run.id)]);
    const record = await ensureRun(runs, message.run, body, deadlineMs);
    refuseIfClosed(record, message);
    const asked = newRecord(runs, message, deadlineMs);
    const reused = executions && (await earlierAnswer(runs, record, asked));
    const { checkpoint, opened } = await open(runs, run.id, { ...asked, ...reused }, deadlineMs);
    // Whoever cancelled or claimed the run since then has not seen this checkpoint, so nobody would answer its token.
    try {
      refuseIfClosed(await readRun(runs, run.id), message);
    } catch (error) {
      await closeCheckpoint(runs, run.id, checkpoint, 'cancelled');
      throw error;
    }
    await settleWaiting(runs, run.id);
    if (opened) await tell(runs, run.id, checkpoint, deadlineMs);
    await runs.store.durable();
    if (checkpoint.state === 'resolved' && executions) {
      await giveAnswer(executions, tokenAnswer(checkpoint));
      await markAnswered(runs, run.id, message.at);
    }
    return null;
  };
}

function newRecord(runs: Runs, message: CheckpointMessage, deadlineMs: number): CheckpointRecord {
  const now = runs.clock.now();
  // The task's time counts from its state's entry: before this function began. Nobody may answer when it is over.
  const enteredMs = message.entered === undefined ? now : Math.min(now, Date.parse(message.entered));
  const record: CheckpointRecord = {
    step: message.step,
    at: message.at,
    state: 'open',
    token: message.token,
    openedAtMs: now,
    expiresAtMs: Math.min(enteredMs + message.timeout * 1_000, deadlineMs),
    title: message.title,
    allow: message.allow,
    onTimeout: message.onTimeout,
  };
  if (message.prompt !== undefined) record.prompt = message.prompt;
  if (message.options) record.options = message.options;
  if (message.fields !== undefined) record.fields = message.fields;
  if (message.default !== undefined) record.default = message.default;
  return record;
}

/** The record as it then is. Not `opened`: it was there, so the state was tried again and has a new token, which gets the answer. */
async function open(
  runs: Runs,
  runId: string,
  record: CheckpointRecord,
  deadlineMs: number,
): Promise<{ checkpoint: CheckpointRecord; opened: boolean }> {
  const key = checkpointKey(runId, record.at);
  if (record.state === 'resolved') await noteAnswer(runs, runId);
  if (await runs.store.put(key, record as JsonObject, { absent: true }, runs.expiresAt(deadlineMs)))
    return { checkpoint: record, opened: true };
  const { token } = record;
  const waiting = await runs.store.update(key, { set: { token } }, { equals: { state: 'open' } });
  if (waiting) return { checkpoint: asCheckpoint(waiting), opened: false };
  await noteAnswer(runs, runId);
  const resolved = await runs.store.update(key, { set: { token, answered: false } }, { equals: { state: 'resolved' } });
  const [ended] = resolved ? [resolved] : await runs.store.read([key]);
  return { checkpoint: ended ? asCheckpoint(ended) : record, opened: false };
}

async function tell(runs: Runs, runId: string, checkpoint: CheckpointRecord, deadlineMs: number): Promise<void> {
  const { step, at, state, title, decision = null, by = null } = checkpoint;
  const facts = { step, at, checkpoint: checkpointId(runId, at) };
  if (state === 'open') await runs.append(runId, 'checkpoint.waiting', { ...facts, title }, deadlineMs);
  else await runs.append(runId, 'checkpoint.resolved', { ...facts, decision, by, reused: true }, deadlineMs);
}

async function giveAnswer(executions: CheckpointExecutions, answer: TokenAnswer): Promise<void> {
  if (answer.ok) await executions.succeedTask(answer.token, answer.output);
  else await executions.failTask(answer.token, answer.error, answer.cause);
}

/** @throws StepError when the run was cancelled, has ended or is being undone */
function refuseIfClosed(record: RunRecord, message: CheckpointMessage): void {
  if (record.cancel) throw refused('Maestro.Cancelled', message, 'the run was cancelled');
  if (isClosed(record)) throw refused('Maestro.Stopped', message, `the run takes no new steps: it is ${record.status}`);
}

function refused(name: 'Maestro.Cancelled' | 'Maestro.Stopped', { step }: CheckpointMessage, message: string): StepError {
  return new StepError(name, JSON.stringify({ step, message }));
}
