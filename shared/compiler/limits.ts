// What AWS allows, and what a run of a workflow can use of it. Told at compile time, checked before the first item at run time.

import { compensateOf, type ForeachStep, type Retry, type Step, type Workflow } from '../workflow/index.ts';
import { childSequences, isUndoable, stepsWithin } from './analyse.ts';

/** AWS quota: events in the history of one execution (hard). */
const MAX_EVENTS = 25_000;
/** Kept free for the end, the report and what a run of the undo chain repeats. */
const RESERVED_EVENTS = 1_000;

/** What all collected results of a block may take together: a state holds 256 KiB. */
export const COLLECTED_BYTES = 204_800;
/** What one result may have where nothing says less; left out of messages. */
export const DEFAULT_BUDGET = 32_768;
/** A result may always have this much, so a collecting foreach has at most `COLLECTED_BYTES / SMALLEST_BUDGET` items. */
export const SMALLEST_BUDGET = 256;

/**
 * The most items that a foreach may have so that the run, its retries and its undo stay below 25,000 events. With foreach steps nested in each
 * other every level gets an equal share.
 */
export function largestForeach(workflow: Workflow, step: ForeachStep): number {
  const depth = foreachDepth(step);
  const perItem = 2 + eventsOf(workflow, step.steps);
  const rest = eventsOf(workflow, workflow.steps);
  const left = Math.max(MAX_EVENTS - RESERVED_EVENTS - rest, perItem);
  return Math.max(1, Math.floor((left / perItem) ** (1 / depth)));
}

function foreachDepth(step: ForeachStep): number {
  let deepest = 0;
  for (const inner of stepsWithin(step.steps)) if (inner.kind === 'foreach') deepest = Math.max(deepest, foreachDepth(inner));
  return 1 + deepest;
}

/** Events of a sequence at worst, every foreach counted as one item, undo included. 8-aws §2.7 has the counts per state. */
export function eventsOf(workflow: Workflow, steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + eventsOfStep(workflow, step), 0);
}

function eventsOfStep(workflow: Workflow, step: Step): number {
  const guard = step.when ? 2 : 0;
  const undo = isUndoable(step) ? 5 : 0;
  const inside = childSequences(step).map((steps) => eventsOf(workflow, steps));
  switch (step.kind) {
    case 'call': {
      const service = workflow.services[step.service];
      const retry: Retry | undefined = step.retry ?? service?.retry;
      return guard + undo + 6 + 3 * ((retry?.attempts ?? 1) - 1);
    }
    case 'parallel':
      return guard + 6 + inside.reduce((sum, events) => sum + events + 2, 0);
    case 'foreach':
      return guard + 8 + 2 + (inside[0] ?? 0) + undoPage(step);
    case 'switch':
      return guard + 2 + Math.max(0, ...inside);
    case 'workflow':
      // A result that was stored for its size: the expression that failed, and the Task that loads it.
      return guard + undo + 6 + (step.output === null ? 0 : 6);
    default:
      return guard + undo + 6;
  }
}

function undoPage(step: ForeachStep): number {
  return stepsWithin(step.steps).some(isUndoable) ? 13 : 0;
}

/** Undo defaults of 2-language: 10 tries, exponential from 2 s to 5 min. */
export const UNDO_RETRY: Retry = { attempts: 10, backoff: 'exponential', initialMs: 2_000, maxMs: 300_000 };
/** An open breaker is waited for this long by an undo. */
export const BREAKER_WAIT_SECONDS = 3_600;
/** A year: the longest execution. */
const LONGEST_RUN_SECONDS = 31_536_000;

/** Seconds that the undo of a workflow can take at worst; every foreach is counted as a hundred items. At most a year. */
export function longestUndoSeconds(workflow: Workflow): number {
  const secondsOf = (steps: readonly Step[]): number => steps.reduce((sum, step) => sum + secondsOfStep(step), 0);
  const secondsOfStep = (step: Step): number => {
    const inside = childSequences(step).reduce((sum, steps) => sum + secondsOf(steps), 0) * (step.kind === 'foreach' ? 100 : 1);
    if (!isUndoable(step)) return inside;
    const undo = compensateOf(step);
    const retry = undo?.retry ?? UNDO_RETRY;
    const timeoutMs = undo ? (undo.timeoutMs ?? workflow.services[undo.service]?.timeoutMs ?? 30_000) : 3_600_000;
    const breakerWait = workflow.execution === 'express' ? 0 : BREAKER_WAIT_SECONDS;
    return inside + retry.attempts * (Math.ceil(timeoutMs / 1000) + (breakerWait === 0 ? 0 : 30)) + delaySeconds(retry) + breakerWait;
  };
  return Math.min(LONGEST_RUN_SECONDS, secondsOf(workflow.steps));
}

/** Seconds of waiting between all tries, without jitter. */
export function delaySeconds(retry: Retry): number {
  let sum = 0;
  for (let i = 0; i < retry.attempts - 1; i++) {
    sum += Math.min(retry.maxMs, retry.initialMs * (retry.backoff === 'exponential' ? 2 ** i : 1)) / 1000;
  }
  return Math.ceil(sum);
}
