// What the interpreter needs of the engine around it.

import type { Clock } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import type { Execution } from './execution.ts';
import type { Thread } from './thread.ts';
import type { ExecutionDescription, LambdaCall, LambdaResult, PutEventsEntry, PutEventsResult } from './types.ts';

/** What can arrive for a task that waits for a token. */
export type TokenMessage =
  | { kind: 'success'; value: Json; text: string }
  | { kind: 'failure'; error: string | null; cause: string | null }
  | { kind: 'heartbeat' };

export interface ChildStart {
  executionArn: string;
  /** Epoch ms. */
  startDate: number;
}

export interface Runtime {
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  /** The engine is being closed: what is let go of is not stopped. */
  readonly closing: boolean;
  readonly ids: { uuid(): string; random(): number };
  /** The execution has something to write at the end of this turn. */
  collect(execution: Execution): void;
  ended(execution: Execution): void;
  /** Calls `effect` when everything written so far is committed. */
  afterCommit(effect: () => void): void;
  /** True: the function may be called before the commit (see `LambdaHandler`). */
  isInProcess(functionArn: string): boolean;
  lambda(call: LambdaCall): Promise<LambdaResult>;
  putEvents(entries: PutEventsEntry[]): Promise<PutEventsResult>;
  newToken(thread: Thread): string;
  /** Answers to this token go to `listener` until the returned function is called. */
  listen(token: string, listener: (message: TokenMessage) => void): () => void;
  /** @throws ServiceError as StartExecution does */
  startChild(stateMachineArn: string, name: string | undefined, input: string): ChildStart;
  stopChild(executionArn: string, error: string | null, cause: string | null): void;
  /** Calls `told` when the execution has ended (now, if it has). */
  onEnd(executionArn: string, told: (description: ExecutionDescription) => void): () => void;
}
