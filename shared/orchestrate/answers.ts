// What comes from outside for a run that waits: answers to checkpoints and callbacks.
//
//   A1. The answer is on record before the execution's token is told of it; whoever dies in between leaves it to the sweep.
//   A2. A receipt says who answered what, before the answer is on record. Where another one was quicker after all, a second receipt says so.

import { ApiError, type ErrorCode, type ResolveRequest } from '../contract/index.ts';
import { type Json, type JsonObject, jsonProblem } from '../json.ts';
import {
  CallbackError,
  CheckpointError,
  completeCallback,
  markAnswered,
  resolveCheckpoint,
  type TokenAnswer,
  tenantOf,
} from '../runs/index.ts';
import type { Caller, RequestSource } from './ports.ts';
import { appendReceipt } from './receipts.ts';
import type { ServiceParts } from './service-parts.ts';

const CHECKPOINT_CODES: { [reason in CheckpointError['reason']]: ErrorCode } = {
  unknown: 'not_found',
  wrong: 'invalid',
  resolved: 'conflict',
  cancelled: 'conflict',
  expired: 'gone',
};

/** `Service.resolveCheckpoint`, for a run of the caller's tenant. @throws ApiError */
export async function answerCheckpoint(
  parts: ServiceParts,
  caller: Caller,
  source: RequestSource,
  runId: string,
  checkpointId: string,
  answer: ResolveRequest,
): Promise<void> {
  const { runs, audit } = parts;
  const subject: JsonObject = { run_id: runId, checkpoint_id: checkpointId, decision: answer.decision ?? null };
  let told = false;
  try {
    // Checked by the contract: a JSON object.
    const given = await resolveCheckpoint(runs, runId, checkpointId, answer as JsonObject, caller.principal, async () => {
      await appendReceipt(audit, caller, source, 'resolve', subject);
      told = true;
    });
    await tellToken(parts, runId, given);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const { reason, message, details } = error;
    if (told) await appendReceipt(audit, caller, source, 'resolve refused', { ...subject, reason });
    throw new ApiError(
      CHECKPOINT_CODES[reason],
      `${message}.${reason === 'unknown' ? ' `pending_checkpoints` of the run lists those that are open.' : ''}`,
      { cause: error, ...(details.length > 0 ? { details } : {}) },
    );
  }
}

/** `Service.answerCallback`. @throws ApiError */
export async function answerCallback(parts: ServiceParts, source: RequestSource, token: string, value: Json): Promise<void> {
  const { runs, audit } = parts;
  const problem = jsonProblem(value);
  if (problem !== undefined) throw new ApiError('invalid', `the answer ${problem}.`, { details: [{ path: [], message: problem }] });
  let refuse = async (_reason: string): Promise<unknown> => undefined;
  try {
    const { repeated, runId, ...given } = await completeCallback(runs, token, { ok: true, value }, async (run, at) => {
      const caller = { authMode: 'callback', tenant: tenantOf(run), principal: 'callback' } as const;
      const subject = { run_id: run.id, at };
      await appendReceipt(audit, caller, source, 'callback', subject);
      refuse = (reason) => appendReceipt(audit, caller, source, 'callback refused', { ...subject, reason });
    });
    if (repeated) await refuse('repeated');
    await tellToken(parts, runId, given);
  } catch (error) {
    if (error instanceof CallbackError) await refuse(error.reason);
    if (!(error instanceof CallbackError)) throw error;
    throw new ApiError(error.reason === 'unknown' ? 'not_found' : 'conflict', `${error.message}.`, { cause: error });
  }
}

/** Gives an answer that is on record to the execution. */
export async function tellToken({ runs, executions }: ServiceParts, runId: string, answer: TokenAnswer): Promise<void> {
  if (answer.ok) await executions.succeedTask(answer.token, answer.output);
  else await executions.failTask(answer.token, answer.error, answer.cause);
  await markAnswered(runs, runId, answer.at);
}
