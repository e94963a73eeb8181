// The shapes of the records, as they are in the store. Times are milliseconds since the epoch.

import * as z from 'zod';
import { RUN_STATUSES, type STEP_STATUSES } from '../contract/index.ts';
import type { JsonObject } from '../json.ts';
import type { RunLink, UndoSpec } from '../protocol/step-message.ts';

export type RunStatus = (typeof RUN_STATUSES)[number];

/** Runs that nobody's key started (schedules, events, the console, the command line) are this tenant's. It is not written on their records. */
export const DEFAULT_TENANT = 'default';

/** A run with one of these has ended. */
const FINAL_STATUSES: readonly RunStatus[] = ['completed', 'failed', 'compensated', 'compensation_failed', 'cancelled'];

export function isFinal(status: RunStatus): boolean {
  return FINAL_STATUSES.includes(status);
}

const json = z.json();
const object = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));
const time = z.number();

/** What is said of a failure: `.error` of the language. `also`: further failures of the same block. */
export type ErrorInfo = {
  step: string | null;
  error: string;
  message: string;
  also: ErrorInfo[];
};

const errorInfoSchema: z.ZodType<ErrorInfo> = z.object({
  step: z.string().nullable(),
  error: z.string(),
  message: z.string(),
  get also() {
    return z.array(errorInfoSchema);
  },
});

export const runRecordSchema = z.looseObject({
  id: z.string(),
  /** Execution ARN and its start time as Step Functions wrote it; null while queued. */
  execution: z.string().nullable(),
  startTime: z.string().nullable(),
  workflow: z.string(),
  version: z.string().nullable(),
  status: z.enum(RUN_STATUSES),
  createdAtMs: time,
  startedAtMs: time.optional(),
  endedAtMs: time.optional(),
  deadlineMs: time.optional(),
  tenant: z.string().optional(),
  mode: z.string().optional(),
  jobId: z.string().optional(),
  planId: z.string().optional(),
  /** Which run of its job; left out: the first. */
  attempt: z.number().optional(),
  /** The run of the same job that this one was started after. */
  retryOf: z.string().optional(),
  /** A run whose steps answer this one's, where place, method and input are the same: nothing of it was undone or is in doubt. */
  reuse: z.string().optional(),
  /** The audit receipt of the request that started it. */
  receipt: json.optional(),
  /** When its message was sent to the queue again. */
  requeuedAtMs: time.optional(),
  /** How it was asked for (ids, metadata); never headers. */
  request: json.optional(),
  link: z.custom<RunLink>().optional(),
  error: errorInfoSchema.optional(),
  /** The failure as the states gave it, for an undo that is started later. */
  rawError: json.optional(),
  /** Cancel was asked for. */
  cancel: z.literal(true).optional(),
  cancelledAtMs: time.optional(),
  /** Its end was forced: whoever did so stops its execution, or the sweep. */
  forced: z.literal(true).optional(),
  /** The first expiry among its open checkpoints; set while it waits for one. */
  checkpointUntilMs: time.optional(),
  /** When an answer to one of its task tokens was last taken; the sweep removes it when all of them have been told. */
  answerAtMs: time.optional(),
  /** The undo claim: who undoes this run, and until when that is believed without a sign of life. */
  claimBy: z.string().nullable().optional(),
  claimUntilMs: time.optional(),
  /** Counts the undos: an undo that failed for good is tried again only in a later round. */
  round: z.number().optional(),
  /** The pass (`<parent>/<round>/<undo>`) of a parent's undo that has begun this run's undo again. */
  reopenedIn: z.string().optional(),
  /** The undo has reported its end. */
  reported: z.boolean().optional(),
  report: json.optional(),
  /** The end (`endedAtMs`) of which others were told. */
  announcedMs: time.optional(),
  /** A late writer left something to undo after the report. */
  late: z.boolean().optional(),
});

/** Beside these, `stop#<place of a block>: true` for each stopped block. */
export type RunRecord = z.infer<typeof runRecordSchema>;

/** Whose run it is. */
export function tenantOf(run: RunRecord): string {
  return run.tenant ?? DEFAULT_TENANT;
}

const STEP_STATES = ['started', 'waiting', 'done', 'not_performed', 'unknown', 'done_late', 'skipped', 'child'] as const;

export type StepState = (typeof STEP_STATES)[number];

/** What became of a step's undo. `unresolved`: it may have been performed, and its undo must not be called on a doubt. */
const UNDO_STATES = ['started', 'undone', 'undo_failed', 'unresolved'] as const;

export type UndoState = (typeof UNDO_STATES)[number];

/** A failure as it is recorded: what is thrown again when the same attempt is asked for again. */
const failureSchema = z.object({ error: z.string(), message: z.string() });

