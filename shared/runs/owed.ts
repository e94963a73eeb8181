// What a run owes: which of its steps still have something to undo. One rule for the chain, the pages, the report and recovery.

import type { StepRecord } from './records.ts';

/** What is to be done about one step when its run is undone. */
export type Owed =
  /** Nothing, or nothing any more. */
  | 'nothing'
  /** Its undo has to be called. */
  | 'undo'
  /** Nobody knows whether it was performed, and its undo may not be called on a doubt: it has to be listed. */
  | 'list'
  /** An invocation may still be at work on it: wait for its lease. */
  | 'wait'
  /** A sub-workflow: its own record says. */
  | 'child';

/** @param round the undo that asks: one that failed for good, or was listed, is not asked again in the same round */
export function owed(step: StepRecord, round: number): Owed {
  if (step.undoState === 'undone') return 'nothing';
  if ((step.undoState === 'undo_failed' || step.undoState === 'unresolved') && (step.undoRound ?? 0) >= round) return 'nothing';
  switch (step.state) {
    case 'child':
      return step.owesNothing ? 'nothing' : 'child';
    case 'started':
    case 'waiting':
      return step.undo ? 'wait' : 'nothing';
    case 'done':
    case 'done_late':
      return step.undo ? 'undo' : 'nothing';
    case 'unknown':
      if (!step.undo) return 'nothing';
      return step.undo.onUnknown ? 'undo' : 'list';
    case 'not_performed':
    case 'skipped':
      return 'nothing';
  }
}
