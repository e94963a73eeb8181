import type { Json } from '../../shared/json.ts';
import { CallbackError, completeCallback, markAnswered, type Runs } from '../../shared/runs/index.ts';
import type { EngineExecutions } from './engine-executions.ts';
import { RuntimeProblem } from './problem.ts';

/** Below the control address: what stands before a callback's one-time token. The token itself is the permission to answer. */
export const CALLBACK_PATH = '/api/v2/callbacks/';

/**
 * Takes a service's answer to an `await: callback`: its record first, then the execution's task token. The first answer counts.
 * @throws RuntimeProblem `not_found` for a token that is none, `conflict` when the step has ended without it
 */
export async function answerCallback(
  runs: Runs,
  executions: Pick<EngineExecutions, 'succeedTask' | 'failTask'>,
  token: string,
  value: Json,
): Promise<void> {
  try {
    const result = await completeCallback(runs, token, { ok: true, value });
    if (result.ok) await executions.succeedTask(result.token, result.output);
    else await executions.failTask(result.token, result.error, result.cause);
    await markAnswered(runs, result.runId, result.at);
  } catch (error) {
    if (error instanceof CallbackError)
      throw new RuntimeProblem(error.reason === 'unknown' ? 'not_found' : 'conflict', `${error.message}.`);
    throw error;
  }
}
