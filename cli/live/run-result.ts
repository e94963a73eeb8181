// How a run ended, for people: its output, or the failure with what was undone, in order.

import type { RunView, StepView } from '../../local/runtime/index.ts';
import type { Json } from '../../shared/json.ts';
import { durationText } from '../text/duration.ts';
import { bold, cyan, dim, green, red, yellow } from '../text/style.ts';
import { labelOf } from './step-lines.ts';

/** What a run's end is called. */
const ENDINGS: { [status: string]: string } = {
  completed: 'completed',
  failed: 'failed; nothing had to be undone',
  compensated: 'failed, and everything that was done is undone',
  compensation_failed: 'failed, and NOT everything could be undone',
  cancelled: 'cancelled',
};

/** Lines for standard error. The output itself is not among them. */
export function runResultText(run: RunView, color: boolean): string {
  const good = run.status === 'completed';
  const time = run.duration_ms === null ? '' : dim(`  ${durationText(run.duration_ms)}`, color);
  const head = `${good ? green('✓', color) : red('✗', color)} ${bold(run.workflow, color)} ${ENDINGS[run.status] ?? run.status}${time}  ${dim(run.id, color)}`;
  return `${[head, ...failureLines(run, color)].join('\n')}\n`;
}

function failureLines(run: RunView, color: boolean): string[] {
  if (run.status === 'completed') return [];
  const lines: string[] = [];
  if (run.error)
    lines.push(`  ${red(run.error.error, color)}${run.error.step === null ? '' : ` at ${run.error.step}`}: ${run.error.message}`);
  const undone = undoneSteps(run);
  if (undone.length > 0) lines.push(`  undone, in this order: ${undone.map((label) => cyan(label, color)).join(', ')}`);
  for (const left of run.left) lines.push(`  ${red('not undone', color)}: ${entryText(left)}`);
  for (const step of run.unresolved)
    lines.push(`  ${red('unresolved', color)}: ${entryText(step)} may have been performed, and nobody undid it`);
  for (const step of run.irreversible)
    lines.push(`  ${yellow('irreversible', color)}: ${entryText(step)} was performed, or may have been, and has no undo`);
  if (run.left.length > 0) lines.push(`  \`maestro undo ${run.id}\` tries again what is left.`);
  return lines;
}

/** Labels of undone steps in the order in which they were undone: the record keeps that order in the places, last first. */
function undoneSteps(run: RunView): string[] {
  const steps = run.steps.filter(({ status }) => status === 'undone');
  return steps.toSorted(lastFirst).map(labelOf);
}

function lastFirst(a: StepView, b: StepView): number {
  return a.at < b.at ? 1 : a.at > b.at ? -1 : 0;
}

function entryText(entry: Json): string {
  if (typeof entry === 'string') return entry;
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return String(entry);
  const { step, error, message } = entry;
  return `${String(step ?? '?')}${error ? ` (${String(error)}${message ? `: ${String(message)}` : ''})` : ''}`;
}
