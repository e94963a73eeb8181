// Time and chance, from outside so that tests can drive them. The real ones are what browsers and Node have in common.

export interface Platform {
  /** Epoch ms. */
  now(): number;
  /** 0 to 1. */
  random(): number;
  /** 128 random bits as text. */
  newKey(): string;
  /** Calls `fire` once after `ms`; the answer takes it back. */
  setTimer(ms: number, fire: () => void): () => void;
}

export const systemPlatform: Platform = {
  now: () => Date.now(),
  random: () => Math.random(),
  // Not `randomUUID`, which browsers have on secure pages only.
  newKey: () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
  setTimer(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
export function pause(platform: Platform, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = platform.setTimer(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}
