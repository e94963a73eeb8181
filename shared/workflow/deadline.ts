// How long a run may take: the waits on its longest path.

import type { Step } from './model.ts';
import { innerLists } from './walk.ts';

/** What a run may take beyond its waits where the file says no `timeout`. */
export const BASE_TIMEOUT_MS = 5 * 60_000;

/**
 * Waits, checkpoint and callback timeouts on the longest path, in ms: the sum of a sequence, the longest branch of a parallel block or switch,
 * a foreach's steps once (how many items there are is not known here). `wait: until` counts as nothing.
 */
export function longestWaitMs(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + stepWaitMs(step), 0);
}

/** The default of `timeout`: 5m plus the waits on the longest path. */
export function defaultTimeoutMs(steps: readonly Step[]): number {
  return BASE_TIMEOUT_MS + longestWaitMs(steps);
}

function stepWaitMs(step: Step): number {
  if (step.kind === 'wait') return step.waitMs ?? 0;
  if (step.kind === 'checkpoint') return step.timeoutMs;
  if (step.kind === 'call') return step.await === 'callback' ? (step.timeoutMs ?? 0) : 0;
  return Math.max(0, ...innerLists(step).map(({ steps }) => longestWaitMs(steps)));
}
