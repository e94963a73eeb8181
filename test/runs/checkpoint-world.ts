// Checkpoints opened as a definition opens them: by message to the checkpoint function.

import { createCheckpointFunction } from '../../functions/checkpoint/index.ts';
import type { Json } from '../../shared/json.ts';
import type { CheckpointMessage, RunRef } from '../../shared/protocol/step-message.ts';
import { createRuns, type RunEvent, type Runs, runKeyOf } from '../../shared/runs/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { jumpingClock, memoryBlobs, RUN, START, START_MS, type TestClock } from '../step/world.ts';

export const HOUR = 3_600_000;

export interface CheckpointWorld {
  runs: Runs;
  store: Store;
  clock: TestClock;
  events: (RunEvent & { runId: string })[];
  /** What tokens were answered with, in order. */
  answers: { token: string; output?: Json; error?: string; cause?: string }[];
  ask(more?: Partial<CheckpointMessage>): Promise<null>;
}

/** @param options.executions false: a function that cannot answer tokens itself */
export function checkpointWorld(options: { executions?: false; store?: Store } = {}): CheckpointWorld {
  const clock = jumpingClock(START_MS);
  const store = options.store ?? createSqliteStore(openDatabase({ path: ':memory:' }));
  const events: CheckpointWorld['events'] = [];
  const answers: CheckpointWorld['answers'] = [];
  const runs = createRuns({ store, blobs: memoryBlobs(), clock, onEvent: (runId, event) => events.push({ ...event, runId }) });
  const executions = {
    succeedTask: async (token: string, output: Json) => void answers.push({ token, output }),
    failTask: async (token: string, error: string, cause: string) => void answers.push({ token, error, cause }),
  };
  const open = createCheckpointFunction({ runs, ...(options.executions === false ? {} : { executions }) });
  return { runs, store, clock, events, answers, ask: (more) => open(question(more)) };
}

export function question(more: Partial<CheckpointMessage> = {}): CheckpointMessage {
  return {
    v: 1,
    op: 'checkpoint',
    run: RUN,
    step: 'ask',
    at: '0001',
    token: 'task-token-1',
    limit: 24 * HOUR,
    title: 'Go on?',
    allow: ['approve', 'edit', 'reject', 'respond'],
    timeout: 3_600,
    onTimeout: 'fail',
    ...more,
  };
}

/** Another execution's run. */
export function otherRun(name: string): { run: RunRef; id: string } {
  const run: RunRef = [`arn:aws:states:us-east-1:123456789012:execution:order:${name}`, START];
  return { run, id: runKeyOf(run).id };
}
