// The triggers of the workflows that there are, read again when they may have changed.

import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';
import type { Catalog } from '../../shared/orchestrate/ports.ts';
import { isSchedule } from '../../shared/triggers/index.ts';

export interface EventTrigger {
  workflow: string;
  index: number;
  /** As it stands in the file. */
  trigger: Json;
  pattern: JsonObject;
}

export interface ScheduleTrigger {
  workflow: string;
  index: number;
  trigger: Json;
  schedule: string;
}

export interface TriggerTable {
  events: EventTrigger[];
  schedules: ScheduleTrigger[];
}

/** Reads all triggers. */
export async function readTriggers(catalog: Pick<Catalog, 'list'>): Promise<TriggerTable> {
  const table: TriggerTable = { events: [], schedules: [] };
  for (const { name: workflow, triggers } of await catalog.list()) {
    for (const [index, trigger] of triggers.entries()) {
      if (!isJsonObject(trigger)) continue;
      const { event: pattern, schedule } = trigger;
      if (isSchedule(trigger) && typeof schedule === 'string') table.schedules.push({ workflow, index, trigger, schedule });
      else if (isJsonObject(pattern)) table.events.push({ workflow, index, trigger, pattern });
    }
  }
  return table;
}
