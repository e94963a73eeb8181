// Calling a service: transport only. No records, no breaker, no state of a run.

export { reachOf } from './address.ts';
export { type CallerOptions, createCaller } from './caller.ts';
export { createEnvironment } from './environment.ts';
export { CallFailure } from './failure.ts';
export { compileProto } from './grpc/proto-source.ts';
export { describeParts } from './parts.ts';
export type { Caller, CallOutcome, CallRequest } from './types.ts';
