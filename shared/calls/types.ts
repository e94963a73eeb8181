// One call to a service, and the four ways that it can end.

import type { Json } from '../json.ts';
import type { ErrorName } from '../protocol/errors.ts';
import type { CallSpec } from '../protocol/step-message.ts';

/** A resolved request with what Maestro adds to it. */
export interface CallRequest extends CallSpec {
  /** Sent as `Idempotency-Key` (gRPC metadata `idempotency-key`). */
  idempotencyKey: string;
  runId: string;
  stepId: string;
  /** 0 on the first try. */
  attempt: number;
  workflow?: string;
  /** W3C trace context. */
  traceparent: string;
  callbackUrl?: string;
  /** ms: the call is aborted and its outcome is `unknown` (ServiceTimeout) after this. */
  timeoutMs: number;
}

/** What is said about a failure; becomes the JSON of the error message. Never a header or a secret. */
export interface FailureDetail {
  /** HTTP status or gRPC code name. */
  status?: string | number;
  /** At most 1 KB of the answer. */
  body?: string;
  requestId?: string;
  [key: string]: Json | undefined;
}

/**
 * How a call ended. `unusable`: performed, but the answer cannot be used (cut off, too large, does not parse): the step is done with a null
 * output and then fails with `Maestro.BadResponse`.
 */
export type CallOutcome =
  | { outcome: 'done'; value: Json; status?: string | number }
  | { outcome: 'not_performed' | 'unknown' | 'unusable'; error: ErrorName; message: string; detail: FailureDetail; retryAfterMs?: number };

export interface Caller {
  /**
   * Makes the call. Never throws for anything that the service or the network does; every failure is an outcome.
   * `signal` aborts it (the outcome is then `unknown` if a byte may have been sent).
   */
  call(request: CallRequest, signal?: AbortSignal): Promise<CallOutcome>;
  /** The origin that the breaker and the pool are keyed by: `http://host:port`, `grpc://host:port`, `lambda:name`. Throws BadConfiguration as a `CallFailure`. */
  origin(request: CallSpec): string;
  /** Closes all pools. */
  close(): Promise<void>;
}
