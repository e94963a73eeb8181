// The checked form of a workflow file: what the parser makes and everything after it reads.
// A Workflow is frozen; all names in it are resolved and all defaults filled in.

import type { Json } from '../json.ts';

/** Where something stands in the file: offsets in UTF-16 units, end exclusive. */
export interface Span {
  start: number;
  end: number;
}

// ---- expressions

/** One step of a path after its root: `.name`, `["name"]` (also a name) or `[expr]`. */
export type PathStep = { kind: 'name'; name: string } | { kind: 'index'; index: Expr };

/**
 * A parsed expression. Pipes are already calls: `.x | default "a"` is `default(.x, "a")`.
 * `path.root` is the first name: `input`, `run`, `workflow`, `timestamp`, `execution_time`, `error`, `item`, `index`,
 * `event`, an output, a `set` name or a foreach `as`.
 */
export type Expr = { span: Span } & (
  | { kind: 'literal'; value: null | boolean | number | string }
  | { kind: 'path'; root: string; steps: PathStep[] }
  | { kind: 'call'; name: string; args: Expr[] }
  | { kind: 'unary'; op: '!' | '-' | '+'; operand: Expr }
  | { kind: 'binary'; op: BinaryOp; left: Expr; right: Expr }
  | { kind: 'conditional'; test: Expr; yes: Expr; no: Expr }
  | { kind: 'list'; items: Expr[] }
  | { kind: 'object'; entries: [key: string, value: Expr][] }
  | { kind: 'env'; name: string }
  | { kind: 'secret'; name: string }
  | { kind: 'callback_url' }
);

export type BinaryOp = '||' | '&&' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%';

/** A JSON value that may hold templates. `text` has at least one expression among its parts. */
export type Template = { span: Span } & (
  | { kind: 'literal'; value: Json }
  | { kind: 'expr'; expr: Expr }
  | { kind: 'text'; parts: TextPart[] }
  | { kind: 'list'; items: Template[] }
  | { kind: 'object'; entries: [key: string, value: Template][] }
);

/** A piece of a text: literal, or an expression turned into text. */
export type TextPart = string | Expr;

// ---- services

export interface Retry {
  /** Tries in all, the first included. */
  attempts: number;
  backoff: 'exponential' | 'constant';
  initialMs: number;
  maxMs: number;
}

export interface Breaker {
  ratio: number;
  min: number;
  windowMs: number;
  openMs: number;
  probes: number;
}

export interface Service {
  name: string;
  type: 'http' | 'grpc' | 'lambda';
  endpoint: TextPart[];
  timeoutMs: number;
  retry: Retry;
  /** HTTP headers or gRPC metadata. */
  headers: [name: string, value: TextPart[]][];
  /** null: switched off. */
  breaker: Breaker | null;
  pool: number;
  idempotent: boolean;
  allowHosts: string[];
  tls: boolean;
  /** gRPC: the text of the `proto` file with its path as written, or server reflection, or neither (Maestro's envelope). */
  schema: { kind: 'proto'; file: string } | { kind: 'reflection' } | null;
  span: Span;
}

// ---- steps

/** What a call asks for. `verb` is set for http only; `text` is the path, the gRPC name or the Lambda method. */
export interface Method {
  verb: string | null;
  text: TextPart[];
}

export interface Compensate {
  service: string;
  method: Method | null;
  input: Template | null;
  /** null: the undo defaults (10 tries, exponential, 2s to 5m). */
  retry: Retry | null;
  timeoutMs: number | null;
  onUnknown: boolean;
  span: Span;
}

interface StepBase {
  id: string;
  /** 1-based place in file order over all steps of the file. */
  number: number;
  when: Expr | null;
  description: string | null;
  irreversible: boolean;
  onError: 'fail' | 'continue';
  span: Span;
}

export interface CallStep extends StepBase {
  kind: 'call';
  service: string;
  method: Method | null;
  input: Template | null;
  output: string | null;
  /** Paths to keep of the result; null keeps all of it. */
  select: string[][] | null;
  /** null: the service's. */
  retry: Retry | null;
  /** null: the service's. For a callback: the wait for the answer (the request itself has the service's timeout). */
  timeoutMs: number | null;
  await: 'callback' | null;
  /** What the output is when `on_error: continue` lets a failure go. */
  default: Json;
  compensate: Compensate | null;
}

export interface ParallelStep extends StepBase {
  kind: 'parallel';
  /** A branch that was written as a single step has that step in `steps` and no `when` of its own. */
  branches: { when: Expr | null; steps: Step[]; span: Span }[];
}

export interface ForeachStep extends StepBase {
  kind: 'foreach';
  items: Expr;
  as: string;
  concurrency: number;
  steps: Step[];
  output: string | null;
}

export interface SwitchStep extends StepBase {
  kind: 'switch';
  /** `when` is null only in the last one. */
  cases: { when: Expr | null; steps: Step[]; span: Span }[];
}

export interface WaitStep extends StepBase {
  kind: 'wait';
  /** Exactly one of the two is set. */
  waitMs: number | null;
  until: Expr | null;
}

export interface SetStep extends StepBase {
  kind: 'set';
  values: [name: string, value: Template][];
}

export interface CheckpointStep extends StepBase {
  kind: 'checkpoint';
  title: Template;
  prompt: Template | null;
  options: { value: string; label: string }[] | null;
  fields: InputSchema | null;
  allow: ('approve' | 'edit' | 'reject' | 'respond')[];
  timeoutMs: number;
  onTimeout: 'fail' | 'continue' | 'reject';
  default: Json;
  output: string | null;
}

export interface WorkflowStep extends StepBase {
  kind: 'workflow';
  workflow: string;
  input: Template | null;
  output: string | null;
  default: Json;
  compensate: Compensate | null;
}

export interface EmitStep extends StepBase {
  kind: 'emit';
  detailType: Template;
  detail: Template;
  compensate: Compensate | null;
}

export interface FailStep extends StepBase {
  kind: 'fail';
  error: string;
  message: Template | null;
}

export type Step =
  | CallStep
  | ParallelStep
  | ForeachStep
  | SwitchStep
  | WaitStep
  | SetStep
  | CheckpointStep
  | WorkflowStep
  | EmitStep
  | FailStep;

// ---- file

/** The JSON Schema subset of `input` and checkpoint `fields`, as written (checked when parsed). */
export interface InputSchema {
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';
  description?: string;
  default?: Json;
  enum?: Json[];
  const?: Json;
  properties?: { [name: string]: InputSchema };
  required?: string[];
  additionalProperties?: boolean;
  items?: InputSchema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/** `written`: as it stands in the file, for those who only hand it on. */
export type Trigger =
  | { kind: 'event'; pattern: { [key: string]: Json }; input: Template | null; dedupe: Expr | null; written: Json; span: Span }
  | { kind: 'schedule'; schedule: string; input: Template | null; written: Json; span: Span };

export interface Workflow {
  /** The file's name as it was given to the parser, for messages only. */
  file: string;
  name: string;
  version: string;
  description: string | null;
  input: InputSchema | null;
  /** The run's deadline, from the file or the default (5m + waits on the longest path). */
  timeoutMs: number;
  execution: 'standard' | 'express';
  services: { [name: string]: Service };
  steps: Step[];
  /** null: an object of all named outputs. */
  output: Template | null;
  triggers: Trigger[];
}
