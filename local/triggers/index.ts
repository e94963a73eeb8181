// The public door of triggers on one machine.

export type { Delivery, TriggerDeadLetter } from './deliveries.ts';
export { createLocalTriggers, type LocalTriggers, type LocalTriggersOptions } from './local-triggers.ts';