export const stepRecordSchema = z.looseObject({
  step: z.string(),
  at: z.string(),
  kind: z.enum(['call', 'callback', 'emit', 'workflow', 'checkpoint', 'other']),
  state: z.enum(STEP_STATES),
  attempt: z.number(),
  /** The invocation that wrote `started`, and until when it is believed to be alive. */
  owner: z.string(),
  leaseUntilMs: time,
  startedAtMs: time,
  endedAtMs: time.optional(),
  service: z.string().optional(),
  /** An attempt's outcome is unknown. It sticks until one succeeds. */
  doubt: z.literal(true).optional(),
  /** Sealed by recovery: whoever still works on it is late. */
  sealed: z.literal(true).optional(),
  /** As the state holds it: the value, or its reference with the kept paths. */
  output: json.optional(),
  /** The whole answer, where the undo needs it later and `output` is not it. */
  whole: json.optional(),
  undo: z.custom<UndoSpec>().optional(),
  failure: failureSchema.optional(),
  /** The failure was for good. */
  forGood: z.literal(true).optional(),
  letGo: z.literal(true).optional(),
  /** SHA-256 of what was asked of whom: the same place with the same one is the same step of a run that goes on from this one. */
  print: z.string().optional(),
  /** Answered from the record of the run that this one goes on from. */
  reused: z.literal(true).optional(),
  irreversible: z.literal(true).optional(),
  /** Not before this: a `Retry-After`. */
  retryAtMs: time.optional(),
  token: z.string().optional(),
  callback: z.string().optional(),
  /** A callback whose answer is on record: its token has been answered with it. */
  answered: z.boolean().optional(),
  shape: object.optional(),
  /** A `workflow` step: the child's public id. */
  child: z.string().optional(),
  /** The pass of undo states (`undoPass`) that has asked what is to be done about the child. */
  askedIn: z.string().optional(),
  /** A `workflow` step whose child is completed and has nothing to undo. */
  owesNothing: z.literal(true).optional(),
  undoState: z.enum(UNDO_STATES).optional(),
  undoRound: z.number().optional(),
  /** Tries of this round, the last one included. */
  undoTries: z.number().optional(),
  undoOwner: z.string().optional(),
  undoLeaseUntilMs: time.optional(),
  undoRetryAtMs: time.optional(),
  undoneAtMs: time.optional(),
  undoFailure: failureSchema.optional(),
});

export type StepRecord = z.infer<typeof stepRecordSchema>;

/** The one word for a step: what became of its undo where there was one, else its outcome. */
export function stepStatus(step: StepRecord): (typeof STEP_STATUSES)[number] {
  if (step.undoState && step.undoState !== 'started') return step.undoState;
  return step.state === 'child' ? 'started' : step.state;
}

export const runEventSchema = z.looseObject({
  n: z.number(),
  type: z.string(),
  atMs: time,
  step: z.string().optional(),
  at: z.string().optional(),
});

export type RunEvent = z.infer<typeof runEventSchema>;

export const checkpointRecordSchema = z.object({
  step: z.string(),
  at: z.string(),
  state: z.enum(['open', 'resolved', 'expired', 'cancelled']),
  /** Never leaves the server. */
  token: z.string(),
  openedAtMs: time,
  expiresAtMs: time,
  title: z.string(),
  prompt: json.optional(),
  options: z.array(z.object({ value: z.string(), label: z.string() })).optional(),
  fields: json.optional(),
  allow: z.array(z.string()),
  onTimeout: z.string(),
  default: json.optional(),
  /** When it ended, by an answer or otherwise. */
  atMs: time.optional(),
  decision: z.enum(['approve', 'edit', 'reject', 'respond']).optional(),
  /** Without the decision; reserved keys escaped. */
  answer: json.optional(),
  /** Who answered. */
  by: z.string().optional(),
  /** The task token has been answered with it. */
  answered: z.boolean().optional(),
  /** Answered from the record of this run, which its own one retries. */
  reusedFrom: z.string().optional(),
});

export type CheckpointRecord = z.infer<typeof checkpointRecordSchema>;

/** A RUN body from the store. Our own writes are believed (they are checked on the way in); a body of another kind is not. */
export function asRun(body: JsonObject): RunRecord {
  if (typeof body['id'] !== 'string' || typeof body['status'] !== 'string') throw new Error('run record: found an item of another kind');
  return body as RunRecord;
}

/** A STEP body from the store, as `asRun`. */
export function asStep(body: JsonObject): StepRecord {
  if (typeof body['at'] !== 'string' || typeof body['state'] !== 'string') throw new Error('step record: found an item of another kind');
  return body as unknown as StepRecord;
}

/** A CHECKPOINT body from the store, as `asRun`. */
export function asCheckpoint(body: JsonObject): CheckpointRecord {
  if (typeof body['at'] !== 'string' || typeof body['token'] !== 'string')
    throw new Error('checkpoint record: found an item of another kind');
  return body as unknown as CheckpointRecord;
}

/** The field of the RUN record that marks a block as stopped. */
export function stopField(block: string): string {
  return `stop#${block}`;
}

/** Statuses and undo rounds aside, a run whose undo has begun or that has ended takes no new calls. */
export function isClosed(run: RunRecord): boolean {
  return run.status === 'compensating' || isFinal(run.status) || (run.claimBy ?? null) !== null;
}
