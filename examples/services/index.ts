// The public door of the demo services.

export { DEFAULT_GRPC_PORT, DEFAULT_HTTP_PORT, type DemoServices, type DemoServicesOptions, startDemoServices } from './demo-services.ts';
export type { DemoControl, LogEntry } from './dispatcher.ts';
export type { Misbehaviour, MisbehaviourInput } from './misbehaviour.ts';
