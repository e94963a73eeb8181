// What the compiled definition sends to the step function, and what it gets back: the one contract between
// `shared/compiler` (writes these messages as JSONata templates) and `functions/step` (reads them).
//
//   M1. Every message carries `v`. A field is added, never changed: runs in flight outlive a deployment.
//   M2. Defaults are left out, so that a 500-step saga stays under 1 MB.
//   M3. No list stands directly in a list: validators of definitions take such values for mistakes.
//   M4. `{secret}`, `{env}`, `$late`, `$stored` are written by the compiler or the step function only. The same keys in
//       data from outside are escaped (a `$` is put before them) when the data enters a run, and unescaped when it leaves.

import type { Json, JsonObject } from '../json.ts';

/** The format number of this file. */
export const MESSAGE_VERSION = 1;

/**
 * Which run: `[execution ARN, StartTime, link?]`. The first two are the run's key in the store; `link` is the reserved key
 * `$maestro` of the execution's input, present only in runs that Maestro itself started (children, recovery of large inputs).
 */
export type RunRef = [executionArn: string, startTime: string, link?: RunLink | null];

/** What travels to a child run in `$maestro` of its execution input. */
export interface RunLink {
  /** Public id of the parent run, and the place and id of its `workflow` step. */
  parent?: { run: string; at: string; step?: string };
  /** Epoch ms: the parent's deadline. The child's is the earlier of its own and this. */
  deadline?: number;
  /** The parent step's own `compensate`: what undoes the child once it has completed (`$o` is the child's output). Without it, `<child>-undo` does. */
  undo?: UndoSpec;
}

/** A piece of a header, endpoint or method. Text as it stands, a value resolved by the expression, or a name the step function looks up. */
export type Part = string | { v: Json } | { env: string } | { secret: string };

/** A service as a call needs it. Left out means the default of 2-language: timeout 30 s, pool 5, the default breaker, no headers. */
export interface ServiceConfig {
  name: string;
  type: 'http' | 'grpc' | 'lambda';
  endpoint: Part[];
  /** ms */
  timeout?: number;
  /** The most a `Retry-After` is waited for in place, ms (the service's `retry.max`; default 30,000). */
  retryMax?: number;
  headers?: { name: string; value: Part[] }[];
  breaker?: { ratio?: number; min?: number; window?: number; open?: number; probes?: number } | false;
  pool?: number;
  idempotent?: true;
  allowHosts?: string[];
  tls?: true;
  /** gRPC: what `compileProto` of shared/calls makes of the `proto` file (also taken: a FileDescriptorSet in base64), or `reflection`. */
  proto?: string;
  reflection?: true;
}

/** One request, resolved. */
export interface CallSpec {
  service: ServiceConfig;
  /** HTTP: the verb. */
  verb?: string;
  /** HTTP: the path; gRPC: the name; Lambda: the method. */
  method?: Part[];
  input?: Json;
}

/**
 * What has to be done to undo a step. Leaves that the request cannot know yet are `Late`. The step function resolves those that need the
 * step's own output when it writes the end, and those that need `.error` when the undo runs.
 */
export interface UndoSpec extends CallSpec {
  /** ms; default the service's. */
  timeout?: number;
  /** ms; the most of a `Retry-After` that is waited for, where the undo says so itself. Default the service's. */
  retryMax?: number;
  /** Undo also when it is not known whether the step was performed. */
  onUnknown?: true;
}

/**
 * A leaf of `UndoSpec.method` (inside `{v}`) or `UndoSpec.input` that is computed later, with jsonata 2.0.6. `$o` is the step's output, `$e` the error
 * `{step, error, message, also}`; every other variable is in `bind`, resolved. Total: an undefined result is null.
 */
export interface Late {
  $late: string;
  bind?: JsonObject;
  /** Uses `$e`: cannot be resolved before the undo runs. */
  error?: true;
}

/** What every state passes on about a failure. `cause` is what Step Functions gave: JSON of ours, prose or empty. */
export interface RawError {
  /** The step whose failure this is; null where no step failed. */
  step: string | null;
  error: string | null;
  cause: string | null;
  /** Further failures of the same block, in file order. */
  also?: RawError[];
}

