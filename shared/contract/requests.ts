// What the API takes: bodies, queries and paths.

import * as z from 'zod';
import type { Json, JsonObject } from '../json.ts';
import { CHECKPOINT_ID, JOB_ID, RUN_ID } from './ids.ts';
import { RUN_STATUS } from './schemas.ts';

const json = z.custom<Json>(() => true).meta({ description: 'Any JSON value.' });
const jsonObject = z
  .custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'expected an object')
  .meta({ type: 'object' });

export const WORKFLOW_NAME = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'expected a workflow name: a letter, then letters, digits, "_" or "-", at most 64');

export const runIdSchema = z.string().refine((id) => RUN_ID.test(id) || JOB_ID.test(id), 'expected a run id (run_…) or a job id (job_…)');

/** `POST /api/v2/orchestrate/run`. Exactly one of `query`, `workflow`, `plan_id`. */
export const runRequestSchema = z
  .strictObject({
    query: z.string().min(1).max(20_000).exactOptional(),
    workflow: WORKFLOW_NAME.exactOptional(),
    plan_id: z.string().max(100).exactOptional(),
    input: json.exactOptional(),
    stream: z.boolean().exactOptional(),
    mode: z.enum(['sync', 'async', 'queued']).exactOptional(),
    policy: jsonObject.exactOptional(),
    budget_usd: z.number().nonnegative().exactOptional(),
    review: json.exactOptional(),
    metadata: jsonObject.exactOptional(),
  })
  .refine(
    ({ query, workflow, plan_id }) => [query, workflow, plan_id].filter((given) => given !== undefined).length === 1,
    'expected exactly one of `query`, `workflow` and `plan_id`',
  )
  .meta({ id: 'RunRequest' });

export const listQuerySchema = z.strictObject({
  status: RUN_STATUS.exactOptional(),
  workflow: WORKFLOW_NAME.exactOptional(),
  since: z.iso.datetime({ offset: true }).exactOptional(),
  limit: z.coerce.number().int().min(1).max(100).exactOptional(),
  cursor: z.string().max(200).exactOptional(),
});

/** `{decision?, …answer}`: everything beside `decision` is the answer's fields. */
export const resolveRequestSchema = z
  .looseObject({ decision: z.enum(['approve', 'edit', 'reject', 'respond']).exactOptional() })
  .meta({ id: 'ResolveRequest' });

export const cancelRequestSchema = z.strictObject({ force: z.boolean().exactOptional() }).meta({ id: 'CancelRequest' });

export const noBodySchema = z.strictObject({}).meta({ id: 'Nothing' });

export const checkpointIdSchema = z.string().regex(CHECKPOINT_ID, 'expected a checkpoint id (chk_…)');

export const SCOPE = z.enum(['run', 'read', 'admin']);

export const TENANT = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected a tenant: lower-case letters, digits and "-", at most 63');

export const keyRequestSchema = z
  .strictObject({
    name: z.string().min(1, 'expected a name of 1 to 100 characters').max(100, 'expected a name of 1 to 100 characters'),
    tenant: TENANT.exactOptional(),
    scopes: z.array(SCOPE).min(1).max(3),
    /** A duration such as 720h. */
    expires_in: z.string().max(20).exactOptional(),
    /** Requests a minute. */
    rate_limit: z.number().int().min(1).max(1_000_000).exactOptional(),
  })
  .meta({ id: 'KeyRequest' });

export const keyIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected the id of a key');

/** Another tenant than the caller's own: for the operator alone. */
export const keysQuerySchema = z.strictObject({ tenant: TENANT.exactOptional() });

export const auditQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).exactOptional(),
  cursor: z.string().max(200).exactOptional(),
  verify: z.enum(['true', 'false']).exactOptional(),
});

/** EventBridge's entry, in its own spelling of the fields. */
export const putEventSchema = z
  .strictObject({
    source: z.string().min(1).max(256),
    'detail-type': z.string().min(1).max(128),
    detail: jsonObject,
    resources: z.array(z.string().max(2_048)).max(100).exactOptional(),
    time: z.iso.datetime({ offset: true }).exactOptional(),
  })
  .meta({ id: 'PutEvent' });

export const putEventsRequestSchema = z
  .union([putEventSchema, z.strictObject({ events: z.array(putEventSchema).min(1).max(10) })])
  .meta({ id: 'PutEventsRequest' });

export type RunRequest = z.infer<typeof runRequestSchema>;
export type ListQuery = z.infer<typeof listQuerySchema>;
export type ResolveRequest = z.infer<typeof resolveRequestSchema>;
export type KeyRequest = z.infer<typeof keyRequestSchema>;
export type PutEvent = z.infer<typeof putEventSchema>;
export type Scope = z.infer<typeof SCOPE>;
