// Calling a service: transport only. No records, no breaker, no state of a run.

export { type Reach, reachOf } from './address.ts';
export type { AwsSecretsOptions } from './aws-secrets.ts';
export { type CallerOptions, createCaller } from './caller.ts';
export type { Address, Resolver } from './egress.ts';
export { type AwsEnvironmentOptions, createEnvironment, type LocalEnvironmentOptions, type Variables } from './environment.ts';
export {
  badConfiguration,
  CallFailure,
  type CallFailureOptions,
  EXCERPT_BYTES,
  excerpt,
  type FailedOutcome,
  isCallFailure,
} from './failure.ts';
export { type CompileProtoOptions, ProtoError, type ReadProto } from './grpc/proto-error.ts';
export { compileProto } from './grpc/proto-source.ts';
export type { LambdaClientOptions } from './lambda/lambda-call.ts';
export { describeParts, type Environment } from './parts.ts';
export type { Caller, CallOutcome, CallRequest, FailureDetail } from './types.ts';
