// What `maestro dev` prints: one line for each thing that happens, of all runs together.

import { systemClock } from '../../shared/clock.ts';
import type { LogEntry } from '../../shared/contract/index.ts';
import { printable } from '../../shared/printable.ts';
import type { RunEvent } from '../../shared/runs/index.ts';
import type { Io } from '../io.ts';
import { createStepLines, type StepLines } from '../live/step-lines.ts';
import { bold, cyan, dim, red } from '../text/style.ts';

/** Digits of a run's id that stand before its lines; the last ones differ most. */
const ID_DIGITS = 6;

/** Entries that are kept for who asks. */
const KEPT = 500;

export interface DevLog {
  event(runId: string, event: RunEvent): void;
  /** Workflows were compiled and registered. */
  registered(names: readonly string[], file: string): void;
  ready(about: { urls: { [name: string]: string }; dataFolder: string | null; left: number; apiKey: string }): void;
  note(text: string): void;
  problem(text: string): void;
  /** What was noted and what went wrong lately, oldest first: for `GET /api/v2/logs`. */
  recent(): LogEntry[];
  close(): void;
}

/** @param json every line a JSON object on standard output, instead of text */
export function createDevLog(io: Io, json: boolean): DevLog {
  const runs = new Map<string, StepLines>();
  const color = io.color.err;
  const kept: LogEntry[] = [];

  function keep(level: LogEntry['level'], message: string): void {
    kept.push({ at: new Date(systemClock.now()).toISOString(), level, message });
    if (kept.length > KEPT) kept.shift();
  }

  function say(kind: string, text: string, fields: object): void {
    if (json) io.out(`${JSON.stringify({ kind, ...fields })}\n`);
    else io.err(`${text}\n`);
  }

  return {
    event(runId, event) {
      if (json) return say('event', '', { run: runId, ...event });
      const lines = runs.get(runId) ?? createStepLines(color);
      runs.set(runId, lines);
      const prefix = dim(runId.slice(-ID_DIGITS), color);
      for (const line of lines.take(event)) io.err(`${prefix} ${line}\n`);
      if (!event.type.startsWith('run.')) return;
      const status = event.type.slice('run.'.length);
      if (status === 'queued') return;
      const name = typeof event['workflow'] === 'string' ? ` ${event['workflow']}` : '';
      io.err(`${prefix} ${bold(status, color)}${name}${status === 'started' ? `  ${dim(runId, color)}` : ''}\n`);
      if (status !== 'started') runs.delete(runId);
    },
    registered: (names, file) =>
      say('registered', `${cyan('registered', color)} ${names.join(', ')}  ${dim(file, color)}`, { workflows: names, file }),
    ready({ urls, dataFolder, left, apiKey }) {
      const api = urls['api'] ?? '';
      const lines = [
        `API                 ${bold(api, color)}  ${dim(`${api}/docs`, color)}`,
        `API key             ${apiKey}`,
        `Step Functions API  ${urls['step_functions'] ?? ''}`,
        `data folder         ${dataFolder ?? 'none: everything is in memory'}`,
        ...(left > 0 ? [`${left} ${left === 1 ? 'run' : 'runs'} of an earlier process ${left === 1 ? 'goes' : 'go'} on`] : []),
        'Ctrl-C drains and ends.',
      ];
      say('ready', lines.join('\n'), { urls, api_key: apiKey, data_folder: dataFolder, left });
    },
    note(said) {
      const text = printableLines(said);
      keep('info', text);
      say('note', text, { message: text });
    },
    problem(said) {
      const text = printableLines(said);
      keep('error', text);
      say('problem', `${red('problem', color)} ${text}`, { message: text });
    },
    recent: () => [...kept],
    close: () => runs.clear(),
  };
}

/** Messages may quote what a service answered. */
function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
