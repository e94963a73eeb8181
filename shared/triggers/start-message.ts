// How a trigger that fired reaches the starter on AWS: rule or schedule → start queue → starter → `service.startTriggered`.
//
// Nothing starts a state machine past the starter, because only there what an event lacks is missing (a rule's input transformer writes ""), the same
// event is one run however often it is delivered, the input is checked against the workflow's schema, and the run is known as one of a trigger.

import * as z from 'zod';
import type { JsonObject } from '../json.ts';
import { scheduleEvent } from './schedule-event.ts';

/** What lies in the start queue for a trigger. Runs that were queued by the API lie there as their id alone. */
export const triggerMessageSchema = z.strictObject({
  trigger: z.strictObject({
    workflow: z.string(),
    /** Place in the workflow's `triggers`. */
    index: z.number().int().nonnegative(),
  }),
  /** The whole event, as EventBridge delivers it; of a schedule: `scheduleEvent`. */
  event: z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'expected an event'),
});

export type TriggerMessage = z.infer<typeof triggerMessageSchema>;

/**
 * InputTransformer of the rule of an event trigger, whose target is the start queue: it makes a `TriggerMessage`.
 * `<aws.events.event.json>` is replaced by the whole event (EventBridge: "Predefined variables").
 */
export function eventTargetInput(workflow: string, index: number): { inputTemplate: string } {
  return { inputTemplate: `{"trigger":${JSON.stringify({ workflow, index })},"event":<aws.events.event.json>}` };
}

/**
 * `Input` of the schedule of a schedule trigger, whose target is the start queue: it makes a `TriggerMessage`. The words in angle brackets are
 * replaced by Scheduler ("Adding context attributes").
 * @param place account and region, which may be tokens of CDK
 */
export function scheduleTargetInput(workflow: string, index: number, place: { account: string; region: string }): string {
  const event = scheduleEvent({
    id: '<aws.scheduler.execution-id>',
    time: '<aws.scheduler.scheduled-time>',
    schedule: '<aws.scheduler.schedule-arn>',
    ...place,
  });
  return JSON.stringify({ trigger: { workflow, index }, event } satisfies TriggerMessage);
}
