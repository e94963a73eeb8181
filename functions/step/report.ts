// Closing an undo: the run's last status, and what the `Fail` state shows.

import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { ReportMessage, ReportResult } from '../../shared/protocol/step-message.ts';
import {
  childStatuses,
  claimForChain,
  deadLetter,
  endRun,
  ensureRun,
  errorInfo,
  fitLists,
  listSteps,
  type RunRecord,
  type RunStatus,
  readRun,
  runKeyOf,
  runRecordKey,
  summarizeUndo,
  undoReport,
} from '../../shared/runs/index.ts';
import type { StepContext } from './context.ts';

/** Step Functions ends a cause at 32,768 characters. */
const MAX_CAUSE = 30_000;
const MAX_MESSAGE = 2_000;

/** Performs `op: report`. Asked again, it answers the same. */
export async function report(context: StepContext, message: ReportMessage): Promise<ReportResult> {
  const { runs } = context;
  const run = runKeyOf(message.run);
  const [body] = await runs.store.read([runRecordKey(run.id)]);
  const before = await ensureRun(runs, message.run, body);
  const record = await claimForChain(runs, before, message.error);
  if (!record) return answer(before, before.status, before.report);
  const steps = await listSteps(runs, run.id);
  const summary = summarizeUndo(record, steps, await childStatuses(runs, steps));
  const told = undoReport(summary);
  await runs.append(
    run.id,
    'compensation.completed',
    {
      status: summary.status,
      undone: summary.undone.length,
      left: summary.left.length,
      unresolved: summary.unresolved.length,
    },
    record.deadlineMs,
  );
  // The notice goes out first: told twice is better than not at all.
  if (summary.status === 'compensation_failed')
    await context.notify?.(deadLetter({ ...record, workflow: message.workflow, version: message.version }, summary));
  await endRun(runs, record, { status: summary.status, error: record.error ?? errorInfo(message.error), report: told });
  return answer(await readRun(runs, run.id), summary.status, told);
}

function answer(record: RunRecord, status: RunStatus, told: Json | undefined): ReportResult {
  const error = record.error ?? errorInfo(null);
  return { error: error.error, cause: causeText({ status, step: error.step, message: error.message }, isJsonObject(told) ? told : {}) };
}

/** JSON of at most 30,000 characters: details go first, then the ends of the lists, whose lengths are then told. */
function causeText(head: { status: string; step: string | null; message: string }, told: JsonObject): string {
  const list = (name: string): Json[] => {
    const found = told[name];
    return Array.isArray(found) ? found : [];
  };
  const lists = { undone: list('undone'), left: list('left'), unresolved: list('unresolved'), irreversible: list('irreversible') };
  const text = JSON.stringify({ ...head, ...told, ...lists });
  if (text.length <= MAX_CAUSE) return text;
  const short = { ...head, message: head.message.slice(0, MAX_MESSAGE) };
  return JSON.stringify(fitLists(short, { ...lists, left: lists.left.map(nameOnly) }, MAX_CAUSE, told));
}

function nameOnly(entry: Json): Json {
  return typeof entry === 'object' && entry !== null && !Array.isArray(entry)
    ? { step: entry['step'] ?? null, error: entry['error'] ?? null }
    : entry;
}
