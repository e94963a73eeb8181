// The shapes that the API answers with. OpenAPI is generated from these; the SDK's types are checked against them.
// Times are ISO 8601 in UTC with milliseconds.

import * as z from 'zod';
import type { Json } from '../json.ts';
import { RUN_STATUSES, STEP_STATUSES } from './statuses.ts';

/** Any JSON, without a look at every value: bodies are JSON by the time they are checked. */
const json = z.custom<Json>(() => true).meta({ description: 'Any JSON value.' });
const time = z.iso.datetime().meta({ description: 'ISO 8601, UTC.' });
const timeOrNull = time.nullable();

export const RUN_STATUS = z.enum(RUN_STATUSES);

export const RUN_MODE = z.enum(['sync', 'async', 'queued', 'event', 'schedule', 'external', 'child']);

export const failureSchema = z
  .object({
    step: z.string().nullable(),
    error: z.string(),
    message: z.string(),
    /** Further failures of the same block. */
    also: z.array(json),
  })
  .meta({ id: 'Failure', description: 'What failed first; further failures of the same block are in `also`.' });

export const stepSchema = z
  .object({
    step_id: z.string(),
    /** Place: text order is file order. */
    at: z.string(),
    kind: z.string(),
    status: z.enum(STEP_STATUSES),
    attempts: z.number(),
    service: z.string().nullable(),
    provider: z.string().nullable(),
    started_at: time,
    completed_at: timeOrNull,
    duration_ms: z.number().nullable(),
    error: z.object({ error: z.string(), message: z.string() }).nullable(),
    undo_error: z.object({ error: z.string(), message: z.string() }).nullable(),
    /** `on_error: continue` let its failure go. */
    let_go: z.boolean(),
    /** Answered from the record of the run that this one retries. */
    reused: z.boolean(),
  })
  .meta({ id: 'Step' });

export const checkpointSchema = z
  .object({
    id: z.string(),
    step_id: z.string(),
    title: z.string(),
    prompt: json.nullable(),
    options: z.array(z.object({ value: z.string(), label: z.string() })).nullable(),
    /** JSON Schema of the answer. */
    fields: json.nullable(),
    allow: z.array(z.enum(['approve', 'edit', 'reject', 'respond'])),
    assets: z.array(json),
    opened_at: time,
    expires_at: time,
  })
  .meta({ id: 'Checkpoint' });

export const receiptSchema = z
  .object({
    object: z.literal('audit_receipt'),
    request_id: z.string(),
    auth_mode: z.enum(['api_key', 'service', 'localhost', 'callback', 'internal']),
    source: z.object({ method: z.string(), route: z.string() }),
    tenant: z.string(),
    created_at: time,
    /** HMAC of the receipt, hex. */
    hash: z.string(),
    previous_hash: z.string(),
    chain: z.number(),
    seq: z.number(),
    /** What was done, to what, by whom: never payloads. */
    subject: z.record(z.string(), json),
  })
  .meta({ id: 'AuditReceipt' });

export const jobSchema = z
  .object({
    object: z.literal('job'),
    id: z.string(),
    kind: z.literal('orchestration'),
    status: RUN_STATUS,
    mode: RUN_MODE,
    durability: z.literal('persisted'),
    run_id: z.string(),
    created_at: time,
  })
  .meta({ id: 'Job' });

export const runSchema = z
  .object({
    object: z.literal('run'),
    id: z.string(),
    job_id: z.string(),
    status: RUN_STATUS,
    mode: RUN_MODE,
    workflow: z.string(),
    version: z.string().nullable(),
    plan_id: z.string().nullable(),
    execution: z.string().nullable(),
    created_at: time,
    started_at: timeOrNull,
    completed_at: timeOrNull,
    deadline: timeOrNull,
    duration_ms: z.number().nullable(),
    /** 1 for the first run of a job. */
    attempt: z.number(),
    /** The run that this one goes on from. */
    retry_of: z.string().nullable(),
    cancel_requested: z.boolean(),
    metadata: json.nullable(),
  })
  .meta({ id: 'Run' });

export const undoSchema = z
  .object({
    /** In the order in which they were done. */
    undone: z.array(json),
    /** What could not be undone: with all that is needed to do it by hand. */
    left: z.array(json),
    /** Steps of unknown outcome that nobody undid. */
    unresolved: z.array(json),
    /** Steps that say they have no undo, and were passed. */
    irreversible: z.array(json),
    /** How long a list is that was cut. */
    undone_count: z.number().exactOptional(),
    left_count: z.number().exactOptional(),
    unresolved_count: z.number().exactOptional(),
    irreversible_count: z.number().exactOptional(),
  })
  .meta({ id: 'Undo' });

export const orchestrationSchema = z.object({
  job_id: z.string(),
  run_id: z.string(),
  plan_id: z.string().nullable(),
  status: RUN_STATUS,
  job: jobSchema,
  run: runSchema,
  steps: z.array(stepSchema),
  input: json,
  output: json,
  error: failureSchema.nullable(),
  undo: undoSchema,
  /** The oldest open one. */
  pending_checkpoint: checkpointSchema.nullable(),
  pending_checkpoints: z.array(checkpointSchema),
  artifacts: z.array(json),
  cost: json.nullable(),
  audit_receipt: receiptSchema.nullable(),
});

/** The lifecycle envelope: the same at every status, from API, SDK and CLI. */
export const envelopeSchema = z.object({ object: z.literal('orchestration'), data: orchestrationSchema }).meta({ id: 'Orchestration' });

