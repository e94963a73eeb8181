// A call that cannot be made or did not succeed, as an error inside this folder. It leaves the folder as a `CallOutcome`.

import { ERROR_NAMES, type ErrorName } from '../protocol/errors.ts';
import type { CallOutcome, FailureDetail } from './types.ts';

export type FailedOutcome = Exclude<CallOutcome, { outcome: 'done' }>;

export interface CallFailureOptions {
  /** Default `not_performed`: nothing was sent. */
  outcome?: FailedOutcome['outcome'];
  detail?: FailureDetail;
  retryAfterMs?: number;
  cause?: unknown;
}

/** The error form of a failed outcome. `name` is the name on the wire; code tells it by `code`, not by class. */
export class CallFailure extends Error {
  readonly code = 'MST5001';
  readonly outcome: FailedOutcome['outcome'];
  readonly error: ErrorName;
  readonly detail: FailureDetail;
  readonly retryAfterMs: number | undefined;

  constructor(error: ErrorName, message: string, options: CallFailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = error;
    this.error = error;
    this.outcome = options.outcome ?? 'not_performed';
    this.detail = options.detail ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }

  toOutcome(): FailedOutcome {
    const { outcome, error, message, detail, retryAfterMs } = this;
    return { outcome, error, message, detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
}

/** True for a `CallFailure`, also one of another copy of this module (bundles). */
export function isCallFailure(value: unknown): value is CallFailure {
  return value instanceof Error && 'code' in value && value.code === 'MST5001' && 'toOutcome' in value;
}

/** A mistake in the workflow or its setting, found before anything was sent. */
export function badConfiguration(message: string, detail: FailureDetail = {}): CallFailure {
  return new CallFailure('Maestro.BadConfiguration', message, { detail });
}

/** The error's name for a call that its caller stopped: the one that the caller gave as the reason, if it is one of ours. */
export function abortName(signal: AbortSignal | undefined): ErrorName {
  const reason: unknown = signal?.reason;
  const name = reason instanceof Error ? reason.name : '';
  return ERROR_NAMES.find((known) => known === name) ?? 'Maestro.ServiceTimeout';
}

/** The code of a system or library error: `ECONNREFUSED`, `CERT_HAS_EXPIRED` … */
export function errorCode(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0 && !('code' in error && error.code)) return errorCode(error.errors[0]);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown';
}

/** Bytes of a body that a message may quote. */
const EXCERPT_BYTES = 1024;

/** The beginning of a body as text, at most 1 KB of UTF-8, never half a character. */
export function excerpt(body: Buffer | string): string {
  const bytes = typeof body === 'string' ? Buffer.from(body.slice(0, EXCERPT_BYTES)) : body;
  if (bytes.length <= EXCERPT_BYTES) return bytes.toString('utf8');
  let end = EXCERPT_BYTES;
  // A UTF-8 continuation byte is 10xxxxxx: step back to the first byte of the character that would be cut.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
