// Triggers of the workflows on one machine: events and schedules become runs.

import type { Clock } from '../../shared/clock.ts';
import type { Bus, Catalog } from '../../shared/orchestrate/ports.ts';
import type { Service } from '../../shared/orchestrate/service.ts';
import type { Store } from '../../shared/store/index.ts';
import { createDeliveries, type TriggerDeadLetter } from './deliveries.ts';
import { createLocalBus } from './local-bus.ts';
import { createScheduler } from './local-scheduler.ts';
import { readTriggers, type TriggerTable } from './trigger-table.ts';

export interface LocalTriggersOptions {
  store: Store;
  clock: Clock;
  ids: { uuid(): string };
  service: Pick<Service, 'startTriggered'>;
  catalog: Pick<Catalog, 'list'>;
  /** Keeps a start that was given up; durable when it resolves. */
  deadLetter: (letter: TriggerDeadLetter) => Promise<void>;
  /** Told of what went wrong: it will be tried again, or was given up. */
  onProblem?: (error: Error) => void;
}

export interface LocalTriggers {
  /** Takes events from the first moment; what they start begins with `start`. */
  bus: Bus;
  /** Takes up what an earlier process left, then runs events and schedules. */
  start(): Promise<void>;
  /** To be called when workflows have come, gone or changed. Events that are put from now on, and schedules, go by what there is now. */
  changed(): Promise<void>;
  /** Begins nothing more; resolves when the starts that are under way have ended. What is left is kept. */
  close(): Promise<void>;
}

/** Composes the bus and the scheduler. Nothing runs until `start` is called. */
export function createLocalTriggers(options: LocalTriggersOptions): LocalTriggers {
  const { store, clock, ids, catalog, onProblem = () => {} } = options;
  const uuid = (): string => ids.uuid();
  const deliveries = createDeliveries({ store, clock, service: options.service, deadLetter: options.deadLetter, onProblem });
  const scheduler = createScheduler({ store, clock, uuid, deliveries, onProblem });
  let table: Promise<TriggerTable> | undefined;
  let started = false;
  // Changes are followed one after the other, so that the last one wins.
  let following = Promise.resolve();

  function triggers(): Promise<TriggerTable> {
    if (!table) {
      const reading = readTriggers(catalog);
      table = reading;
      reading.catch(() => {
        if (table === reading) table = undefined;
      });
    }
    return table;
  }

  function follow(): Promise<void> {
    const next = following.then(async () => scheduler.follow((await triggers()).schedules));
    following = next.catch(() => {});
    return next;
  }

  return {
    bus: createLocalBus({ clock, uuid, deliveries, triggers }),
    async start() {
      started = true;
      await deliveries.resume();
      await follow();
    },
    async changed() {
      table = undefined;
      if (started) await follow();
    },
    async close() {
      scheduler.stop();
      await following;
      await deliveries.stop();
    },
  };
}
