// Time that passes only when nothing else can happen, so that a run of an hour takes a moment and always the same way.
//
//   V1. Timers fire in the order of their time, and those of one time in the order in which they were set.
//   V2. One timer fires, then everything that follows from it runs to its end, then the next one fires.
//   V3. "To its end" means: QUIET_TURNS turns of the event loop went by in which no timer was set or taken back and nothing was
//       told through `touch`, and no file is being read. All other work in a simulation is promises, which end within a turn, and the
//       database's commit, which ends with the turn; so a handful of turns is ample.

import type { Clock, Timer } from '../../shared/clock.ts';

/** Turns of the event loop without anything happening after which the process counts as idle. */
const QUIET_TURNS = 6;
/** Turns that a simulation may stand still with no timer left before it is called stuck. */
const STUCK_TURNS = 500;

export interface VirtualClock extends Clock {
  /** Something happened (a call began, a record was written): the process is not idle yet. */
  touch(): void;
  /** Lets everything that can happen without time passing happen. */
  settle(): Promise<void>;
  /**
   * Drives time until `work` has settled and gives what it gives.
   * @param whenIdle called when nothing is left to happen and `work` is still pending: it may set a timer
   * @throws Error when nothing can happen any more and `work` is still pending, or when `limitMs` of virtual time have passed
   */
  run<T>(work: Promise<T>, whenIdle?: () => void, limitMs?: number): Promise<T>;
  /** Takes back every timer: what a killed process had in mind. */
  dropTimers(): void;
  /** Timers that wait, for tests. */
  readonly pending: number;
}

interface Entry {
  at: number;
  order: number;
  fire: () => void;
}

/**
 * Makes a clock that stands at `startMs` (epoch ms, whole) until it is driven by `run`.
 */
export function createVirtualClock(startMs: number): VirtualClock {
  let nowMs = startMs;
  let order = 0;
  let activity = 0;
  const timers: Entry[] = [];

  async function settle(): Promise<void> {
    let seen = activity;
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      await turn();
      if (activity !== seen || readingFiles()) {
        seen = activity;
        quiet = 0;
      } else quiet++;
    }
  }

  function fireNext(limitAt: number): void {
    const next = timers.shift();
    if (!next) return;
    if (next.at > limitAt) throw new Error(`The simulation is still going on after ${limitAt - startMs} ms of virtual time.`);
    nowMs = Math.max(nowMs, next.at);
    activity++;
    next.fire();
  }

  return {
    now: () => nowMs,
    setTimer(delayMs, fire): Timer {
      const entry: Entry = { at: nowMs + Math.max(Math.ceil(delayMs), 0), order: order++, fire };
      timers.splice(position(timers, entry), 0, entry);
      activity++;
      return {
        cancel() {
          const index = timers.indexOf(entry);
          if (index < 0) return;
          timers.splice(index, 1);
          activity++;
        },
      };
    },
    touch() {
      activity++;
    },
    settle,
    async run(work, whenIdle = () => {}, limitMs = 800 * 86_400_000) {
      const limitAt = nowMs + limitMs;
      let ended = false;
      const mark = (): void => {
        ended = true;
      };
      work.then(mark, mark);
      for (let still = 0; still < STUCK_TURNS; still += QUIET_TURNS) {
        await settle();
        if (ended) return work;
        if (timers.length === 0) whenIdle();
        if (timers.length > 0) {
          still = 0;
          fireNext(limitAt);
        }
      }
      throw new Error('The simulation stands still: nothing is running, no timer is set, and the work is not done.');
    },
    dropTimers() {
      timers.length = 0;
      activity++;
    },
    get pending() {
      return timers.length;
    },
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Modules that are loaded on first use come from files. Between two requests for one file there is a turn without any, hence asked in each. */
function readingFiles(): boolean {
  return process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq') || name === 'CloseReq');
}

/** Where the entry belongs: after all with an earlier time or the same time and an earlier order. */
function position(timers: Entry[], entry: Entry): number {
  let low = 0;
  let high = timers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = timers[middle];
    if (other && (other.at < entry.at || (other.at === entry.at && other.order < entry.order))) low = middle + 1;
    else high = middle;
  }
  return low;
}
