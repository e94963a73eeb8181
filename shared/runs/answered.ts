// The marks around an answer to a task token: one on the run before it is recorded, one on the record when the execution has been told.
//
//   U1. A run is marked before an answer to one of its tokens is recorded. So the sweep, which reads every open run's record anyway, looks
//       further only where there can be something (`unanswered.ts`).

import { checkpointKey, runRecordKey, stepKey } from './keys.ts';
import type { Runs } from './runs.ts';

/** U1. */
export async function noteAnswer(runs: Runs, runId: string): Promise<void> {
  await runs.store.update(runRecordKey(runId), { set: { answerAtMs: runs.clock.now() } }, { present: true });
}

/** The token of the checkpoint or callback at this place has been answered, or takes no answer any more. */
export async function markAnswered(runs: Runs, runId: string, at: string): Promise<void> {
  for (const key of [checkpointKey(runId, at), stepKey(runId, at)]) {
    if (await runs.store.update(key, { set: { answered: true } }, { equals: { answered: false } })) return;
  }
}
