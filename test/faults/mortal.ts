// A process that dies at a given point: from then on nothing of it gets through, neither to the store nor to anything else.

import type { Store } from '../../shared/store/index.ts';

/** What whoever works in a process is told when it dies. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

export interface Mortal {
  readonly dead: boolean;
  /** How many points there were so far. */
  readonly points: number;
  /** Rejects when the process dies. */
  readonly died: Promise<never>;
  /** Something is about to leave the process. @throws Killed */
  point(): void;
  /** It dies at its n-th point from now on, counted from 0: what comes before it has happened. */
  killAt(n: number): void;
  /** Does something outside: it may die before it, and after it without learning of it. */
  outside<T>(act: () => Promise<T>): Promise<T>;
  store(inner: Store): Store;
}

export function createMortal(): Mortal {
  let dead = false;
  let points = 0;
  let last = Number.POSITIVE_INFINITY;
  const death = Promise.withResolvers<never>();
  death.promise.catch(() => {});

  function alive(): void {
    if (dead) throw new Killed();
  }
  function point(): void {
    alive();
    if (points++ < last) return;
    dead = true;
    death.reject(new Killed());
    alive();
  }
  async function outside<T>(act: () => Promise<T>): Promise<T> {
    point();
    const done = await act();
    point();
    return done;
  }
  return {
    get dead() {
      return dead;
    },
    get points() {
      return points;
    },
    died: death.promise,
    point,
    killAt(n) {
      last = points + n;
    },
    outside,
    store: (inner) => ({
      async read(keys) {
        alive();
        return inner.read(keys);
      },
      async put(...args) {
        point();
        return inner.put(...args);
      },
      async update(...args) {
        point();
        return inner.update(...args);
      },
      async delete(...args) {
        point();
        return inner.delete(...args);
      },
      async list(...args) {
        alive();
        return inner.list(...args);
      },
      // As DynamoDB: a write that has resolved is durable.
      durable: async () => alive(),
    }),
  };
}
