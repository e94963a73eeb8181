// A run's events → the lines that tell them. Pure: no terminal, no clock.

import { printable } from '../../shared/printable.ts';
import { ITEM_DIGITS } from '../../shared/protocol/place.ts';
import type { RunEvent } from '../../shared/runs/index.ts';
import { durationText } from '../text/duration.ts';
import { bold, cyan, dim, green, red, yellow } from '../text/style.ts';

/** A step or an undo that has begun and not ended. */
export interface ActiveLine {
  label: string;
  sinceMs: number;
}

/** What an event changes: lines that stay, and what is going on now. */
export interface StepLines {
  /** Takes an event and answers the lines to print for it, for good. */
  take(event: RunEvent): string[];
  /** What is going on, oldest first. */
  active(): ActiveLine[];
}

const LABEL_WIDTH = 28;

export function createStepLines(color: boolean): StepLines {
  const active = new Map<string, ActiveLine>();

  function ended(event: RunEvent, mark: string, note: string): string[] {
    const key = event.at ?? event.step ?? '';
    const since = active.get(key)?.sinceMs;
    active.delete(key);
    const time = since === undefined ? '' : dim(durationText(Math.max(0, event.atMs - since)), color);
    return [[mark, labelOf(event).padEnd(LABEL_WIDTH), time, note].filter((part) => part !== '').join(' ')];
  }

  function begun(event: RunEvent, label: string): string[] {
    const key = event.at ?? event.step ?? '';
    if (!active.has(key)) active.set(key, { label, sinceMs: event.atMs });
    return [];
  }

  return {
    active: () => [...active.values()],
    take(event) {
      const error = typeof event['error'] === 'string' ? red(printable(event['error']), color) : '';
      switch (event.type) {
        case 'step.started':
          return begun(event, labelOf(event));
        case 'step.completed':
          return ended(event, green('✓', color), '');
        case 'step.failed':
          return ended(event, red('✗', color), error);
        case 'step.retrying':
          return [
            `${yellow('↻', color)} ${labelOf(event).padEnd(LABEL_WIDTH)} try ${Number(event['attempt'] ?? 0) + 1} failed, will be tried again ${error}`.trimEnd(),
          ];
        case 'step.skipped':
          return [`${dim('-', color)} ${labelOf(event).padEnd(LABEL_WIDTH)} ${dim('skipped', color)}`];
        case 'checkpoint.waiting':
          return [...begun(event, labelOf(event)), `${cyan('?', color)} ${labelOf(event).padEnd(LABEL_WIDTH)} waits for an answer`];
        case 'checkpoint.resolved':
          return ended(event, green('✓', color), 'answered');
        case 'compensation.started':
          active.clear();
          return [bold(`undoing, last step first${error ? ` (${printable(String(event['error']))})` : ''}`, color)];
        case 'compensation.step_completed':
          return ended(event, cyan('↩', color), dim('undone', color));
        case 'compensation.step_failed':
          return ended(event, red('✗', color), `${red('undo failed', color)} ${error}`.trimEnd());
        default:
          return [];
      }
    },
  };
}

/** The step's id, with the numbers of the items it stands in: `reserve[2]`. */
export function labelOf({ step, at }: { step?: string | undefined; at?: string | undefined }): string {
  const items = (at ?? '').split('.').filter((part) => part.length === ITEM_DIGITS);
  return `${step ?? '?'}${items.map((item) => `[${Number(item)}]`).join('')}`;
}