export const runListSchema = z
  .object({ object: z.literal('list'), data: z.array(runSchema), cursor: z.string().nullable() })
  .meta({ id: 'RunList' });

export const eventSchema = z
  .looseObject({
    id: z.string().meta({ description: 'Number of the event in its run: give it as Last-Event-ID to go on after it.' }),
    type: z.string(),
    job_id: z.string(),
    run_id: z.string(),
    at: time,
  })
  .meta({ id: 'Event' });

export const workflowSchema = z
  .object({
    object: z.literal('workflow'),
    name: z.string(),
    version: z.string(),
    description: z.string().nullable(),
    execution: z.enum(['standard', 'express']),
    timeout_ms: z.number(),
    input: json.nullable().meta({ description: 'JSON Schema of the input.' }),
    triggers: z.array(json),
    /** The YAML text, where it is known. */
    source: z.string().nullable(),
  })
  .meta({ id: 'Workflow' });

export const workflowListSchema = z.object({ object: z.literal('list'), data: z.array(workflowSchema) }).meta({ id: 'WorkflowList' });

/** A compiler diagnostic in the answer to a deployment. */
export const keySchema = z
  .object({
    object: z.literal('key'),
    id: z.string(),
    name: z.string(),
    tenant: z.string(),
    scopes: z.array(z.enum(['run', 'read', 'admin'])),
    created_at: time,
    expires_at: timeOrNull,
    revoked_at: timeOrNull,
    /** Requests a minute; null: no limit. */
    rate_limit: z.number().nullable(),
  })
  .meta({ id: 'Key' });

/** The key itself is in the answer to its making, and nowhere else. */
export const newKeySchema = keySchema.extend({ key: z.string() }).meta({ id: 'NewKey' });

export const keyListSchema = z.object({ object: z.literal('list'), data: z.array(keySchema) }).meta({ id: 'KeyList' });

export const breakerSchema = z
  .object({ origin: z.string(), state: z.enum(['closed', 'open', 'half_open']), retry_at: timeOrNull })
  .meta({ id: 'Breaker' });

export const breakerListSchema = z.object({ object: z.literal('list'), data: z.array(breakerSchema) }).meta({ id: 'BreakerList' });

export const auditHeadSchema = z
  .object({ chain: z.number(), seq: z.number(), hash: z.string(), created_at: time, signature: z.string() })
  .meta({ id: 'AuditHead' });

export const auditProblemSchema = z
  .object({
    chain: z.number(),
    seq: z.number(),
    problem: z.enum(['altered', 'missing', 'reordered', 'cut', 'bad_head']),
    message: z.string(),
  })
  .meta({ id: 'AuditProblem' });

export const auditSchema = z
  .object({
    object: z.literal('audit'),
    data: z.array(receiptSchema),
    heads: z.array(auditHeadSchema),
    cursor: z.string().nullable(),
    /** Present where `verify=true` was asked. */
    verdict: z.object({ ok: z.boolean(), receipts: z.number(), chains: z.number(), problems: z.array(auditProblemSchema) }).nullable(),
  })
  .meta({ id: 'Audit' });

export const putEventsSchema = z
  .object({ object: z.literal('events'), data: z.array(z.object({ event_id: z.string() })) })
  .meta({ id: 'PutEvents' });

/** A service's answer to a callback was taken. */
export const acceptedSchema = z.object({ accepted: z.literal(true) }).meta({ id: 'Accepted' });

export const logEntrySchema = z
  .looseObject({ at: time, level: z.enum(['debug', 'info', 'warn', 'error']), message: z.string() })
  .meta({ id: 'LogEntry' });

export const logListSchema = z.object({ object: z.literal('list'), data: z.array(logEntrySchema) }).meta({ id: 'LogList' });

/** The answer of the deprecated route. */
export const producedSchema = z
  .object({
    /** The run is completed. */
    success: z.boolean(),
    job_id: z.string(),
    /** The run's output; null while there is none. */
    result: json,
  })
  .meta({ id: 'Produced' });

export const healthSchema = z.object({ status: z.literal('ok'), version: z.string() }).meta({ id: 'Health' });

export const errorSchema = z
  .object({
    error: z.object({ code: z.string(), message: z.string(), details: json.optional(), request_id: z.string() }),
  })
  .meta({ id: 'Error' });

export type Envelope = z.infer<typeof envelopeSchema>;
export type Orchestration = z.infer<typeof orchestrationSchema>;
export type Run = z.infer<typeof runSchema>;
export type Job = z.infer<typeof jobSchema>;
export type Step = z.infer<typeof stepSchema>;
export type Checkpoint = z.infer<typeof checkpointSchema>;
export type Receipt = z.infer<typeof receiptSchema>;
export type RunMode = z.infer<typeof RUN_MODE>;
export type RunList = z.infer<typeof runListSchema>;
export type WorkflowView = z.infer<typeof workflowSchema>;
export type KeyView = z.infer<typeof keySchema>;
export type NewKey = z.infer<typeof newKeySchema>;
export type BreakerView = z.infer<typeof breakerSchema>;
export type AuditHead = z.infer<typeof auditHeadSchema>;
export type AuditProblem = z.infer<typeof auditProblemSchema>;
export type AuditView = z.infer<typeof auditSchema>;
export type LogEntry = z.infer<typeof logEntrySchema>;
export type EventView = z.infer<typeof eventSchema>;
