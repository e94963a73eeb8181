// What workflows put on the bus: from an `emit` of its own (the engine's task, EventBridge's API shape) or through the step function.

import type { EventEntry } from '../../functions/step/index.ts';
import type { CallOutcome } from '../../shared/calls/index.ts';
import { isJsonObject, type JsonObject } from '../../shared/json.ts';
import type { Bus, NewBusEvent } from '../../shared/orchestrate/ports.ts';
import type { PutEventsEntry, PutEventsResult } from '../engine/index.ts';

/** Until somebody is connected, events are taken and go nowhere: `maestro execute` has no triggers. */
export function busToNowhere(uuid: () => string): Bus {
  return { put: async (events) => events.map(uuid) };
}

/** `events:putEvents` of the engine. What is no event is refused entry by entry, as EventBridge does. */
export function engineEvents(bus: Bus): (entries: PutEventsEntry[]) => Promise<PutEventsResult> {
  return async (entries) => {
    const results: PutEventsResult['Entries'] = [];
    for (const entry of entries) {
      const event = eventOf(entry);
      if ('ErrorCode' in event) results.push(event);
      else for (const EventId of await bus.put([event])) results.push({ EventId });
    }
    return { FailedEntryCount: results.filter(({ ErrorCode }) => ErrorCode !== undefined).length, Entries: results };
  };
}

/** The step function's `putEvents`. */
export function stepEvents(bus: Bus): (entry: EventEntry) => Promise<CallOutcome> {
  return async ({ source, detailType, detail }) => {
    if (!isJsonObject(detail)) {
      const message = 'emit: `detail` is no object; EventBridge takes nothing else';
      return { outcome: 'not_performed', error: 'Maestro.BadConfiguration', message, detail: {} };
    }
    const [EventId = ''] = await bus.put([{ source, 'detail-type': detailType, detail }]);
    return { outcome: 'done', value: { EventId } };
  };
}

type Refused = { ErrorCode: string; ErrorMessage: string };

function eventOf({ Source, DetailType, Detail, Resources, Time }: PutEventsEntry): NewBusEvent | Refused {
  if (!Source || !DetailType || Detail === undefined)
    return { ErrorCode: 'InvalidArgument', ErrorMessage: 'Parameter Source, DetailType or Detail is not valid. Reason: it is missing.' };
  const detail = parse(Detail);
  if (!detail) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  const timeMs = typeof Time === 'string' ? Date.parse(Time) : Number.NaN;
  return {
    source: Source,
    'detail-type': DetailType,
    detail,
    ...(Resources ? { resources: Resources } : {}),
    ...(Number.isNaN(timeMs) ? {} : { time: new Date(timeMs).toISOString() }),
  };
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
