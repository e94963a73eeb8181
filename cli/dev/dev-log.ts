// What `maestro dev` prints: one line for each thing that happens, of all runs together.

import type { RunEvent } from '../../shared/runs/index.ts';
import type { Io } from '../io.ts';
import { createStepLines, type StepLines } from '../live/step-lines.ts';
import { bold, cyan, dim, red } from '../text/style.ts';

/** Digits of a run's id that stand before its lines; the last ones differ most. */
const ID_DIGITS = 6;

export interface DevLog {
  event(runId: string, event: RunEvent): void;
  /** Workflows were compiled and registered. */
  registered(names: readonly string[], file: string): void;
  ready(about: { urls: { [name: string]: string }; dataFolder: string | null; left: number }): void;
  note(text: string): void;
  problem(text: string): void;
  close(): void;
}

/** @param json every line a JSON object on standard output, instead of text */
export function createDevLog(io: Io, json: boolean): DevLog {
  const runs = new Map<string, StepLines>();
  const color = io.color.err;

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
    ready({ urls, dataFolder, left }) {
      const lines = [
        `Step Functions API  ${bold(urls['step_functions'] ?? '', color)}`,
        `data folder         ${dataFolder ?? 'none: everything is in memory'}`,
        ...(left > 0 ? [`${left} ${left === 1 ? 'run' : 'runs'} of an earlier process ${left === 1 ? 'goes' : 'go'} on`] : []),
        'Ctrl-C drains and ends.',
      ];
      say('ready', lines.join('\n'), { urls, data_folder: dataFolder, left });
    },
    note: (text) => say('note', text, { message: text }),
    problem: (text) => say('problem', `${red('problem', color)} ${text}`, { message: text }),
    close: () => runs.clear(),
  };
}
