// What the service is made of.

import type { Audit } from '../audit/types.ts';
import type { Runs } from '../runs/index.ts';
import type { Catalog, EventFeed, Executions, Queue, ServiceIds } from './ports.ts';

export interface ServiceParts {
  runs: Runs;
  catalog: Catalog;
  executions: Executions;
  queue: Queue;
  feed: EventFeed;
  audit: Pick<Audit, 'append'>;
  ids: ServiceIds;
  /** Begins another undo of a run that ended with something left, or says why not. */
  undoAgain(runId: string): Promise<'begun' | 'nothing' | 'running' | 'undoing' | 'not_found'>;
  /** Told of a run whose cancel is on record and that goes on: whoever can keep an eye on it stops it where it comes to sit in a Wait. */
  onCancelled?(runId: string): Promise<void> | void;
}
