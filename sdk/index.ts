// The client of a Maestro service: no dependency, browsers and Node alike.

export { ConnectionError, MaestroError } from './errors.ts';
export { type AuditLog, type Breakers, type Events, type Keys, Maestro, type MaestroOptions, type Workflows } from './maestro.ts';
export type { Orchestrate, RunOptions } from './orchestrate.ts';
export type { Platform } from './platform.ts';
export type { CallOptions, Fetch } from './transport.ts';
export type {
  Audit,
  AuditHead,
  AuditProblem,
  AuditVerdict,
  Breaker,
  BreakerList,
  Checkpoint,
  CheckpointAnswer,
  Decision,
  Envelope,
  ErrorDetail,
  EventsPut,
  EventType,
  Failure,
  Health,
  Job,
  Json,
  JsonObject,
  Key,
  KeyList,
  KeyRequest,
  ListQuery,
  NewEvent,
  NewKey,
  Orchestration,
  Receipt,
  Run,
  RunEvent,
  RunList,
  RunMode,
  RunRequest,
  RunStatus,
  Scope,
  Step,
  StepFailure,
  StepStatus,
  Undo,
  Workflow,
  WorkflowList,
} from './types.ts';
