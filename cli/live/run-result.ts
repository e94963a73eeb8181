// How a run ended, for people: its output, or the failure with what was undone, in order.

import type { Envelope, Json, Orchestration, Step } from '../../sdk/index.ts';
import { printable } from '../../shared/printable.ts';
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
export function runResultText({ data }: Envelope, color: boolean): string {
  const { run } = data;
  const good = run.status === 'completed';
  const time = run.duration_ms === null ? '' : dim(`  ${durationText(run.duration_ms)}`, color);
  const head = `${good ? green('✓', color) : red('✗', color)} ${bold(run.workflow, color)} ${ENDINGS[run.status] ?? run.status}${time}  ${dim(run.id, color)}`;
  return `${[head, ...failureLines(data, color)].join('\n')}\n`;
}

function failureLines({ run_id, status, error, undo, steps }: Orchestration, color: boolean): string[] {
  if (status === 'completed') return [];
  const lines: string[] = [];
  if (error) lines.push(`  ${red(error.error, color)}${error.step === null ? '' : ` at ${error.step}`}: ${printable(error.message)}`);
  const undone = undoneSteps(steps);
  if (undone.length > 0) lines.push(`  undone, in this order: ${undone.map((label) => cyan(label, color)).join(', ')}`);
  for (const left of undo.left) lines.push(`  ${red('not undone', color)}: ${entryText(left)}`);
  for (const step of undo.unresolved)
    lines.push(`  ${red('unresolved', color)}: ${entryText(step)} may have been performed, and nobody undid it`);
  for (const step of undo.irreversible)
    lines.push(`  ${yellow('irreversible', color)}: ${entryText(step)} was performed, or may have been, and has no undo`);
  if (undo.left.length > 0) lines.push(`  \`maestro undo ${run_id}\` tries again what is left.`);
  return lines;
}

/** Labels of undone steps in the order in which they were undone: the record keeps that order in the places, last first. */
function undoneSteps(steps: readonly Step[]): string[] {
  const undone = steps.filter(({ status }) => status === 'undone');
  return undone.toSorted(lastFirst).map(({ step_id: step, at }) => labelOf({ step, at }));
}

function lastFirst(a: Step, b: Step): number {
  return a.at < b.at ? 1 : a.at > b.at ? -1 : 0;
}

function entryText(entry: Json): string {
  if (typeof entry === 'string') return printable(entry);
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return String(entry);
  const { step, error, message } = entry;
  return printable(`${String(step ?? '?')}${error ? ` (${String(error)}${message ? `: ${String(message)}` : ''})` : ''}`);
}
