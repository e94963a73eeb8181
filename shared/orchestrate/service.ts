// The service: everything that the API does with runs, whoever carries the request (API Gateway, the local front, a test).
//
//   S1. A run of another tenant does not exist: every id is looked up together with the caller's tenant.
//   S2. Every refusal is an `ApiError`; anything else that is thrown is our fault.
//   S3. What changes something leaves a receipt before it is answered.

import type { Envelope, ListQuery, ResolveRequest, RunList, RunRequest } from '../contract/index.ts';
import type { Json } from '../json.ts';
import type { RunEvent } from '../runs/index.ts';
import type { Caller, RequestSource } from './ports.ts';

/** A run that was accepted: it is on record and will run, whatever happens to this process. */
export interface Accepted {
  jobId: string;
  runId: string;
  mode: 'sync' | 'async' | 'queued';
  /** The same request was accepted before (`Idempotency-Key`). */
  repeated: boolean;
}

export interface Service {
  /**
   * Starts a run: idempotency key (conditional) → records → StartExecution (or the queue).
   * @param options.idempotencyKey of the client; the same key and request is the same job
   * @throws ApiError not_found (workflow), invalid (input against the workflow's schema), conflict (key with another request), rate_limited
   * (StartExecution is throttled), not_implemented (query, plan_id)
   */
  run(caller: Caller, source: RequestSource, request: RunRequest, options?: { idempotencyKey?: string }): Promise<Accepted>;
  /** Run and job of an id that is one of either. @throws ApiError not_found */
  locate(caller: Caller, id: string): Promise<{ jobId: string; runId: string }>;
  /** @param id a run's or a job's, here and below. @throws ApiError not_found */
  get(caller: Caller, id: string): Promise<Envelope>;
  /** The envelope when the run has ended or waits at a checkpoint, or after `timeoutMs`, whichever is first. */
  settle(caller: Caller, id: string, timeoutMs: number): Promise<Envelope>;
  /** Newest first. @throws ApiError invalid (cursor) */
  list(caller: Caller, query: ListQuery): Promise<RunList>;
  /** The events of a run after number `after` (see `EventFeed`); all of them where no event of it has that number. @throws ApiError not_found */
  events(
    caller: Caller,
    id: string,
    after: number,
    options?: { signal?: AbortSignal; untilMs?: number },
  ): Promise<{ jobId: string; runId: string; events: AsyncIterable<RunEvent> }>;
  /** Cancels with undo; `force`: without, listing what is owed as left. @throws ApiError conflict when it has ended or is being undone */
  cancel(caller: Caller, source: RequestSource, id: string, options?: { force?: boolean }): Promise<Envelope>;
  /** A new run of the same job. @throws ApiError conflict when it goes on, or is completed */
  retry(caller: Caller, source: RequestSource, id: string): Promise<Accepted>;
  /** Undoes again what an undo left. @throws ApiError conflict when there is nothing, or it goes on */
  undo(caller: Caller, source: RequestSource, id: string): Promise<Envelope>;
  /**
   * Answers a checkpoint.
   * @throws ApiError not_found, invalid (a wrong answer: the checkpoint stays open), conflict (resolved or cancelled), gone (expired)
   */
  resolveCheckpoint(caller: Caller, source: RequestSource, id: string, checkpointId: string, answer: ResolveRequest): Promise<Envelope>;
  /** Takes a service's answer to an `await: callback`; the token is the permission. @throws ApiError not_found, conflict */
  answerCallback(source: RequestSource, token: string, value: Json): Promise<void>;
  /** Starts a run that was queued: the starter's work. False: there is nothing to start (any more). @throws ThrottledError */
  startQueued(runId: string): Promise<boolean>;
  /**
   * Starts a run for a trigger that fired. The same `dedupe` text and workflow is the same run.
   * @returns the run's id
   */
  startTriggered(request: { workflow: string; input: Json; mode: 'event' | 'schedule'; dedupe?: string; request?: Json }): Promise<string>;
  /**
   * Redoes what a crash interrupted: runs that were accepted and not started, tokens of resolved checkpoints that were not answered.
   * @param untilMs (epoch) after this nothing further is begun: the rest is for the next time
   */
  sweep(nowMs: number, untilMs?: number): Promise<void>;
  /** The same for everything at once, after a restart of the only process there is: whoever began it has ended. */
  resume(nowMs: number): Promise<void>;
}
