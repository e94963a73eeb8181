// A turn of the event loop: what executions have written in it, and what has to wait for its commit.

import type { Database } from '../../shared/store/database.ts';
import type { Execution } from './execution.ts';
import { type HistoryEvent, PayloadIndex, readEntries, showEntry } from './history.ts';
import type { Journal } from './journal.ts';

export interface Turn {
  /** The execution has something to write before the commit. Throws when the database cannot be written any more. */
  collect(execution: Execution): void;
  /** Writes what was collected: for a reader within the turn. */
  flush(): void;
  /** Calls `effect` after the commit, in order; never when the commit fails. */
  afterCommit(effect: () => void): void;
  close(): void;
}

/** @param onEvent told of every event after its commit, without inputs and outputs */
export function createTurn(database: Database, journal: Journal, onEvent?: (executionArn: string, event: HistoryEvent) => void): Turn {
  let dirty: Execution[] = [];
  let effects: (() => void)[] = [];
  const stop = database.beforeCommit(write);

  function write(): void {
    const written = dirty;
    dirty = [];
    for (const execution of written) {
      const entries = execution.takePending();
      if (entries === undefined) continue;
      journal.append(execution.start.id, entries);
      if (onEvent) tellEvents(onEvent, execution, entries);
    }
  }

  function tellEvents(tell: (executionArn: string, event: HistoryEvent) => void, execution: Execution, entries: string): void {
    const { arn, input } = execution.start;
    const index = new PayloadIndex(input.value);
    const events = readEntries(entries).flatMap((entry) => (entry.id === 0 ? [] : showEntry(entry, index, false)));
    afterCommit(() => {
      for (const event of events) tell(arn, event);
    });
  }

  /** One promise per turn for everything that waits for its commit. */
  function afterCommit(effect: () => void): void {
    effects.push(effect);
    if (effects.length > 1) return;
    database.committed().then(run, () => {
      // The database has told its owner; what depends on the write never happens.
      effects = [];
    });
  }

  function run(): void {
    const due = effects;
    effects = [];
    for (const effect of due) {
      try {
        effect();
      } catch (error) {
        // A listener's own mistake: it must not keep the others from being told.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  return {
    collect(execution) {
      dirty.push(execution);
      database.write(() => {});
    },
    flush() {
      if (dirty.length > 0) database.write(write);
    },
    afterCommit,
    close() {
      stop();
      effects = [];
    },
  };
}
