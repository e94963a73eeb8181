// A definition, compiled: what the interpreter walks.

import type { Template } from '../expressions/index.ts';
import type { Resource } from './resource.ts';

/** A machine, a branch of a Parallel or the processor of a Map. */
export interface Region {
  startAt: string;
  states: ReadonlyMap<string, State>;
}

export interface Machine extends Region {
  /** Of the whole execution. */
  timeoutSeconds: number | undefined;
}

interface Common {
  name: string;
  /** The name as JSON text, for the journal. */
  nameJson: string;
  /** undefined: the state ends its region. */
  next: string | undefined;
  output: Template | undefined;
  assign: Template | undefined;
}

export interface Retrier {
  errors: string[];
  intervalSeconds: number;
  maxAttempts: number;
  backoffRate: number;
  maxDelaySeconds: number | undefined;
  fullJitter: boolean;
}

export interface Catcher {
  errors: string[];
  next: string;
  output: Template | undefined;
  assign: Template | undefined;
}

interface Recovering extends Common {
  retry: Retrier[];
  catch: Catcher[];
}

export interface TaskState extends Recovering {
  type: 'Task';
  resource: Resource;
  arguments: Template | undefined;
  timeoutSeconds: Template | undefined;
  heartbeatSeconds: Template | undefined;
  credentials: Template | undefined;
}

export interface ParallelState extends Recovering {
  type: 'Parallel';
  arguments: Template | undefined;
  branches: Region[];
}

export interface MapState extends Recovering {
  type: 'Map';
  items: Template | undefined;
  itemSelector: Template | undefined;
  maxConcurrency: Template | undefined;
  toleratedFailureCount: Template | undefined;
  toleratedFailurePercentage: Template | undefined;
  processor: Region;
}

export interface ChoiceRule {
  condition: Template;
  next: string;
  output: Template | undefined;
  assign: Template | undefined;
}

export interface ChoiceState extends Common {
  type: 'Choice';
  rules: ChoiceRule[];
  default: string | undefined;
}

export interface WaitState extends Common {
  type: 'Wait';
  seconds: Template | undefined;
  timestamp: Template | undefined;
}

export interface PassState extends Common {
  type: 'Pass' | 'Succeed';
}

export interface FailState extends Common {
  type: 'Fail';
  error: Template | undefined;
  cause: Template | undefined;
}

export type State = TaskState | ParallelState | MapState | ChoiceState | WaitState | PassState | FailState;

/** One thing that a definition is refused for. `path` is where: `/States/A/Next`. */
export interface DefinitionIssue {
  code: string;
  message: string;
  path: string;
}
