// Connections to HTTP services: one pool per origin, kept for the life of the process. undici is loaded when the first one is wanted.

import type { Pool } from 'undici';
import type { Clock } from '../../clock.ts';
import type { Egress } from '../egress.ts';

/** Connections per origin where the service does not say. */
const DEFAULT_CONNECTIONS = 5;
/** A connection is made within this time or the service counts as unavailable, ms. */
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Idle connections are closed after this long, ms. Short, because a connection that the other side has closed meanwhile turns a call into one
 * with an unknown outcome; Node's own servers close after 5 s.
 */
const IDLE_MS = 4_000;
/** Response headers, bytes. */
const MAX_RESPONSE_HEADER_BYTES = 64 * 1024;
/** Pools kept; endpoints made from data could otherwise open any number. */
const MAX_POOLS = 256;

export interface HttpPools {
  /** The pool of an origin. */
  use(origin: string, connections: number | undefined): PoolLease | Promise<PoolLease>;
  close(): Promise<void>;
}

interface PoolLease {
  pool: Pool;
  /** To be called once, when the request has ended. */
  release(): void;
}

export function createHttpPools(clock: Clock, egress: Egress): HttpPools {
  const entries = new Map<string, PoolEntry>();
  let undici: typeof import('./undici-parts.ts') | undefined;

  const open = (key: string, origin: string, connections: number, lib: typeof import('./undici-parts.ts')): PoolEntry => {
    const entry = new PoolEntry(newPool(lib, origin, connections, egress), clock);
    entries.set(key, entry);
    for (const [oldKey, old] of entries) {
      if (entries.size <= MAX_POOLS) break;
      if (old.inFlight > 0 || old === entry) continue;
      entries.delete(oldKey);
      old.discard();
    }
    return entry;
  };

  const lease = (origin: string, connections: number, lib: typeof import('./undici-parts.ts')): PoolLease => {
    const key = `${origin} ${connections}`;
    let entry = entries.get(key);
    // A function that was frozen between two calls does not notice that its idle connections died; undici's timers stood still with it.
    if (entry?.isStale()) {
      entry.discard();
      entry = undefined;
    }
    entry ??= open(key, origin, connections, lib);
    entry.inFlight++;
    return entry;
  };

  return {
    use(origin, connections = DEFAULT_CONNECTIONS) {
      if (undici) return lease(origin, connections, undici);
      return import('./undici-parts.ts').then((lib) => {
        undici = lib;
        return lease(origin, connections, lib);
      });
    },
    async close() {
      const open = [...entries.values()];
      entries.clear();
      await Promise.all(open.map(({ pool }) => pool.destroy()));
    },
  };
}

class PoolEntry implements PoolLease {
  readonly pool: Pool;
  inFlight = 0;
  readonly #clock: Clock;
  #lastUsedMs: number;

  constructor(pool: Pool, clock: Clock) {
    this.pool = pool;
    this.#clock = clock;
    this.#lastUsedMs = clock.now();
  }

  isStale(): boolean {
    return this.inFlight === 0 && this.#clock.now() - this.#lastUsedMs > IDLE_MS;
  }

  release(): void {
    this.inFlight--;
    this.#lastUsedMs = this.#clock.now();
  }

  discard(): void {
    // A pool that is being closed cannot fail a call: nobody has it any more.
    this.pool.close().catch(() => undefined);
  }
}

function newPool(lib: typeof import('./undici-parts.ts'), origin: string, connections: number, egress: Egress): Pool {
  const connect = lib.buildConnector({ allowH2: false, timeout: CONNECT_TIMEOUT_MS, lookup: egress.lookup });
  return new lib.Pool(origin, {
    connections,
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    connect(options, callback) {
      // A host written as an address is connected to without a lookup, so it is checked here.
      const refused = /^[\d.]+$|:/.test(options.hostname) ? egress.refusal(options.hostname) : undefined;
      if (refused) callback(refused, null);
      else connect(options, callback);
    },
  });
}
