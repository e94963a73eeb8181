// A retried run does not ask again what was answered: the answer that the run before it got stands, if the question is the same.

import { isDeepStrictEqual } from 'node:util';
import { asCheckpoint, type CheckpointRecord, checkpointKey, findEarlier, type RunRecord, type Runs } from '../../shared/runs/index.ts';

/** What makes a question the same: everything that the one who answered has seen. */
const QUESTION = ['step', 'title', 'prompt', 'options', 'fields', 'allow'] as const;

type Answered = Required<Pick<CheckpointRecord, 'decision' | 'answer' | 'by' | 'atMs' | 'answered' | 'reusedFrom'>> & { state: 'resolved' };

/** The answer of the run that this one goes on from; undefined where that was not asked the same, got no answer, or was rejected. */
export async function earlierAnswer(runs: Runs, run: RunRecord, asked: CheckpointRecord): Promise<Answered | undefined> {
  const found = await findEarlier(runs, run, (id) => checkpointKey(id, asked.at));
  if (!found) return undefined;
  const earlier = asCheckpoint(found.body);
  if (earlier.state !== 'resolved' || earlier.decision === undefined || earlier.decision === 'reject') return undefined;
  if (!QUESTION.every((field) => isDeepStrictEqual(earlier[field], asked[field]))) return undefined;
  const { decision, answer = null, by = '', atMs = 0 } = earlier;
  return { state: 'resolved', decision, answer, by, atMs, answered: false, reusedFrom: found.runId };
}
