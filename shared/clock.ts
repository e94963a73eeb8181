// Time and chance come in through these two, so that tests can drive them and runs can be repeated.

/** A timer that was set and can be taken back. */
export interface Timer {
  cancel(): void;
}

/** The only source of time. Milliseconds since the epoch everywhere. */
export interface Clock {
  now(): number;
  /** Calls `fire` once, `delayMs` from now or at once when it is not positive. Delays of any length are allowed. */
  setTimer(delayMs: number, fire: () => void): Timer;
}

/** setTimeout counts in 31 bits; a longer delay is walked in steps of this many ms. */
const MAX_TIMEOUT_MS = 2_000_000_000;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, fire) {
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      handle = setTimeout(() => (left > MAX_TIMEOUT_MS ? arm(left - MAX_TIMEOUT_MS) : fire()), Math.min(Math.max(left, 0), MAX_TIMEOUT_MS));
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs` on the given clock; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}
