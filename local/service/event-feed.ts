// A run's events for many readers at once: pushed as they are committed, nothing is polled.
//
//   F1. A reader is subscribed before it reads what is on record, so nothing falls between the two; numbers say what it has had.
//   F2. A follower without news costs a closure: no timer, no query.

import type { Clock } from '../../shared/clock.ts';
import type { EventFeed } from '../../shared/orchestrate/ports.ts';
import { endsRun, findRun, isFinal, listEvents, type RunEvent, type RunRecord, type Runs } from '../../shared/runs/index.ts';
import type { RunWatch } from '../runtime/index.ts';

export interface LocalFeed extends EventFeed {
  /** Ends every reader, so that its request is answered with what there is: streams are taken up again by their clients. */
  close(): void;
}

export function createLocalFeed(runs: Runs, watch: RunWatch, clock: Clock): LocalFeed {
  const readers = new Set<() => void>();
  let closed = false;

  /** Calls `stop` once: when the signal aborts, the time has come, or the feed closes. Returns how to take that back. */
  function untilStopped(stop: () => void, { signal, untilMs }: { signal?: AbortSignal; untilMs?: number }): () => void {
    readers.add(stop);
    signal?.addEventListener('abort', stop, { once: true });
    const timer = untilMs === undefined ? undefined : clock.setTimer(untilMs - clock.now(), stop);
    if (closed || signal?.aborted) stop();
    return () => {
      readers.delete(stop);
      signal?.removeEventListener('abort', stop);
      timer?.cancel();
    };
  }

  async function* follow(runId: string, after: number, options: { signal?: AbortSignal; untilMs?: number } = {}): AsyncGenerator<RunEvent> {
    let arrived: RunEvent[] = [];
    let stopped = false;
    let wake = (): void => {};
    const unsubscribe = watch.subscribe(runId, (event) => {
      arrived.push(event);
      wake();
    });
    const release = untilStopped(() => {
      stopped = true;
      wake();
    }, options);
    try {
      // The last one that the reader has had is read again: it may be the one that ended the run.
      const [before] = after > 0 ? await listEvents(runs, runId, after - 1, 1) : [];
      let last = before ?? { n: after, type: '', atMs: 0 };
      let next = await listEvents(runs, runId, after);
      while (!stopped) {
        for (const event of next) {
          if (event.n <= last.n) continue;
          last = event;
          yield event;
          if (stopped) return;
        }
        if (arrived.length === 0 && endsRun(last.type) && (await hasEnded(runId)) && arrived.length === 0) return;
        if (arrived.length === 0 && !stopped) await new Promise<void>((resolve) => (wake = resolve));
        next = arrived;
        arrived = [];
        // Told in the order of their commits; whatever is missing between is on record.
        if (next.some(({ n }, index) => n > last.n + 1 + index)) next = await listEvents(runs, runId, last.n);
      }
    } finally {
      unsubscribe();
      release();
    }
  }

  async function hasEnded(runId: string): Promise<boolean> {
    const run = await findRun(runs, runId);
    return run === undefined || isFinal(run.status);
  }

  return {
    follow,
    async settled(runId, untilMs) {
      const settled = Promise.withResolvers<void>();
      const unsubscribe = watch.subscribe(runId, ({ type }) => (endsRun(type) || type === 'checkpoint.waiting') && settled.resolve());
      const release = untilStopped(settled.resolve, { untilMs });
      try {
        if (!isSettled(await findRun(runs, runId))) await settled.promise;
        await runs.store.durable();
      } finally {
        unsubscribe();
        release();
      }
    },
    close() {
      closed = true;
      for (const stop of [...readers]) stop();
    },
  };
}

function isSettled(run: RunRecord | undefined): boolean {
  return run === undefined || isFinal(run.status) || run.status === 'waiting_checkpoint';
}
