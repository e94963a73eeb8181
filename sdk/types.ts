// What the API takes and answers, as types. Written by hand, so that the package needs nothing; `test/sdk/types.test.ts` proves that they
// are the types of the server's own schemas. Times are ISO 8601 in UTC with milliseconds.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type JsonObject = { [key: string]: Json };

export type RunStatus =
  | 'queued'
  | 'running'
  | 'waiting_checkpoint'
  | 'compensating'
  | 'completed'
  | 'failed'
  | 'compensated'
  | 'compensation_failed'
  | 'cancelled';

/** How a run was started. */
export type RunMode = 'sync' | 'async' | 'queued' | 'event' | 'schedule' | 'external' | 'child';

export type StepStatus =
  | 'started'
  | 'waiting'
  | 'done'
  | 'not_performed'
  | 'unknown'
  | 'done_late'
  | 'skipped'
  | 'undone'
  | 'undo_failed'
  | 'unresolved';

export type Decision = 'approve' | 'edit' | 'reject' | 'respond';

/** What a key may do: start and steer runs, look, administer. */
export type Scope = 'run' | 'read' | 'admin';

/** What failed first; further failures of the same block are in `also`. */
export interface Failure {
  step: string | null;
  error: string;
  message: string;
  also: Json[];
}

export interface StepFailure {
  error: string;
  message: string;
}

export interface Step {
  step_id: string;
  /** Place in the file: text order is file order. */
  at: string;
  kind: string;
  status: StepStatus;
  attempts: number;
  service: string | null;
  provider: string | null;
  started_at: string;
  completed_at: string | null;
  duration_ms: number | null;
  error: StepFailure | null;
  undo_error: StepFailure | null;
  /** `on_error: continue` let its failure go. */
  let_go: boolean;
  /** Answered from the record of the run that this one retries. */
  reused: boolean;
}

/** A question that the run waits for an answer to. */
export interface Checkpoint {
  id: string;
  step_id: string;
  title: string;
  prompt: Json;
  options: { value: string; label: string }[] | null;
  /** JSON Schema of the answer. */
  fields: Json;
  allow: Decision[];
  assets: Json[];
  opened_at: string;
  expires_at: string;
}

export interface Receipt {
  object: 'audit_receipt';
  request_id: string;
  auth_mode: 'api_key' | 'service' | 'localhost' | 'callback' | 'internal';
  source: { method: string; route: string };
  tenant: string;
  created_at: string;
  /** HMAC of the receipt, hex. */
  hash: string;
  previous_hash: string;
  chain: number;
  seq: number;
  /** What was done, to what, by whom. */
  subject: { [name: string]: Json };
}

/** The durable intent; its runs are attempts at it. */
export interface Job {
  object: 'job';
  id: string;
  kind: 'orchestration';
  status: RunStatus;
  mode: RunMode;
  durability: 'persisted';
  run_id: string;
  created_at: string;
}

export interface Run {
  object: 'run';
  id: string;
  job_id: string;
  status: RunStatus;
  mode: RunMode;
  workflow: string;
  version: string | null;
  plan_id: string | null;
  execution: string | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  deadline: string | null;
  duration_ms: number | null;
  /** 1 for the first run of a job. */
  attempt: number;
  /** The run that this one goes on from. */
  retry_of: string | null;
  cancel_requested: boolean;
  metadata: Json;
}

/** What an undo did and left. */
export interface Undo {
  undone: Json[];
  /** What could not be undone, with all that is needed to do it by hand. */
  left: Json[];
  /** Steps of unknown outcome that nobody undid. */
  unresolved: Json[];
  /** Steps that say they have no undo, and were passed. */
  irreversible: Json[];
  /** How long a list is that was cut. */
  undone_count?: number;
  left_count?: number;
  unresolved_count?: number;
  irreversible_count?: number;
}

export interface Orchestration {
  job_id: string;
  run_id: string;
  plan_id: string | null;
  status: RunStatus;
  job: Job;
  run: Run;
  steps: Step[];
  input: Json;
  output: Json;
  error: Failure | null;
  undo: Undo;
  /** The oldest open one. */
  pending_checkpoint: Checkpoint | null;
  pending_checkpoints: Checkpoint[];
  artifacts: Json[];
  cost: Json;
  audit_receipt: Receipt | null;
}

/** A run with all that is on record: the same shape at every status. */
export interface Envelope {
  object: 'orchestration';
  data: Orchestration;
}

