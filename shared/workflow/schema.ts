// The shape of a workflow file as zod schemas: which keys there are, their types, ranges and defaults.
//
//   S1. One schema per kind of step; a step's kind is told by its keys (`kindOf`), so that a mistake is told against the right one.
//   S2. Nested steps are placeholders here (`STEP`): the shape check walks into them itself, once each, and the JSON Schema refers to them.
//   S3. The schemas check shape only. What needs other parts of the file is in `build-*` and `check-*`.
//   S4. Every key has a sentence: editors show it, and the reference in docs/language.md is made of it.

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

const retry = z
  .strictObject({
    attempts: z.int().min(1).max(MAX_ATTEMPTS).optional().describe('Tries in all, the first included. Default 1.'),
    backoff: z.enum(['exponential', 'constant']).optional().describe('Whether the pause doubles from try to try. Default `exponential`.'),
    initial: duration(1, DAY_MS).optional().describe('The first pause. Default 1s.'),
    max: duration(1, DAY_MS).optional().describe('The longest pause. Default 30s.'),
  })
  .describe('Tries again on `Maestro.ServiceUnavailable` and `Maestro.ServiceTimeout`, with jitter.');

const breaker = z.strictObject({
  ratio: z.number().gt(0).max(1).optional().describe('Share of failed calls at which it opens. Default 0.6.'),
  min: z.int().min(1).max(10_000).optional().describe('Calls that must be counted before it may open. Default 3.'),
  window: duration(1, HOUR_MS).optional().describe('How long calls are counted after a failure. Default 10s.'),
  open: duration(1, DAY_MS).optional().describe('How long nothing is called. Default 30s.'),
  probes: z.int().min(1).max(100).optional().describe('Calls let through afterwards; all must succeed. Default 3.'),
});

const headers = z.record(nonEmpty, z.union([z.string(), z.number(), z.boolean()]));

export const SERVICE_SCHEMA = z.strictObject({
  type: z.enum(['http', 'grpc', 'lambda']).describe('How it is called.'),
  endpoint: nonEmpty.describe('A URL (http), `host:port` (grpc), or a function name or ARN (lambda).'),
  timeout: duration(1, MAX_CALL_MS).optional().describe('Time limit of one call. Default 30s, at most 14m.'),
  retry: retry.optional().describe('When and how often a call is tried again.'),
  headers: headers.optional().describe('HTTP headers of every call. `env.NAME` and `secret.NAME` may stand here.'),
  metadata: headers.optional().describe('gRPC metadata of every call. `env.NAME` and `secret.NAME` may stand here.'),
  breaker: z
    .union([z.literal(false), breaker])
    .optional()
    .describe('When calls are stopped because the service is down; `false` switches it off.'),
  pool: z.int().min(1).max(100).optional().describe('Connections kept open. Default 5.'),
  idempotent: z.boolean().optional().describe('The service honours `Idempotency-Key`: needed for an undo in an Express workflow.'),
  allow_hosts: z.array(nonEmpty).min(1).max(100).optional().describe('Hosts that a template in `endpoint` may name.'),
  tls: z.boolean().optional().describe('gRPC over TLS.'),
  proto: nonEmpty.optional().describe('gRPC: the .proto file of its types, from the folder of this file.'),
  reflection: z.boolean().optional().describe('gRPC: ask the server for its types.'),
});

const compensate = z.strictObject({
  service: serviceName.optional().describe("The service to call. Default: the step's own."),
  method: nonEmpty.optional().describe('What to call, as in a step.'),
  input: json.optional().describe('What to send. It sees what the step saw, its own output and `.error`.'),
  retry: retry.optional().describe('Default: 10 tries, exponential from 2s to 5m.'),
  timeout: duration(1, MAX_CALL_MS).optional().describe("Time limit of one call. Default: the service's."),
  on_unknown: z.boolean().optional().describe('Undo the step also when nobody knows whether it was performed.'),
});

/** Keys of every step. */
const common = {
  id: z.string().regex(STEP_ID).optional().describe('Its name, unique in the file. Default `step_<n>`.'),
  when: condition.optional().describe('A condition; where it is false the step is skipped and its output is null.'),
  description: text.optional().describe('For people.'),
  irreversible: z.boolean().optional().describe('Says that the step has no undo; it is listed when a run that passed it fails.'),
};
const onError = {
  on_error: z
    .enum(['fail', 'continue'])
    .optional()
    .describe('`fail` (default) stops the run and undoes; `continue` records the failure and goes on.'),
};
const named = { output: valueName.optional().describe('Names the result for later steps.') };
const defaultValue = { default: json.optional().describe('The output when `on_error: continue` lets a failure go. Default null.') };
const undo = { compensate: compensate.optional().describe('What undoes this step.') };
const steps = z.array(STEP).min(1);

