// Events as text: one message each, a comment while nothing happens, and the envelope with the last one.
//
//   E1. Nothing is asked of the feed before the reader wants more.
//   E2. An event that may be the last is held until the feed says what comes after it: so the envelope is with the last one, and with no other.
//   E3. Whoever stops reading stops the feed at once, also in the middle of a wait.

import type { Clock } from '../../shared/clock.ts';
import type { Envelope, EventView } from '../../shared/contract/index.ts';
import { endsRun, isFinal, type RunEvent } from '../../shared/runs/index.ts';
import { eventView } from './event-view.ts';

/** Silence after which proxies and clients take a connection for dead is a multiple of this. */
const BEAT_MS = 15_000;
const BEAT = ':\n\n';
/** ms after which a client comes back where the stream ended before the run. */
const RETRY = 'retry: 1000\n\n';

export interface EventStreamOptions {
  runId: string;
  jobId: string;
  /** Ends after the event that ends the run, or when its time is over. */
  events: AsyncIterable<RunEvent>;
  /** The run as it is now: read for the last event. */
  envelope(): Promise<Envelope>;
  clock: Clock;
  /** Ends `events`. */
  stop(): void;
}

/** Writes the events. */
export function eventStream(options: EventStreamOptions): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      const text = write(options);
      return {
        next: () => text.next(),
        return: () => {
          options.stop();
          return text.return(undefined);
        },
      };
    },
  };
}

async function* write({ events, envelope, clock, stop, ...run }: EventStreamOptions): AsyncGenerator<string, undefined> {
  yield RETRY;
  const feed = events[Symbol.asyncIterator]();
  let held: RunEvent | undefined;
  try {
    for (;;) {
      const asked = feed.next();
      let step = await orBeat(asked, clock);
      for (; step === undefined; step = await orBeat(asked, clock)) yield BEAT;
      if (step.done) break;
      if (held) yield message(eventView(held, run));
      held = endsRun(step.value.type) ? step.value : undefined;
      if (!held) yield message(eventView(step.value, run));
    }
    const now = held && (await envelope());
    // A feed whose time was over ends there too; then the run may have gone on.
    const ended = now !== undefined && isFinal(now.data.status);
    if (held) yield message({ ...eventView(held, run), ...(ended ? { envelope: now } : {}) });
    if (!ended) yield RETRY;
  } finally {
    stop();
    await feed.return?.();
  }
  return undefined;
}

/** What was asked for, or undefined when it took longer than a beat. */
function orBeat<T>(asked: Promise<T>, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(BEAT_MS, () => resolve(undefined));
    const settle = (): void => {
      timer.cancel();
      asked.then(resolve, reject);
    };
    asked.then(settle, settle);
  });
}

/** JSON has no line breaks of its own, so a message has three fields of one line each. */
function message(event: EventView): string {
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
