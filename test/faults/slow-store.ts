// A store in which every request takes a while, so that those of two processes fall between each other.

import type { Store } from '../../shared/store/index.ts';

/** Every request takes a while, there and back. */
export function slowly(store: Store, pause: () => Promise<void>): Store {
  const slow =
    <A extends unknown[], R>(act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await pause();
      const answer = await act(...args);
      await pause();
      return answer;
    };
  return {
    read: slow(store.read),
    put: slow(store.put),
    update: slow(store.update),
    delete: slow(store.delete),
    list: slow(store.list),
    durable: store.durable,
  };
}

/** Numbers from 0 up to 1, the same for a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
