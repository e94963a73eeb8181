// How many requests a minute a key may make, over all processes, without a write for each of them.
//
//   L1. A minute of a key is one counter. A process adds a block to it and may then let through as many requests as the block still found
//       room for: so all processes together never let through more than the limit in one minute (by their clocks).
//   L2. A block is as large as what the process has already let through in this minute, or as many as wait for it. So what a process holds and
//       does not use is at most what it used: nobody is refused before half of the limit has been let through. A process that is alone, and
//       whose requests come one after the other, uses the limit up to the last.
//   L3. In any 60 s that are not one minute of the clock there may be twice the limit: the end of one and the beginning of the next.

import type { Clock } from '../clock.ts';
import type { Store } from '../store/index.ts';

const WINDOW_MS = 60_000;
/** A counter is kept this long after its minute, for clocks that go slow. */
const KEPT_MS = 10 * WINDOW_MS;
/** Keys that are counted at once in one process; one that falls out gives its block up. */
const KEPT_KEYS = 10_000;

export interface RateLimits {
  /** Counts a request. Seconds to wait when the limit is used up, else 0. @param limit requests a minute, 1 or more */
  take(keyId: string, limit: number): Promise<number>;
}

/** What a process knows of a key's minute. */
interface Minute {
  number: number;
  /** Let through by this process. */
  used: number;
  /** May still be let through from the blocks that it took. */
  left: number;
  /** The counter has reached the limit. */
  full: boolean;
  /** Requests that wait for a block. */
  waiting: number;
  taking?: Promise<void>;
}

export function createRateLimits(store: Store, clock: Clock): RateLimits {
  const minutes = new Map<string, Minute>();

  function minuteOf(keyId: string): Minute {
    const number = Math.floor(clock.now() / WINDOW_MS);
    let minute = minutes.get(keyId);
    if (minute?.number === number) return minute;
    minutes.delete(keyId);
    minute = { number, used: 0, left: 0, full: false, waiting: 0 };
    minutes.set(keyId, minute);
    if (minutes.size > KEPT_KEYS) minutes.delete(minutes.keys().next().value ?? '');
    return minute;
  }

  async function takeBlock(keyId: string, limit: number, minute: Minute): Promise<void> {
    const block = Math.min(limit, Math.max(minute.used, minute.waiting, 1));
    const endMs = (minute.number + 1) * WINDOW_MS;
    const key = { pk: `RATE#${keyId}`, sk: String(minute.number).padStart(12, '0') };
    const body = await store.update(key, { add: { taken: block }, expiresAt: Math.ceil((endMs + KEPT_MS) / 1_000) });
    const taken = Number(body?.['taken']);
    minute.left += Math.max(0, Math.min(block, limit - (taken - block)));
    if (taken >= limit) minute.full = true;
  }

  return {
    async take(keyId, limit) {
      for (;;) {
        const minute = minuteOf(keyId);
        if (minute.left > 0) {
          minute.left--;
          minute.used++;
          return 0;
        }
        if (minute.full) return Math.max(1, Math.ceil(((minute.number + 1) * WINDOW_MS - clock.now()) / 1_000));
        minute.waiting++;
        try {
          minute.taking ??= takeBlock(keyId, limit, minute).finally(() => delete minute.taking);
          await minute.taking;
        } finally {
          minute.waiting--;
        }
      }
    },
  };
}