export interface RunList {
  object: 'list';
  /** Newest first. */
  data: Run[];
  /** Of the next page; null: this is the last. */
  cursor: string | null;
}

export type EventType =
  | 'job.created'
  | 'plan.created'
  | 'run.queued'
  | 'run.started'
  | 'step.started'
  | 'step.retrying'
  | 'step.completed'
  | 'step.failed'
  | 'step.skipped'
  | 'checkpoint.waiting'
  | 'checkpoint.resolved'
  | 'compensation.started'
  | 'compensation.step_completed'
  | 'compensation.step_failed'
  | 'compensation.completed'
  | 'run.completed'
  | 'run.failed'
  | 'run.compensated'
  | 'run.compensation_failed'
  | 'run.cancelled';

/** Something that happened in a run. Fields beside these depend on the type. */
export interface RunEvent {
  /** Number of the event in its run. */
  id: string;
  type: EventType;
  job_id: string;
  run_id: string;
  /** When it happened. */
  at: string;
  step?: string;
  /** Of the step in the file: text order is file order. */
  place?: string;
  error?: string | null;
  /** The last event of a stream carries the run as it ended. */
  envelope?: Envelope;
  [field: string]: unknown;
}

export interface Workflow {
  object: 'workflow';
  name: string;
  version: string;
  description: string | null;
  execution: 'standard' | 'express';
  timeout_ms: number;
  /** JSON Schema of the input. */
  input: Json;
  triggers: Json[];
  /** The YAML text, where it is known. */
  source: string | null;
}

export interface WorkflowList {
  object: 'list';
  data: Workflow[];
}

export interface Key {
  object: 'key';
  id: string;
  name: string;
  tenant: string;
  scopes: Scope[];
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  /** Requests a minute; null: no limit. */
  rate_limit: number | null;
}

/** The key itself is in the answer to its making, and nowhere else. */
export interface NewKey extends Key {
  key: string;
}

export interface KeyList {
  object: 'list';
  data: Key[];
}

export interface Breaker {
  origin: string;
  state: 'closed' | 'open' | 'half_open';
  /** When probes are let through again. */
  retry_at: string | null;
}

export interface BreakerList {
  object: 'list';
  data: Breaker[];
}

export interface AuditHead {
  chain: number;
  seq: number;
  hash: string;
  created_at: string;
  signature: string;
}

export interface AuditProblem {
  chain: number;
  seq: number;
  problem: 'altered' | 'missing' | 'reordered' | 'cut' | 'bad_head';
  message: string;
}

export interface AuditVerdict {
  ok: boolean;
  receipts: number;
  chains: number;
  problems: AuditProblem[];
}

export interface Audit {
  object: 'audit';
  data: Receipt[];
  heads: AuditHead[];
  cursor: string | null;
  /** Present where it was asked for. */
  verdict: AuditVerdict | null;
}

export interface EventsPut {
  object: 'events';
  data: { event_id: string }[];
}

export interface Health {
  status: 'ok';
  version: string;
}

/** One thing that is wrong with a request. */
export interface ErrorDetail {
  path: (string | number)[];
  message: string;
}

/** What a run is asked for: exactly one of `query`, `workflow`, `plan_id`. */
export interface RunRequest {
  query?: string;
  workflow?: string;
  plan_id?: string;
  input?: Json;
  stream?: boolean;
  /** `sync` (default) answers at the end of the run, at a checkpoint, or after 25 s; the others at once. */
  mode?: 'sync' | 'async' | 'queued';
  policy?: JsonObject;
  budget_usd?: number;
  review?: Json;
  metadata?: JsonObject;
}

export interface ListQuery {
  status?: RunStatus;
  workflow?: string;
  /** ISO 8601. */
  since?: string;
  /** 1 to 100. */
  limit?: number;
  cursor?: string;
}

/** `{decision?, …answer}`: everything beside `decision` is the answer's fields. */
export interface CheckpointAnswer {
  decision?: Decision;
  [field: string]: unknown;
}

export interface KeyRequest {
  name: string;
  tenant?: string;
  scopes: Scope[];
  /** A duration such as `720h`. */
  expires_in?: string;
  /** Requests a minute. */
  rate_limit?: number;
}

/** An event for the bus, in EventBridge's spelling of the fields. */
export interface NewEvent {
  source: string;
  'detail-type': string;
  detail: JsonObject;
  resources?: string[];
  /** ISO 8601. */
  time?: string;
}