const checkpoint = z.strictObject({
  title: nonEmpty.describe('The question.'),
  prompt: text.optional().describe('What one has to know to answer it.'),
  options: z
    .array(z.union([z.string(), z.number(), z.boolean(), z.strictObject({ value: nonEmpty, label: nonEmpty.optional() })]))
    .min(1)
    .max(100)
    .optional()
    .describe('Choices: the answer must have one of them as `option`.'),
  fields: INPUT_SCHEMA.optional().describe("The answer's schema."),
  allow: z
    .array(z.enum(['approve', 'edit', 'reject', 'respond']))
    .min(1)
    .optional()
    .describe('The decisions that may be made. `reject` ends the run and undoes. Default `[respond]`.'),
  timeout: duration(1, YEAR_MS).describe('How long an answer is waited for.'),
  on_timeout: z
    .enum(['fail', 'continue', 'reject'])
    .optional()
    .describe('What happens without an answer; `continue` goes on with `default`. Default `fail`.'),
  default: json.optional().describe('The answer that stands for none, with `on_timeout: continue`.'),
});

export const STEP_SCHEMAS = {
  call: z.strictObject({
    ...common,
    service: serviceName.describe('One of `services`.'),
    method: nonEmpty.optional().describe('`VERB /path`, `/path` or a name (http); a method (grpc); sent along (lambda).'),
    input: json.optional().describe('What is sent: the JSON body, or the query of GET, HEAD and DELETE.'),
    ...named,
    select: z.array(nonEmpty).max(100).optional().describe('Paths of the result to keep; the rest is dropped.'),
    retry: retry.optional().describe("Default: the service's."),
    timeout: duration(1, YEAR_MS).optional().describe("Default: the service's. With `await: callback`: the wait for the answer."),
    await: z.literal('callback').optional().describe('The service answers later, to the one-time URL that the call hands it.'),
    ...onError,
    ...defaultValue,
    ...undo,
  }),
  parallel: z.strictObject({
    ...common,
    ...onError,
    parallel: z.array(BRANCH).min(1).max(100).describe('Steps, or `{steps, when}`, all at once.'),
  }),
  foreach: z.strictObject({
    ...common,
    ...onError,
    ...named,
    foreach: list.describe('The list, as an expression. Null is an empty list.'),
    as: valueName.optional().describe("The item's name. Default `item`."),
    concurrency: z.int().min(1).max(MAX_CONCURRENCY).optional().describe('Items at once. Default 10.'),
    steps: steps.describe('Done once per item; `.item` and `.index` are the item and its number from 0.'),
  }),
  switch: z.strictObject({
    ...common,
    ...onError,
    switch: z
      .array(z.strictObject({ when: condition.optional(), steps }))
      .min(1)
      .max(100)
      .describe('Branches: the first whose `when` holds is taken; the last may have none.'),
  }),
  wait: z.strictObject({
    ...common,
    wait: duration(1, YEAR_MS).optional().describe('How long.'),
    until: text.optional().describe('Until when: an expression that gives an ISO 8601 time.'),
  }),
  set: z.strictObject({ ...common, set: z.record(valueName, json).describe('Names and their values.') }),
  checkpoint: z.strictObject({
    ...common,
    ...onError,
    ...named,
    checkpoint: checkpoint.describe('What is asked, and of what kind the answer is.'),
  }),
  workflow: z.strictObject({
    ...common,
    ...onError,
    ...named,
    workflow: z.string().regex(WORKFLOW_NAME).describe('The workflow to run and wait for.'),
    input: json.optional().describe('Its input.'),
    ...defaultValue,
    compensate: compensate.optional().describe("What undoes it. Default: the workflow's own undo."),
  }),
  emit: z.strictObject({
    ...common,
    ...onError,
    emit: z.strictObject({ detail_type: nonEmpty, detail: json.optional() }).describe('The event to put on the bus.'),
    ...undo,
  }),
  fail: z.strictObject({
    ...common,
    fail: z.strictObject({ error: nonEmpty, message: text.optional() }).describe('The failure with which the run stops here.'),
  }),
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
  event: z.record(z.string(), z.unknown()).describe('An EventBridge event pattern.'),
  input: json.optional().describe("The run's input; `{{ .event.path }}` may stand in it as a whole value."),
  dedupe: text.optional().describe('A path into the event: the same value starts one run only.'),
});
export const SCHEDULE_TRIGGER_SCHEMA = z.strictObject({
  schedule: nonEmpty.describe('`rate(5 minutes)` or `cron(0 12 * * ? *)`, in UTC.'),
  input: json.optional().describe("The run's input."),
});
export const TRIGGER = z.unknown().meta({ placeholder: 'trigger' });
export const SERVICE = z.unknown().meta({ placeholder: 'service' });

export const FILE_SCHEMA = z.strictObject({
  name: z.string().regex(WORKFLOW_NAME).describe('What it is started by. Must not end in `-undo`.'),
  version: z.union([nonEmpty, z.number()]).describe('Shown with every run.'),
  description: text.optional().describe('For people.'),
  input: INPUT_SCHEMA.optional().describe("A schema of the run's input; checked before a run exists."),
  timeout: duration(1, YEAR_MS)
    .optional()
    .describe("The run's deadline. Default: 5m plus the waits, checkpoints and callbacks on the longest path."),
  execution: z.enum(['standard', 'express']).optional().describe('The kind of state machine. Default `standard`.'),
  services: z.record(serviceName, SERVICE).optional().describe('What the steps call, by name.'),
  steps: steps.describe('What is done, in order.'),
  output: json.optional().describe("The run's result. Default: an object of all named outputs."),
  triggers: z.array(TRIGGER).max(MAX_TRIGGERS).optional().describe('What starts it by itself: events and schedules.'),
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
