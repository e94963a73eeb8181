// The shape of a workflow file as zod schemas: which keys there are, their types, ranges and defaults.
//
//   S1. One schema per kind of step; a step's kind is told by its keys (`kindOf`), so that a mistake is told against the right one.
//   S2. Nested steps are placeholders here (`STEP`): the shape check walks into them itself, once each, and the JSON Schema refers to them.
//   S3. The schemas check shape only. What needs other parts of the file is in `build-*` and `check-*`.

import * as z from 'zod';
import { parseDuration, YEAR_MS } from './duration.ts';
import { SERVICE_NAME, STEP_ID, VALUE_NAME, WORKFLOW_NAME } from './patterns.ts';

/** The step function is a Lambda: 15 minutes at most, with a minute to write the end. */
export const MAX_CALL_MS = 14 * 60_000;
export const MAX_ATTEMPTS = 100;
/** Far more than a workflow of 2,000 steps has use for. What is beyond these three is reported and not looked at. */
export const MAX_SERVICES = 500;
export const MAX_TRIGGERS = 100;
export const MAX_HEADERS = 100;
/** Inline Map runs about 40 iterations at once, whatever it is asked for; more is allowed, for the local engine can. */
const MAX_CONCURRENCY = 1_000;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A duration between two limits, in ms. The message `duration` marks it for the translation into diagnostics. */
function duration(minMs: number, maxMs: number): z.ZodType {
  return z
    .string()
    .superRefine((text, context) => {
      const ms = parseDuration(text);
      if (ms === null) context.addIssue({ code: 'custom', params: { duration: true } });
      else if (ms < minMs || ms > maxMs) context.addIssue({ code: 'custom', params: { durationRange: [minMs, maxMs] } });
    })
    .meta({ pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$', examples: ['30s', '1h30m'] });
}

const text = z.string();
const nonEmpty = z.string().min(1);
/** A JSON value, templates allowed in its texts. */
const json = z.unknown().meta({ description: 'Any JSON value; texts may hold {{ templates }}.' });
const valueName = z.string().regex(VALUE_NAME);
const serviceName = z.string().regex(SERVICE_NAME);
/** An expression: YAML booleans and numbers are literals. */
const condition = z.union([z.string(), z.boolean()]);
const list = z.string();

/** Placeholders that the JSON Schema turns into references and the shape check walks into. */
export const STEP = z.unknown().meta({ placeholder: 'step' });
export const BRANCH = z.unknown().meta({ placeholder: 'branch' });
export const INPUT_SCHEMA = z.unknown().meta({ placeholder: 'inputSchema' });

const retry = z.strictObject({
  attempts: z.int().min(1).max(MAX_ATTEMPTS).optional(),
  backoff: z.enum(['exponential', 'constant']).optional(),
  initial: duration(1, DAY_MS).optional(),
  max: duration(1, DAY_MS).optional(),
});

const breaker = z.strictObject({
  ratio: z.number().gt(0).max(1).optional(),
  min: z.int().min(1).max(10_000).optional(),
  window: duration(1, HOUR_MS).optional(),
  open: duration(1, DAY_MS).optional(),
  probes: z.int().min(1).max(100).optional(),
});

const headers = z.record(nonEmpty, z.union([z.string(), z.number(), z.boolean()]));

export const SERVICE_SCHEMA = z.strictObject({
  type: z.enum(['http', 'grpc', 'lambda']),
  endpoint: nonEmpty,
  timeout: duration(1, MAX_CALL_MS).optional(),
  retry: retry.optional(),
  headers: headers.optional(),
  metadata: headers.optional(),
  breaker: z.union([z.literal(false), breaker]).optional(),
  pool: z.int().min(1).max(100).optional(),
  idempotent: z.boolean().optional(),
  allow_hosts: z.array(nonEmpty).min(1).max(100).optional(),
  tls: z.boolean().optional(),
  proto: nonEmpty.optional(),
  reflection: z.boolean().optional(),
});

const compensate = z.strictObject({
  service: serviceName.optional(),
  method: nonEmpty.optional(),
  input: json.optional(),
  retry: retry.optional(),
  timeout: duration(1, MAX_CALL_MS).optional(),
  on_unknown: z.boolean().optional(),
});

/** Keys of every step. */
const common = {
  id: z.string().regex(STEP_ID).optional(),
  when: condition.optional(),
  description: text.optional(),
  irreversible: z.boolean().optional(),
};
const onError = { on_error: z.enum(['fail', 'continue']).optional() };
const named = { output: valueName.optional() };
const steps = z.array(STEP).min(1);

const checkpoint = z.strictObject({
  title: nonEmpty,
  prompt: text.optional(),
  options: z
    .array(z.union([z.string(), z.number(), z.boolean(), z.strictObject({ value: nonEmpty, label: nonEmpty.optional() })]))
    .min(1)
    .max(100)
    .optional(),
  fields: INPUT_SCHEMA.optional(),
  allow: z
    .array(z.enum(['approve', 'edit', 'reject', 'respond']))
    .min(1)
    .optional(),
  timeout: duration(1, YEAR_MS),
  on_timeout: z.enum(['fail', 'continue', 'reject']).optional(),
  default: json.optional(),
});

export const STEP_SCHEMAS = {
  call: z.strictObject({
    ...common,
    service: serviceName,
    method: nonEmpty.optional(),
    input: json.optional(),
    ...named,
    select: z.array(nonEmpty).max(100).optional(),
    retry: retry.optional(),
    timeout: duration(1, YEAR_MS).optional(),
    await: z.literal('callback').optional(),
    ...onError,
    default: json.optional(),
    compensate: compensate.optional(),
  }),
  parallel: z.strictObject({ ...common, ...onError, parallel: z.array(BRANCH).min(1).max(100) }),
  foreach: z.strictObject({
    ...common,
    ...onError,
    ...named,
    foreach: list,
    as: valueName.optional(),
    concurrency: z.int().min(1).max(MAX_CONCURRENCY).optional(),
    steps,
  }),
  switch: z.strictObject({
    ...common,
    ...onError,
    switch: z
      .array(z.strictObject({ when: condition.optional(), steps }))
      .min(1)
      .max(100),
  }),
  wait: z.strictObject({ ...common, wait: duration(1, YEAR_MS).optional(), until: text.optional() }),
  set: z.strictObject({ ...common, set: z.record(valueName, json) }),
  checkpoint: z.strictObject({ ...common, ...onError, ...named, checkpoint }),
  workflow: z.strictObject({
    ...common,
    ...onError,
    ...named,
    workflow: z.string().regex(WORKFLOW_NAME),
    input: json.optional(),
    default: json.optional(),
    compensate: compensate.optional(),
  }),
  emit: z.strictObject({
    ...common,
    ...onError,
    emit: z.strictObject({ detail_type: nonEmpty, detail: json.optional() }),
    compensate: compensate.optional(),
  }),
  fail: z.strictObject({ ...common, fail: z.strictObject({ error: nonEmpty, message: text.optional() }) }),
} as const;

export type StepKind = keyof typeof STEP_SCHEMAS;

/** A branch of a parallel block that is a sequence. */
export const SEQUENCE_SCHEMA = z.strictObject({ when: condition.optional(), steps });

/** Schemas inside schemas. `default` is documentation: it is not filled in. */
export const INPUT_SCHEMA_SCHEMA = z.strictObject({
  type: z.enum(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']).optional(),
  description: text.optional(),
  default: z.unknown().optional(),
  enum: z.array(z.unknown()).min(1).max(1_000).optional(),
  const: z.unknown().optional(),
  properties: z.record(z.string(), INPUT_SCHEMA).optional(),
  required: z.array(z.string()).optional(),
  additionalProperties: z.boolean().optional(),
  items: INPUT_SCHEMA.optional(),
  minItems: z.int().min(0).optional(),
  maxItems: z.int().min(0).optional(),
  minLength: z.int().min(0).optional(),
  maxLength: z.int().min(0).optional(),
  pattern: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
});

export const EVENT_TRIGGER_SCHEMA = z.strictObject({
  event: z.record(z.string(), z.unknown()),
  input: json.optional(),
  dedupe: text.optional(),
});
export const SCHEDULE_TRIGGER_SCHEMA = z.strictObject({ schedule: nonEmpty, input: json.optional() });
export const TRIGGER = z.unknown().meta({ placeholder: 'trigger' });
export const SERVICE = z.unknown().meta({ placeholder: 'service' });

export const FILE_SCHEMA = z.strictObject({
  name: z.string().regex(WORKFLOW_NAME),
  version: z.union([nonEmpty, z.number()]),
  description: text.optional(),
  input: INPUT_SCHEMA.optional(),
  timeout: duration(1, YEAR_MS).optional(),
  execution: z.enum(['standard', 'express']).optional(),
  services: z.record(serviceName, SERVICE).optional(),
  steps,
  output: json.optional(),
  triggers: z.array(TRIGGER).max(MAX_TRIGGERS).optional(),
});

/** The key that tells each kind of step. `until` is a wait, `capability` is refused before this is asked. */
export const KIND_KEYS: { readonly [key: string]: StepKind } = {
  parallel: 'parallel',
  foreach: 'foreach',
  switch: 'switch',
  wait: 'wait',
  until: 'wait',
  set: 'set',
  checkpoint: 'checkpoint',
  workflow: 'workflow',
  emit: 'emit',
  fail: 'fail',
  service: 'call',
};
