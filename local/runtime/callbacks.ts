import type { Json } from '../../shared/json.ts';
import { CallbackError, completeCallback, type Runs } from '../../shared/runs/index.ts';
import type { Engine } from '../engine/index.ts';
import { RuntimeProblem } from './problem.ts';

/** Below the control address: what stands before a callback's one-time token. The token itself is the permission to answer. */
export const CALLBACK_PATH = '/api/v2/callbacks/';

/**
 * Takes a service's answer to an `await: callback`: its record first, then the execution's task token. The first answer counts.
 * @throws RuntimeProblem `not_found` for a token that is none, `conflict` when the step has ended without it
 */
export async function answerCallback(runs: Runs, engine: Engine, token: string, value: Json): Promise<void> {
  try {
    const result = await completeCallback(runs, token, { ok: true, value });
    if (result.ok) await engine.sendTaskSuccess(result.token, JSON.stringify(result.output));
    else await engine.sendTaskFailure(result.token, { error: result.error, cause: result.cause });
  } catch (error) {
    if (error instanceof CallbackError)
      throw new RuntimeProblem(error.reason === 'unknown' ? 'not_found' : 'conflict', `${error.message}.`);
    // The token was answered by an earlier request, or its task timed out: the record says what holds.
    if (!(error instanceof Error && ['TaskTimedOut', 'TaskDoesNotExist'].includes(error.name))) throw error;
  }
}
