// The door's types: what callers of the engine see.

import type { Clock } from '../../shared/clock.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { Database } from '../../shared/store/database.ts';
import type { DefinitionIssue } from './definition/types.ts';
import type { HistoryEvent } from './history.ts';

export type StateMachineType = 'STANDARD' | 'EXPRESS';
export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** One invocation of a function. */
export interface LambdaCall {
  /** A full ARN, with version or alias where the definition names one. */
  functionArn: string;
  /** Not to be changed: the state machine's own value. */
  payload: Json;
  /** The request body: the payload's JSON text, or a text `Payload` of lambda:invoke as it stands. Made when it is read. */
  readonly payloadText: string;
  /** Aborted when the task has timed out, or its branch or execution has ended. AWS lets a running function finish. */
  readonly signal: AbortSignal;
  /** `$states.context.State.RetryCount`. */
  attempt: number;
  executionArn: string;
}

export type LambdaResult =
  | { payload: Json; requestId?: string; executedVersion?: string; headers?: JsonObject }
  /** `error`: the function's errorType, or `Lambda.<Exception>` where the service refused; `cause`: JSON text or prose. */
  | { error: string; cause: string };

/**
 * Calls a function. `inProcess`: it runs in this process and itself waits for `Database.committed()` before it sends anything, so the
 * engine may call it before its own entries are committed.
 */
export interface LambdaHandler {
  (call: LambdaCall): Promise<LambdaResult>;
  inProcess?: boolean | ((functionArn: string) => boolean);
}

export interface PutEventsEntry {
  Source?: string;
  DetailType?: string;
  /** JSON text. */
  Detail?: string;
  EventBusName?: string;
  Resources?: string[];
  Time?: Json;
  TraceHeader?: string;
}

export interface PutEventsResult {
  FailedEntryCount: number;
  Entries: { EventId?: string; ErrorCode?: string; ErrorMessage?: string }[];
}

/** EventBridge's "Step Functions Execution Status Change". Times in epoch ms. */
export type ExecutionStatusChange = ExecutionDescription;

export interface EngineOptions {
  database: Database;
  clock: Clock;
  ids: { uuid(): string; random(): number };
  lambda: LambdaHandler;
  /** Default: every entry is accepted and goes nowhere. */
  putEvents?: (entries: PutEventsEntry[]) => Promise<PutEventsResult>;
  /** Told after the commit. */
  onStatus?: (change: ExecutionStatusChange) => void;
  /** Told after the commit, in order; without inputs and outputs (`getHistory` has them). */
  onEvent?: (executionArn: string, event: HistoryEvent) => void;
  /** Default 000000000000. */
  accountId?: string;
  /** Default us-east-1. */
  region?: string;
}

export interface StateMachineSettings {
  loggingConfiguration?: JsonObject;
  tracingConfiguration?: JsonObject;
  encryptionConfiguration?: JsonObject;
}

export interface CreateStateMachineInput extends StateMachineSettings {
  name: string;
  /** JSON text, Amazon States Language (JSONata). */
  definition: string;
  roleArn?: string;
  /** Default STANDARD. */
  type?: StateMachineType;
  tags?: { key: string; value: string }[];
}

export interface UpdateStateMachineInput extends StateMachineSettings {
  stateMachineArn: string;
  definition?: string;
  roleArn?: string;
}

/** Times in epoch ms, here and below. */
export interface StateMachineDescription {
  stateMachineArn: string;
  name: string;
  status: 'ACTIVE';
  definition: string;
  roleArn: string;
  type: StateMachineType;
  creationDate: number;
  updateDate: number;
  revisionId: string;
  settings: JsonObject;
}

export interface StartExecutionInput {
  stateMachineArn: string;
  /** Default: a UUID. */
  name?: string;
  /** JSON text, or a value. Default `{}`. */
  input?: string | { value: Json };
}

export interface ExecutionDescription {
  executionArn: string;
  stateMachineArn: string;
  name: string;
  status: ExecutionStatus;
  startDate: number;
  stopDate: number | null;
  /** JSON text. */
  input: string;
  /** JSON text. */
  output: string | null;
  error: string | null;
  cause: string | null;
}

export interface Page<T> {
  items: T[];
  nextToken: string | undefined;
}

export interface Engine {
  createStateMachine(input: CreateStateMachineInput): Promise<{ stateMachineArn: string; creationDate: number }>;
  updateStateMachine(input: UpdateStateMachineInput): Promise<{ updateDate: number; revisionId: string }>;
  deleteStateMachine(stateMachineArn: string): Promise<void>;
  describeStateMachine(stateMachineArn: string): StateMachineDescription;
  listStateMachines(options?: { maxResults?: number; nextToken?: string }): Page<StateMachineDescription>;
  /** What AWS would refuse the definition for; an empty list when nothing. */
  validate(definition: string, type?: StateMachineType): DefinitionIssue[];
  tags(stateMachineArn: string): { key: string; value: string }[];
  setTags(stateMachineArn: string, tags: { key: string; value: string }[]): Promise<void>;

  /** Resolves once the start is committed. */
  startExecution(input: StartExecutionInput): Promise<{ executionArn: string; startDate: number }>;
  /** Starts an Express machine and resolves with its end. */
  startSyncExecution(input: StartExecutionInput): Promise<ExecutionDescription>;
  describeExecution(executionArn: string): ExecutionDescription;
  /** The machine as this execution runs it. */
  describeStateMachineForExecution(executionArn: string): StateMachineDescription;
  /** Newest first. */
  listExecutions(options: {
    stateMachineArn: string;
    statusFilter?: string;
    maxResults?: number;
    nextToken?: string;
  }): Page<ExecutionDescription>;
  getHistory(options: {
    executionArn: string;
    maxResults?: number;
    reverseOrder?: boolean;
    nextToken?: string;
    includeExecutionData?: boolean;
  }): Page<HistoryEvent>;
  stopExecution(input: { executionArn: string; error?: string; cause?: string }): Promise<{ stopDate: number }>;
  /** `output`: JSON text. */
  sendTaskSuccess(taskToken: string, output: string): Promise<void>;
  sendTaskFailure(taskToken: string, failure?: { error?: string; cause?: string }): Promise<void>;
  sendTaskHeartbeat(taskToken: string): Promise<void>;
  /** Resolves when the execution has ended and its end is committed. */
  wait(executionArn: string): Promise<ExecutionDescription>;
  /** Takes up every execution that was running when the last process ended; their ARNs. */
  recover(): Promise<string[]>;
  /** Stops timers and calls; executions stay RUNNING and go on with the next `recover`. */
  close(): void;
}
