// The event bus of one machine: events are matched when they are put, and what they start is kept before the put is answered.

import type { Clock } from '../../shared/clock.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Bus, BusEvent, NewBusEvent } from '../../shared/orchestrate/ports.ts';
import { matchesPattern, triggeredStart } from '../../shared/triggers/index.ts';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../runtime/index.ts';
import type { Deliveries, Delivery } from './deliveries.ts';
import type { TriggerTable } from './trigger-table.ts';

export interface LocalBusOptions {
  clock: Clock;
  uuid: () => string;
  deliveries: Deliveries;
  /** The triggers as they are now. */
  triggers: () => Promise<TriggerTable>;
}

export function createLocalBus({ clock, uuid, deliveries, triggers }: LocalBusOptions): Bus {
  return {
    async put(entries) {
      const { events: known } = await triggers();
      const events = entries.map((entry) => eventOf(entry, uuid(), clock.now()));
      const found = events.flatMap((event) => startedBy(event, known));
      if (found.length > 0) await deliveries.add(found);
      return events.map(({ id }) => id);
    },
  };
}

function startedBy(event: BusEvent, triggers: TriggerTable['events']): Delivery[] {
  const json: JsonObject = { ...event };
  return triggers
    .filter(({ pattern }) => matchesPattern(pattern, json))
    .map(({ workflow, trigger, index }) => ({ start: triggeredStart(workflow, trigger, index, json), event: json }));
}

/** As EventBridge delivers it ("Events structure"); times are in whole seconds. */
function eventOf(entry: NewBusEvent, id: string, nowMs: number): BusEvent {
  return {
    version: '0',
    id,
    'detail-type': entry['detail-type'],
    source: entry.source,
    account: LOCAL_ACCOUNT,
    time: eventTime(entry.time === undefined ? nowMs : Date.parse(entry.time)),
    region: LOCAL_REGION,
    resources: entry.resources ?? [],
    detail: entry.detail,
  };
}

/** An event's `time`: ISO 8601 in UTC, to the second. */
export function eventTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}
