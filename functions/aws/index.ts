// The public door of the AWS adapters.

export { createAuditKey } from './audit-key.ts';
export { createBus, createStepEvents } from './bus.ts';
export { type AwsCatalog, type CatalogOptions, createCatalog, type Manifest } from './catalog.ts';
export { readManifest, readParameters } from './catalog-sources.ts';
export { type AwsClients, createClients } from './clients.ts';
export { type Config, readConfig, type Setting } from './config.ts';
export { DEPLOY_SETTINGS, type DeployOptions, deployingCatalog } from './deploy.ts';
export { createEventFeed } from './event-feed.ts';
export { type AwsExecutions, createExecutions } from './executions.ts';
export { systemIds } from './ids.ts';
export { countTransitions, createObserver, createUndoNotice, type Observer } from './observe.ts';
export { observed } from './observe-step.ts';
export { createHide, createStartQueue, createUndoLetters } from './queue.ts';
export { createRecords, OPTIONAL_RECORD_SETTINGS, RECORD_SETTINGS, type RecordConfig, type Records } from './records.ts';
export { type AwsService, createAwsService, OPTIONAL_SERVICE_SETTINGS, SERVICE_SETTINGS, type ServiceConfig } from './service.ts';
export { type AwsLambda, type Handle, type ResponseMetadata, type StreamedHandler, streamed } from './streaming.ts';
