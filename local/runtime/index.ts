// The public door of the embedded default.

export { LOCAL_ACCOUNT, LOCAL_REGION, machineArn, undoMachineName } from './arns.ts';
export { keepDeadLetter } from './dead-letters.ts';
export type { LeftRun } from './local-recovery.ts';
export { findHolder, type Opened, openRuntime } from './open-runtime.ts';
export type {
  BreakerSummary,
  HolderStatus,
  ListRequest,
  Registration,
  RunOperations,
  StartRequest,
} from './operations.ts';
export type { OwnFunction } from './own-functions.ts';
export { RuntimeProblem } from './problem.ts';
export { registrationOf } from './registration-of.ts';
export type { Registry } from './registry.ts';
export type { RunWatch } from './run-watch.ts';
export { createRuntime, type Runtime, type RuntimeOptions, type RuntimeParts } from './runtime.ts';
export { startExecution } from './start-execution.ts';
export type { RuntimeIds } from './system-ids.ts';
