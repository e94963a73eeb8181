// Runs: started, looked at, steered.

import * as z from 'zod';
import {
  acceptedSchema,
  cancelRequestSchema,
  checkpointIdSchema,
  envelopeSchema,
  eventSchema,
  listQuerySchema,
  producedSchema,
  resolveRequestSchema,
  runIdSchema,
  runListSchema,
  runRequestSchema,
} from '../../../shared/contract/index.ts';
import type { Json } from '../../../shared/json.ts';
import { defineRoutes } from '../../http/index.ts';
import { STREAM_ROUTES } from '../../stream/index.ts';
import { ENVELOPE, NOT_YET, NOTHING } from './answers.ts';

const RUN = '/api/v2/orchestrate/run';
const TAG = 'Runs';
const oneRun = z.object({ id: runIdSchema });

/** Visible ASCII, as a header can hold it. */
export const IDEMPOTENCY_KEY = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'expected 1 to 255 visible ASCII characters');

export const RUN_ROUTES = defineRoutes({
  startRun: {
    method: 'POST',
    path: RUN,
    access: 'run',
    tag: TAG,
    summary: 'Start a run',
    description:
      '`mode: sync` (default) answers when the run has ended or waits at a checkpoint, or after 25 s with 202; `async` answers 202 at once; `queued` goes through a queue, for bursts. `stream: true` answers with the events from the first one, as `GET …/events` does, for as long as `sync` waits. `query` and `plan_id` are not in this version (501).',
    headers: {
      'Idempotency-Key': {
        description: 'The same key and body is the same job; the same key and another body is refused (409).',
        schema: IDEMPOTENCY_KEY,
      },
    },
    body: { kind: 'json', schema: runRequestSchema },
    answers: {
      200: {
        description: 'It has ended, or waits at a checkpoint: the envelope. With `stream: true`: the events.',
        schema: envelopeSchema,
        event: eventSchema,
      },
      202: { description: 'It is accepted and goes on: the envelope. `Location` is where it is found.', schema: envelopeSchema },
    },
    refusals: ['not_found', 'conflict', 'not_implemented', 'unavailable'],
  },
  listRuns: {
    method: 'GET',
    path: RUN,
    access: 'read',
    tag: TAG,
    summary: 'List runs, newest first',
    query: listQuerySchema,
    answers: { 200: { description: 'One page. `cursor` is the next one.', schema: runListSchema } },
  },
  getRun: {
    method: 'GET',
    path: `${RUN}/{id}`,
    access: 'read',
    tag: TAG,
    summary: 'A run with all that is on record',
    params: oneRun,
    answers: { 200: ENVELOPE },
  },
  ...STREAM_ROUTES,
  resolveCheckpoint: {
    method: 'POST',
    path: `${RUN}/{id}/checkpoints/{checkpoint_id}`,
    access: 'run',
    tag: TAG,
    summary: 'Answer a checkpoint',
    description:
      'Everything beside `decision` is the answer. Without `decision` it is `respond`, or `approve` where that is not allowed. A wrong answer is refused (422) and the checkpoint stays open; a second answer is 409, one that comes too late 410.',
    params: z.object({ id: runIdSchema, checkpoint_id: checkpointIdSchema }),
    body: { kind: 'json', schema: resolveRequestSchema, empty: {} },
    answers: { 200: ENVELOPE },
    refusals: ['conflict', 'gone'],
  },
  cancelRun: {
    method: 'POST',
    path: `${RUN}/{id}/cancel`,
    access: 'run',
    tag: TAG,
    summary: 'Cancel a run, with undo',
    description:
      'What is done is undone. With `force: true` nothing is: what was owed is listed as left, and `…/undo` can do it later. A run that has ended or is being undone is refused (409).',
    params: oneRun,
    body: { kind: 'json', schema: cancelRequestSchema, empty: {} },
    answers: { 202: ENVELOPE },
    refusals: ['conflict'],
  },
  retryRun: {
    method: 'POST',
    path: `${RUN}/{id}/retry`,
    access: 'run',
    tag: TAG,
    summary: 'A new run of the same job',
    description: 'From the failed step if nothing was undone and nothing is in doubt, else from the start.',
    params: oneRun,
    body: NOTHING,
    answers: { 202: ENVELOPE },
    refusals: ['conflict', 'unavailable'],
  },
  undoRun: {
    method: 'POST',
    path: `${RUN}/{id}/undo`,
    access: 'run',
    tag: TAG,
    summary: 'Undo again what an undo left',
    params: oneRun,
    body: NOTHING,
    answers: { 202: ENVELOPE },
    refusals: ['conflict'],
  },
  listArtifacts: {
    method: 'GET',
    path: `${RUN}/{id}/artifacts`,
    access: 'read',
    tag: TAG,
    summary: 'What a run made',
    params: oneRun,
    ...NOT_YET,
  },
  getArtifact: {
    method: 'GET',
    path: `${RUN}/{id}/artifacts/{artifact_id}`,
    access: 'read',
    tag: TAG,
    summary: 'One of the things that a run made',
    params: z.object({ id: runIdSchema, artifact_id: z.string().min(1).max(100) }),
    ...NOT_YET,
  },
  plan: {
    method: 'POST',
    path: '/api/v2/orchestrate/plan',
    access: 'run',
    tag: TAG,
    summary: 'Plan and price a request, and run nothing',
    body: { kind: 'json', schema: z.looseObject({}) },
    ...NOT_YET,
  },
  answerCallback: {
    method: 'POST',
    path: '/api/v2/callbacks/{token}',
    access: 'token',
    tag: TAG,
    summary: "A service's answer to a step that awaits a callback",
    description: 'The URL, with its one-time token, was handed to the service; it is the permission. Any JSON is the step’s result.',
    // As long as a key of the table may be.
    params: z.object({ token: z.string().regex(/^[\x21-\x7e]{1,1000}$/, 'expected the token that the service was given') }),
    body: { kind: 'json', schema: z.custom<Json>(() => true).meta({ description: 'Any JSON value.' }), empty: null },
    answers: { 202: { description: 'It is taken. The first answer counts.', schema: acceptedSchema } },
    refusals: ['not_found', 'conflict'],
  },
  produce: {
    method: 'POST',
    path: '/api/maestro/produce',
    access: 'legacy',
    tag: 'Deprecated',
    summary: 'Start a run and wait for it (use POST /api/v2/orchestrate/run)',
    deprecated: true,
    body: { kind: 'json', schema: runRequestSchema },
    answers: {
      200: { description: 'The run has ended, or waits at a checkpoint.', schema: producedSchema },
      202: { description: 'The run goes on.', schema: producedSchema },
    },
    refusals: ['not_found', 'not_implemented', 'unavailable'],
  },
});