export interface CallMessage extends CallSpec {
  v: 1;
  op: 'call';
  run: RunRef;
  /** Step id as in the file. */
  step: string;
  /** Place: zero-padded numbers from the outside in, so that text order is file order (see `place.ts`). */
  at: string;
  /** `State.RetryCount`: 0 on the first try. Left out where there is only one. */
  attempt?: number;
  /** The run's own time limit, ms after StartTime. */
  limit: number;
  /** ms; the step's own timeout where it has one. */
  timeout?: number;
  /** ms; the most of a `Retry-After` that is waited for, where the step says so itself. Default the service's. */
  retryMax?: number;
  undo?: UndoSpec;
  /** Paths of the result that later templates read, as JSON Pointers. Left out: all of it is read. `[]`: nothing is. */
  keep?: string[];
  /** Bytes of result that the state may hold; default 32,768. */
  budget?: number;
  /** Paths of the result to keep at all, as JSON Pointers. */
  select?: string[];
  /** `continue`: a failure for good of this call is let go (by the step or by a block around it). */
  onError?: 'continue';
  /** Tries in all (default 1): with `attempt` it tells whether a failure is for good. */
  attempts?: number;
  /** Places of the settling blocks around this step, outermost first: the call is refused when one of them was stopped. */
  blocks?: string[];
  /** Those of `blocks` that a failure for good of this call ends: they are marked as stopped on the control record, in one write. */
  stops?: string[];
  /** The task token of an `await: callback`. */
  token?: string;
  /** Where `callback.url` stands in `input`: JSON Pointers to leaves that the step function fills in. */
  callbackAt?: string[];
  irreversible?: true;
}

/** An `emit` that can be undone: the step function puts the event and records it. */
export interface EmitMessage extends Omit<CallMessage, 'op' | 'service' | 'verb' | 'method' | 'input'> {
  op: 'emit';
  source: string;
  detailType: string;
  detail: Json;
}

/** Undo the step at a place, if the record says that there is something to undo. */
export interface UndoMessage {
  v: 1;
  op: 'undo';
  run: RunRef;
  step: string;
  at: string;
  /** Tries in all; default 10. Which one it is, the record knows. */
  attempts?: number;
  error: RawError | null;
}

/** Which items of a foreach have something to undo (or to list), last first. Answers `PageResult`. */
export interface PageMessage {
  v: 1;
  op: 'page';
  run: RunRef;
  step: string;
  /** Place of the foreach; its items are one level further in. */
  at: string;
  error: RawError | null;
}

export interface PageResult {
  /** Whole places of items (`<at>.<item number>`), last first, at most 500. */
  items: string[];
  more: boolean;
}

/** Closes the undo: writes the run's status and answers what the `Fail` shows. */
export interface ReportMessage {
  v: 1;
  op: 'report';
  run: RunRef;
  workflow: string;
  version: string;
  error: RawError | null;
}

export interface ReportResult {
  /** The original error's name. */
  error: string;
  /** JSON text of at most 30,000 characters: `{status, step, message, undone, left, unresolved, irreversible}`. */
  cause: string;
}

/** A child run's outcome for the undo of a `workflow` step: what to do with it. */
export interface ChildMessage {
  v: 1;
  op: 'child';
  run: RunRef;
  step: string;
  at: string;
  attempts?: number;
  error: RawError | null;
  /** ARN of the child's state machine; the execution's name follows from run and place (`childExecutionName`). Its own `undo` is in the child's link. */
  machine: string;
}

/** What `ChildMessage` answers: start the child's undo machine with this input, or nothing. */
export interface ChildResult {
  start: boolean;
  input: Json;
}

/**
 * The result of a sub-workflow in which a value stands as a reference of the child's: answers it as the parent's state holds it, below the
 * parent's own prefix. Which child it is, and what it gave, the records say.
 */
export interface LoadMessage {
  v: 1;
  op: 'load';
  run: RunRef;
  step: string;
  at: string;
  limit: number;
  /** As a call's. */
  keep?: string[];
  budget?: number;
}

/** An Express run's last call: records its end. */
export interface EndMessage {
  v: 1;
  op: 'end';
  run: RunRef;
  output: Json;
}

/** The checkpoint function's message, sent with `.waitForTaskToken`. */
export interface CheckpointMessage {
  v: 1;
  op: 'checkpoint';
  run: RunRef;
  step: string;
  at: string;
  token: string;
  limit: number;
  /** When the state was entered, ISO 8601: from then on its task's time counts. */
  entered?: string;
  title: string;
  prompt?: Json;
  options?: { value: string; label: string }[];
  fields?: Json;
  allow: string[];
  /** Seconds. */
  timeout: number;
  onTimeout: 'fail' | 'continue' | 'reject';
  default?: Json;
}

export type StepMessage = CallMessage | EmitMessage | UndoMessage | PageMessage | ReportMessage | ChildMessage | LoadMessage | EndMessage;

/**
 * A result that was too large for the state. It stands where the value would: an object that has `$stored` and, beside it, exactly the kept
 * paths of the value in their places, so that an expression reads `x.a.b` alike from a value and from its reference.
 */
export interface StoredValue {
  $stored: { key: string; sha256: string; bytes: number };
}
