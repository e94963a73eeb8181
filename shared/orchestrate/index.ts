// The public door of the service.

export { createService } from './create-service.ts';
export { jobIdOfRun, readEnvelope, runView } from './envelope.ts';
export { findLocated } from './jobs.ts';
export {
  type Bus,
  type BusEvent,
  type Caller,
  type Catalog,
  type CatalogEntry,
  DEFAULT_TENANT,
  type EventFeed,
  type Executions,
  type NewBusEvent,
  type Queue,
  type RequestSource,
  type ServiceIds,
  type StartedWorkflow,
  ThrottledError,
} from './ports.ts';
export { appendReceipt } from './receipts.ts';
export type { Accepted, Service } from './service.ts';
export type { ServiceParts } from './service-parts.ts';
export { prepareInput, type RunFacts, type StartParts, startExpressRun, startRun } from './start-run.ts';
