import type { Blobs } from '../../shared/store/index.ts';

/** Large values in memory: they outlive a simulated process as a folder outlives a real one. */
export function createMemoryBlobs(): Blobs {
  const blobs = new Map<string, Uint8Array>();
  return {
    put(key, bytes) {
      blobs.set(key, bytes);
      return Promise.resolve();
    },
    get: (key) => Promise.resolve(blobs.get(key)),
  };
}
