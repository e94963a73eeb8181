// What the API is made of.

import type { Audit } from '../../shared/audit/types.ts';
import type { Breakers } from '../../shared/breaker/index.ts';
import type { Clock } from '../../shared/clock.ts';
import type { LogEntry } from '../../shared/contract/index.ts';
import type { Keys } from '../../shared/keys/types.ts';
import type { Bus, Catalog, Service } from '../../shared/orchestrate/index.ts';
import type { HttpOptions } from '../http/index.ts';

export interface ApiOptions extends HttpOptions {
  service: Service;
  keys: Keys;
  audit: Audit;
  catalog: Catalog;
  breakers: Pick<Breakers, 'list' | 'reset'>;
  /** Left out: events cannot be put. */
  bus?: Bus;
  clock: Clock;
  version: string;
  /** Recent entries, oldest first; left out: they are elsewhere. */
  logs?: () => LogEntry[];
  /** How long a `sync` start waits, ms. Default 25 s: API Gateway gives up after 29. */
  syncMs?: number;
  /** How long a stream lasts at most, ms. Default 10 minutes. */
  maxStreamMs?: number;
}
