// What a trigger gives to the run that it starts. Triggers are read as they stand in the file: the starter and the local bus know no more of them.

import { getOwn, isJsonObject, type Json, type JsonObject, setOwn } from '../json.ts';
import { parseEventPath } from '../workflow/index.ts';

/**
 * The input of the run.
 *
 * The trigger's `input` with each `{{ .event.path }}` in place of its value. What the event does not have is left out of objects, so that an optional
 * property of the workflow's `input` may be missing in the event, and null elsewhere; the workflow reads both as null. Without an `input` the whole
 * event. A path through a list reads every item, as elsewhere in the language: a list of what was found, the bare value where it is one.
 *
 * @param trigger as it stands in the file
 */
export function triggerInput(trigger: Json, event: JsonObject): Json {
  const template = isJsonObject(trigger) ? getOwn(trigger, 'input') : undefined;
  return template === undefined ? event : (fill(template, event) ?? null);
}

/**
 * What tells this start from others of the same workflow: for `startTriggered` and, with the workflow's name, for `dedupeName`.
 *
 * The value at the trigger's `dedupe` path, so that two events about one order are one run; where there is no `dedupe`, or nothing at its path, the
 * event's own id (the scheduled time of a schedule), so that an event that is delivered twice starts once.
 *
 * @param index place of the trigger in the workflow's `triggers`
 */
export function dedupeText(trigger: Json, index: number, event: JsonObject): string {
  const written = isJsonObject(trigger) ? getOwn(trigger, 'dedupe') : undefined;
  const path = typeof written === 'string' ? parseEventPath(written.trim()) : null;
  const value = path === null ? null : (valueAt(event, path) ?? null);
  if (value !== null) return `dedupe ${typeof value === 'string' ? value : JSON.stringify(value)}`;
  if (isSchedule(trigger)) return `schedule ${index} ${event['time']}`;
  return `event ${index} ${event['id']}`;
}

/** True for a trigger `{schedule: …}`. */
export function isSchedule(trigger: Json): boolean {
  return isJsonObject(trigger) && Object.hasOwn(trigger, 'schedule');
}

/** Undefined: the event does not have it. */
function fill(template: Json, event: JsonObject): Json | undefined {
  if (typeof template === 'string') {
    const path = parseEventPath(template);
    return path === null ? template : valueAt(event, path);
  }
  if (Array.isArray(template)) return template.map((item) => fill(item, event) ?? null);
  if (!isJsonObject(template)) return template;
  const filled: JsonObject = {};
  for (const [key, value] of Object.entries(template)) {
    const found = fill(value, event);
    if (found !== undefined) setOwn(filled, key, found);
  }
  return filled;
}

function valueAt(event: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = event;
  for (const name of path) if (value !== undefined) value = step(value, name);
  return value;
}

function step(value: Json, name: string): Json | undefined {
  if (isJsonObject(value)) return getOwn(value, name);
  if (!Array.isArray(value)) return undefined;
  const found = value.flatMap((item) => {
    const one = step(item, name);
    return one === undefined ? [] : one;
  });
  return found.length > 1 ? found : found[0];
}

/** What `Service.startTriggered` is asked for when a trigger has fired: the same from the starter and on one machine. */
export type TriggeredStart = {
  workflow: string;
  input: Json;
  mode: 'event' | 'schedule';
  dedupe: string;
  /** Kept with the run: which trigger it was, and the event's id. */
  request: { trigger: number; event: string };
};

/**
 * @param trigger as it stands in the file
 * @param index place of the trigger in the workflow's `triggers`
 */
export function triggeredStart(workflow: string, trigger: Json, index: number, event: JsonObject): TriggeredStart {
  return {
    workflow,
    input: triggerInput(trigger, event),
    mode: isSchedule(trigger) ? 'schedule' : 'event',
    dedupe: dedupeText(trigger, index, event),
    request: { trigger: index, event: String(event['id'] ?? '') },
  };
}
