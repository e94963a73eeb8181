// Progress of a run while it goes on: on a terminal what is going on now is redrawn in place below the lines that stay; elsewhere only the
// lines are printed.

import { type Clock, systemClock, type Timer } from '../../shared/clock.ts';
import type { RunEvent } from '../../shared/runs/index.ts';
import type { Io } from '../io.ts';
import { durationText } from '../text/duration.ts';
import { cyan, dim } from '../text/style.ts';
import { createStepLines } from './step-lines.ts';

/** Milliseconds between two redraws. */
const REDRAW_MS = 100;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** More than this at once would push the finished lines off the screen. */
const MAX_ACTIVE = 8;
const CLEAR_LINE = '\u001b[2K';

export interface Progress {
  event(event: RunEvent): void;
  /** A remark between the lines. */
  note(text: string): void;
  /** Removes what is redrawn; nothing is printed afterwards. */
  end(): void;
}

/** Progress on standard error. */
export function createProgress(io: Io, clock: Clock = systemClock): Progress {
  const lines = createStepLines(io.color.err);
  const live = io.terminal.err;
  let drawn = 0;
  let turn = 0;
  let timer: Timer | undefined;

  function erase(): string {
    const text = drawn === 0 ? '' : `${`\u001b[1A${CLEAR_LINE}`.repeat(drawn)}\r`;
    drawn = 0;
    return text;
  }

  function draw(): string {
    if (!live) return '';
    const active = lines.active();
    const shown = active.slice(0, MAX_ACTIVE);
    const spinner = cyan(SPINNER[turn % SPINNER.length] ?? '', io.color.err);
    const width = io.columns() - 1;
    const text = shown.map(({ label, sinceMs }) => {
      const time = durationText(Math.max(0, clock.now() - sinceMs));
      return `${spinner} ${label.slice(0, Math.max(8, width - time.length - 3)).padEnd(Math.min(28, Math.max(8, width - time.length - 3)))} ${dim(time, io.color.err)}\n`;
    });
    if (active.length > shown.length) text.push(`  and ${active.length - shown.length} more\n`);
    drawn = text.length;
    return text.join('');
  }

  function print(kept: string): void {
    io.err(erase() + kept + draw());
    if (live && !timer) timer = clock.setTimer(REDRAW_MS, tick);
  }

  function tick(): void {
    timer = undefined;
    turn++;
    if (lines.active().length > 0) print('');
  }

  return {
    event(event) {
      const kept = lines.take(event);
      if (kept.length > 0 || live) print(kept.map((line) => `${line}\n`).join(''));
    },
    note: (text) => print(`${text}\n`),
    end() {
      timer?.cancel();
      const text = erase();
      if (text) io.err(text);
    },
  };
}
