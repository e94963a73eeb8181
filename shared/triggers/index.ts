// The public door of triggers: what an event or a schedule starts, and with which input.

export { matchesPattern, nextFire, type PatternFault, patternFaults, scheduleFaults } from '../eventbridge/index.ts';
export { dedupeName } from '../protocol/run-id.ts';
export { type ScheduleEventParts, scheduleEvent } from './schedule-event.ts';
export { eventTargetInput, scheduleTargetInput, type TriggerMessage, triggerMessageSchema } from './start-message.ts';
export { dedupeText, isSchedule, type TriggeredStart, triggeredStart, triggerInput } from './trigger-input.ts';
