// The file that `maestro test` reads: one run of a workflow against mocked services, and what must come of it.
// What each key means to the author is in docs/testing.md; this file holds the shape, and the plain form that a runner reads.

import { z } from 'zod';
import type { Json } from '../../shared/json.ts';
import { callRefSchema } from './call-ref.ts';
import { mockSchema } from './mock.ts';

const stepId = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,47}$/, 'expected a step id');

const json = z.json() as z.ZodType<Json>;

/** How a run can end. */
const FINAL_STATUSES = ['completed', 'failed', 'compensated', 'compensation_failed', 'cancelled'] as const;

const expectedError = z.union(
  [
    z.string().transform((error) => ({ error })),
    z.strictObject({ step: stepId.optional(), error: z.string().optional(), message: z.string().optional() }),
  ],
  'expected the name of an error, or {step?, error?, message?}',
);

const expectation = z.strictObject({
  status: z.enum(FINAL_STATUSES),
  /** Exactly this. */
  output: json.optional(),
  /** An error's name, or any of its parts; `message` is a part of the message. */
  error: expectedError.optional(),
  /** All calls in the order of the file (items in list order), a call with all its tries once. */
  calls: z.array(callRefSchema).optional(),
  /** All undos in the order they were begun. */
  undos: z.array(callRefSchema).optional(),
  /** Steps of which it is not known whether they happened, and that say nothing about it (`on_unknown`). */
  unresolved: z.array(stepId).optional(),
  /** Steps whose undo failed for good. */
  undo_failed: z.array(stepId).optional(),
  /** Steps that `when` passed over. */
  skipped: z.array(stepId).optional(),
  /** Steps whose failure `on_error: continue` let go. */
  let_go: z.array(stepId).optional(),
});

/** Checks one scenario and fills in its defaults. */
export const scenarioSchema = z.strictObject({
  name: z.string().min(1),
  /** Path of the workflow, from the scenario's folder. */
  workflow: z.string().min(1).default('./workflow.yaml'),
  /** The run's input; a text that ends in `.json` names a file, from the scenario's folder. */
  input: json
    .default({})
    .transform((value) => (isFileName(value) ? { kind: 'file' as const, file: value } : { kind: 'value' as const, value })),
  /** When the run starts on the virtual clock. */
  starts_at: z.iso.datetime().default('2026-01-01T00:00:00Z'),
  /** What `env.NAME` and `secret.NAME` give. */
  env: z.record(z.string(), z.string()).default({}),
  /** What each step's calls answer. A call without one fails the scenario. */
  mocks: z.record(stepId, mockSchema).default({}),
  /** What each step's undo answers. An undo without one is done, with a null answer. */
  undo_mocks: z.record(stepId, mockSchema).default({}),
  expect: expectation,
});

/** A scenario as a runner reads it: every short form written out. */
export type Scenario = z.output<typeof scenarioSchema>;

function isFileName(value: Json): value is string {
  return typeof value === 'string' && value.endsWith('.json');
}
