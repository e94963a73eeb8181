// The end of each chain as this process knows it, and whose turn it is to append to it.
//
//   T1. Appends of one process to one chain are made one after the other: it never meets itself.
//   T2. What is remembered is only where to try first; the conditional write decides.

/** The last receipt of a chain. */
export interface Tail {
  seq: number;
  hash: string;
}

/** Chains that are remembered: of about 250 tenants. */
const KEPT = 4_096;

export interface Tails {
  known(chain: string): Tail | undefined;
  /** Undefined: it is not known any more. */
  remember(chain: string, tail: Tail | undefined): void;
  /** Runs `append` when all earlier ones of this chain have ended. */
  inTurn<T>(chain: string, append: () => Promise<T>): Promise<T>;
}

export function createTails(): Tails {
  const tails = new Map<string, Tail>();
  const turns = new Map<string, Promise<unknown>>();

  return {
    known: (chain) => tails.get(chain),
    remember(chain, tail) {
      tails.delete(chain);
      if (!tail) return;
      tails.set(chain, tail);
      if (tails.size > KEPT) tails.delete(tails.keys().next().value ?? '');
    },
    async inTurn(chain, append) {
      const before = turns.get(chain);
      // Whether the one before came to its end is its own caller's business.
      const mine = before ? before.then(append, append) : append();
      turns.set(chain, mine);
      try {
        return await mine;
      } finally {
        if (turns.get(chain) === mine) turns.delete(chain);
      }
    },
  };
}
