// Limits that a file can go beyond, each with the way out. AWS quotas: 8-aws §3.1.

import { allSteps, compensateOf, type Workflow } from '../workflow/index.ts';
import type { LimitIssue } from './compile.ts';
import { longestUndoSeconds } from './limits.ts';
import type { Stats } from './stats.ts';

/** AWS: a definition has at most 1 MB (hard). */
const MAX_DEFINITION_BYTES = 1_000_000;
/** AWS: an Express run has 5 minutes; half a minute is kept for the end. */
const EXPRESS_SECONDS = 270;

/** What AWS would refuse or cut off. */
export function limitIssues(workflow: Workflow, stats: Stats): LimitIssue[] {
  const issues: LimitIssue[] = [];
  const first = workflow.steps[0]?.span ?? { start: 0, end: 0 };
  if (stats.bytes > MAX_DEFINITION_BYTES) {
    issues.push({
      code: 'MST3001',
      severity: 'error',
      message: `the state machine has ${stats.bytes.toLocaleString('en')} bytes after substitution; AWS allows ${MAX_DEFINITION_BYTES.toLocaleString('en')}`,
      hint: 'move a part of the steps into a workflow of its own and run it with a `workflow` step',
      span: first,
      path: 'steps',
    });
  }
  if (workflow.execution === 'express') issues.push(...expressIssues(workflow, first));
  return issues;
}

function expressIssues(workflow: Workflow, span: LimitIssue['span']): LimitIssue[] {
  const hasUndo = allSteps(workflow).some((step) => compensateOf(step) !== null);
  const undo = hasUndo ? longestUndoSeconds(workflow) : 0;
  const seconds = Math.ceil(workflow.timeoutMs / 1000) + undo;
  if (seconds <= EXPRESS_SECONDS) return [];
  return [
    {
      code: 'MST3002',
      severity: 'error',
      message: `an express run has ${EXPRESS_SECONDS} s for everything; this file may need ${seconds} s (timeout ${Math.ceil(workflow.timeoutMs / 1000)} s, undo ${undo} s)`,
      hint: 'lower `timeout`, give the undos fewer tries (`compensate.retry`), or use `execution: standard`',
      span,
      path: 'timeout',
    },
  ];
}
