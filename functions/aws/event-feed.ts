// A run's events as they come, on a store that tells nobody: it is read again and again, less often while nothing happens.

import { type Clock, sleep } from '../../shared/clock.ts';
import type { EventFeed } from '../../shared/orchestrate/ports.ts';
import { endsRun, findRun, isFinal, listEvents, type RunEvent, type Runs } from '../../shared/runs/index.ts';

/** Pauses of a stream, ms: the first, and the longest while nothing happens. */
const STREAM_PAUSE_MS = { first: 500, longest: 2_000 };
/** Pauses of a request that waits for a run: most runs end within a second. */
const SETTLE_PAUSE_MS = { first: 100, longest: 1_000 };
const GROWTH = 1.5;
/** Events in one read. */
const PAGE = 200;

export interface EventFeedOptions {
  runs: Runs;
  clock: Clock;
}

export function createEventFeed({ runs, clock }: EventFeedOptions): EventFeed {
  return {
    async *follow(runId, after, { signal, untilMs = Number.POSITIVE_INFINITY } = {}) {
      let last = after;
      let pauseMs = STREAM_PAUSE_MS.first;
      let first = true;
      while (!signal?.aborted) {
        const events = await listEvents(runs, runId, last, PAGE);
        for (const event of events) {
          if (signal?.aborted) return;
          last = event.n;
          yield event;
        }
        if (events.length === PAGE) continue;
        // A reader that comes back after the run's end has seen its last event already.
        if ((first || endsWithEnd(events)) && (await isOver(runs, runId, last))) return;
        first = false;
        pauseMs = events.length > 0 ? STREAM_PAUSE_MS.first : Math.min(pauseMs * GROWTH, STREAM_PAUSE_MS.longest);
        if (clock.now() >= untilMs || !(await pause(clock, Math.min(pauseMs, untilMs - clock.now()), signal))) return;
      }
    },
    async settled(runId, untilMs) {
      for (let pauseMs = SETTLE_PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * GROWTH, SETTLE_PAUSE_MS.longest)) {
        const run = await findRun(runs, runId);
        if (run && (isFinal(run.status) || run.status === 'waiting_checkpoint')) return;
        const left = untilMs - clock.now();
        if (left <= 0) return;
        await sleep(clock, Math.min(pauseMs, left));
      }
    },
  };
}

function endsWithEnd(events: readonly RunEvent[]): boolean {
  return endsRun(events.at(-1)?.type ?? '');
}

/** The run has ended, its last event was told, and no later undo of it goes on. */
async function isOver(runs: Runs, runId: string, last: number): Promise<boolean> {
  const run = await findRun(runs, runId);
  if (!run || !isFinal(run.status)) return false;
  // Its end is written before the event that tells it: only what is told is over.
  const [told] = await listEvents(runs, runId, last - 1, 1);
  return told !== undefined && told.n === last && endsRun(told.type) && (await listEvents(runs, runId, last, 1)).length === 0;
}

/** False when the signal ended it. */
async function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await sleep(clock, delayMs, signal);
    return true;
  } catch {
    return false;
  }
}
