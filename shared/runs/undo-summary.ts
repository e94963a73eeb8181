// What an undo has come to, from the records alone.

import type { Json, JsonObject } from '../json.ts';
import type { UndoSpec } from '../protocol/step-message.ts';
import { owed } from './owed.ts';
import type { RunRecord, RunStatus, StepRecord } from './records.ts';

/** Characters of a report: beside the failure and the input of its run, well below the 400 KB of a DynamoDB item. */
const MAX_REPORT = 64_000;

export interface UndoSummary {
  status: Extract<RunStatus, 'compensated' | 'compensation_failed' | 'failed' | 'cancelled'>;
  /** In the order of the file; they were undone in reverse. */
  undone: { step: string; at: string }[];
  /** Performed, and not undone. */
  left: { step: string; at: string; error: string; message: string; undo: UndoSpec | null }[];
  /** Perhaps performed, and not undone. */
  unresolved: { step: string; at: string; undo: UndoSpec | null }[];
  /** Passed, and said to have no undo. */
  irreversible: { step: string; at: string }[];
}

/** What is told when an undo ends with something left: enough to do it by hand. Secrets are in it by name only. */
export interface DeadLetter {
  runId: string;
  execution: string | null;
  workflow: string;
  version: string | null;
  status: RunStatus;
  error: string;
  step: string | null;
  left: UndoSummary['left'];
  unresolved: UndoSummary['unresolved'];
}

/** @param children statuses of the sub-workflows by public id */
export function summarizeUndo(run: RunRecord, steps: StepRecord[], children: ReadonlyMap<string, RunStatus>): UndoSummary {
  const summary: UndoSummary = { status: 'failed', undone: [], left: [], unresolved: [], irreversible: [] };
  for (const record of steps) {
    const { step, at } = record;
    const undo = record.undo ?? null;
    if (record.irreversible && (record.state === 'done' || record.state === 'done_late' || record.state === 'unknown'))
      summary.irreversible.push({ step, at });
    if (record.undoState === 'undone') summary.undone.push({ step, at });
    else if (record.undoState === 'unresolved') summary.unresolved.push({ step, at, undo });
    else if (record.state === 'child') sortChild(summary, record, children.get(record.child ?? ''));
    else if (record.undoState === 'undo_failed') {
      summary.left.push({
        step,
        at,
        error: record.undoFailure?.error ?? 'Maestro.Lost',
        message: messageText(record.undoFailure?.message),
        undo,
      });
    } else if (owed(record, run.round ?? 1) !== 'nothing') {
      summary.left.push({ step, at, error: record.undoFailure?.error ?? 'Maestro.Lost', message: 'its undo did not come to an end', undo });
    }
  }
  if (summary.left.length > 0 || summary.unresolved.length > 0) summary.status = 'compensation_failed';
  else if (run.cancel || run.error?.error === 'Maestro.Cancelled') summary.status = 'cancelled';
  else if (summary.undone.length > 0) summary.status = 'compensated';
  return summary;
}

/** The summary as the RUN record keeps it and the report tells it; shortened as `fitLists` does. The steps' own records have all of it. */
export function undoReport({ undone, left, unresolved, irreversible }: UndoSummary): JsonObject {
  const lists = {
    undone: undone.map(({ step }) => step),
    left: left.map(({ step, error, message }) => ({ step, error, message })),
    unresolved: unresolved.map(({ step }) => step),
    irreversible: irreversible.map(({ step }) => step),
  };
  return fitLists({}, lists, MAX_REPORT);
}

/**
 * An object of `head` and `lists` whose JSON has at most `most` characters: the ends of the lists go. `<name>_count` beside a list that was
 * shortened, now or before (then it stands in `counts`), tells how long it was.
 */
export function fitLists(head: JsonObject, lists: { [name: string]: Json[] }, most: number, counts: JsonObject = {}): JsonObject {
  for (let length = Math.max(...Object.values(lists).map((list) => list.length)); ; length = Math.floor(length / 2)) {
    const fitted: JsonObject = { ...head };
    for (const [name, list] of Object.entries(lists)) {
      fitted[name] = list.slice(0, length);
      const count = counts[`${name}_count`] ?? list.length;
      if (typeof count === 'number' && count > Math.min(length, list.length)) fitted[`${name}_count`] = count;
    }
    if (length === 0 || JSON.stringify(fitted).length <= most) return fitted;
  }
}

export function deadLetter(run: RunRecord, { status, left, unresolved }: UndoSummary): DeadLetter {
  const { id, execution, workflow, version } = run;
  return {
    runId: id,
    execution,
    workflow,
    version,
    status,
    error: run.error?.error ?? 'Maestro.Aborted',
    step: run.error?.step ?? null,
    left,
    unresolved,
  };
}

function sortChild(summary: UndoSummary, { step, at, child, undoFailure, owesNothing }: StepRecord, status: RunStatus | undefined): void {
  if (owesNothing) return;
  if (status === 'compensated') summary.undone.push({ step, at });
  else if (status === undefined || status === 'failed' || status === 'cancelled') return;
  else {
    const message = `the sub-workflow's run ${child ?? ''} is ${status}`;
    summary.left.push({ step, at, error: undoFailure?.error ?? 'Maestro.Lost', message, undo: null });
  }
}

/** The human part of a recorded failure. */
function messageText(message: string | undefined): string {
  if (message === undefined) return '';
  try {
    const parsed: unknown = JSON.parse(message);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed && typeof parsed.message === 'string') return parsed.message;
  } catch {
    // Prose.
  }
  return message;
}
