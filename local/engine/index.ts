export type { DefinitionIssue } from './definition/types.ts';
export { createEngine } from './engine.ts';
export { functionFailure, ServiceError, type ServiceErrorName } from './errors.ts';
export type { HistoryEvent } from './history.ts';
export type {
  CreateStateMachineInput,
  Engine,
  EngineOptions,
  ExecutionDescription,
  ExecutionStatus,
  ExecutionStatusChange,
  LambdaCall,
  LambdaHandler,
  LambdaResult,
  Page,
  PutEventsEntry,
  PutEventsResult,
  StartExecutionInput,
  StateMachineDescription,
  StateMachineType,
  UpdateStateMachineInput,
} from './types.ts';
