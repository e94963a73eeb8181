// Everything that is on record about a run, for people.

import type { Checkpoint, Envelope, Step } from '../../sdk/index.ts';
import { printable } from '../../shared/printable.ts';
import { durationText } from '../text/duration.ts';
import { statusText } from '../text/status.ts';
import { bold, cyan, dim, red } from '../text/style.ts';
import { table } from '../text/table.ts';
import { runResultText } from './run-result.ts';
import { labelOf } from './step-lines.ts';

/** Head, steps, open checkpoints, and how it ended, with its output. */
export function runText(envelope: Envelope, color: boolean): string {
  const { run, steps, status, output, pending_checkpoints } = envelope.data;
  const asked = run.cancel_requested && run.completed_at === null ? ' (cancel requested)' : '';
  const head = table([
    ['run', bold(run.id, color)],
    ...(run.attempt > 1 ? [['attempt', `${run.attempt}${run.retry_of === null ? '' : `, retries ${run.retry_of}`}`]] : []),
    ['workflow', `${run.workflow} ${run.version ?? ''}`],
    ['status', `${statusText(status, color)}${asked}`],
    ['started', run.started_at ?? '-'],
    ['ended', run.completed_at ?? '-'],
    ['deadline', run.deadline ?? '-'],
  ]);
  const questions = pending_checkpoints.map((checkpoint) => `\n${checkpointText(run.id, checkpoint, color)}`).join('');
  const ending = run.completed_at === null ? '' : `\n${runResultText(envelope, color)}`;
  const result = status === 'completed' ? `\n${JSON.stringify(output, null, 2)}\n` : '';
  return `${head}\nsteps\n${table(steps.map((step) => stepRow(step, color)))}${questions}${ending}${result}`;
}

/** What a checkpoint asks, and how it is answered. Whoever started the run may have written some of it: it cannot draw over what stands around it. */
export function checkpointText(runId: string, checkpoint: Checkpoint, color: boolean): string {
  const { title, prompt, options, fields, expires_at } = checkpoint;
  const names = typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? Object.keys(fieldsOf(fields)) : [];
  const lines = [
    `${cyan('?', color)} ${bold(printable(title), color)}`,
    ...(prompt === null ? [] : [`  ${printable(typeof prompt === 'string' ? prompt : JSON.stringify(prompt))}`]),
    ...(options ?? []).map(({ value, label }) => `  ${printable(value)}${label === value ? '' : `  ${dim(printable(label), color)}`}`),
    `  ${dim(`expires ${expires_at}`, color)}`,
    `  \`${printable(answerCommand(runId, checkpoint, names))}\` answers it.`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The command that answers it, as it is to be typed but for the choice. */
function answerCommand(runId: string, { id, allow, options }: Checkpoint, fields: string[]): string {
  const option = options === null ? '' : ` --option ${options.map(({ value }) => value).join('|')}`;
  const answer = fields.length === 0 ? '' : ` --answer '{${fields.map((name) => `"${name}": …`).join(', ')}}'`;
  return `maestro resolve ${runId} ${id} --decision ${allow.join('|')}${option}${answer}`;
}

/** The answer's members, from its JSON Schema. */
function fieldsOf(schema: object): object {
  const properties = 'properties' in schema ? schema.properties : undefined;
  return typeof properties === 'object' && properties !== null ? properties : {};
}

function stepRow(step: Step, color: boolean): string[] {
  const failures = [step.error, step.undo_error].flatMap((error) => (error ? [`${red(error.error, color)}: ${error.message}`] : []));
  return [
    `  ${labelOf({ step: step.step_id, at: step.at })}`,
    statusText(step.status, color),
    step.duration_ms === null ? '' : dim(durationText(step.duration_ms), color),
    step.reused ? 'reused' : step.attempts > 1 ? `${step.attempts} tries` : '',
    failures.join('; '),
  ];
}
