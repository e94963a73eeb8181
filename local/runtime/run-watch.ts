// Who waits for a run, and who wants to see its events. Nothing is told before it is committed.

import { endsRun, type RunEvent, type Runs, runEventSchema } from '../../shared/runs/index.ts';

export interface RunWatch {
  /** To be told of every event when it is written. */
  written(runId: string, event: RunEvent): void;
  /** Tells every event of a run from now on, as it is committed. Returns how to take it back. */
  subscribe(runId: string, onEvent: (event: RunEvent) => void): () => void;
  /** Tells every event after number `after`, in order, and resolves after the next one that ends the run. */
  follow(runId: string, onEvent: (event: RunEvent) => void, after: number): Promise<void>;
  /** Resolves when the run has ended; only for runs that have not when this is called. */
  ended(runId: string): Promise<void>;
}

/**
 * @param durable resolves when everything written so far is committed
 * @param all told of the events of every run, after their commit
 */
export function createRunWatch(
  durable: () => Promise<void>,
  history: (runId: string) => Promise<RunEvent[]>,
  all?: (runId: string, event: RunEvent) => void,
): RunWatch {
  const followers = new Map<string, Set<(event: RunEvent) => void>>();
  const enders = new Map<string, (() => void)[]>();
  let told: [string, RunEvent][] = [];

  function flush(): void {
    const batch = told;
    told = [];
    for (const [runId, event] of batch) {
      all?.(runId, event);
      for (const follower of followers.get(runId) ?? []) follower(event);
      if (!endsRun(event.type)) continue;
      const waiting = enders.get(runId);
      enders.delete(runId);
      for (const resolve of waiting ?? []) resolve();
    }
  }

  function subscribe(runId: string, follower: (event: RunEvent) => void): () => void {
    const set = followers.get(runId) ?? new Set();
    followers.set(runId, set.add(follower));
    return () => {
      set.delete(follower);
      if (set.size === 0 && followers.get(runId) === set) followers.delete(runId);
    };
  }

  return {
    subscribe,
    written(runId, event) {
      if (!all && !followers.has(runId) && !(endsRun(event.type) && enders.has(runId))) return;
      told.push([runId, event]);
      // A commit that fails stops the process; there is nobody to tell then.
      if (told.length === 1) durable().then(flush, () => {});
    },
    ended: (runId) =>
      new Promise((resolve) => {
        const waiting = enders.get(runId);
        if (waiting) waiting.push(resolve);
        else enders.set(runId, [resolve]);
      }),
    follow: (runId, onEvent, after) =>
      new Promise((resolve, reject) => {
        let last = after;
        let early: RunEvent[] | undefined = [];
        const take = (event: RunEvent): void => {
          if (event.n <= last) return;
          last = event.n;
          onEvent(event);
          if (!endsRun(event.type)) return;
          unsubscribe();
          resolve();
        };
        const unsubscribe = subscribe(runId, (event) => void (early ? early.push(event) : take(event)));
        history(runId).then((events) => {
          const since = early ?? [];
          early = undefined;
          for (const event of [...events, ...since]) take(event);
        }, reject);
      }),
  };
}

/** All events of a run that are on record. */
export async function readEvents(runs: Runs, runId: string): Promise<RunEvent[]> {
  const items = await runs.store.list(`RUN#${runId}`, { prefix: 'EVENT#' });
  await runs.store.durable();
  return items.map(({ body }) => runEventSchema.parse(body));
}
