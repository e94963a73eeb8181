// What goes wrong with a request, by code. One table: the status of a code is the same everywhere.

import type { Json } from '../json.ts';

/** HTTP status of every error code that the API answers with. */
export const ERROR_STATUS = {
  bad_request: 400,
  unauthorized: 401,
  over_budget: 402,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  gone: 410,
  too_large: 413,
  unsupported_media_type: 415,
  invalid: 422,
  rate_limited: 429,
  internal: 500,
  not_implemented: 501,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** One thing that is wrong with a body or a query: where, as a path of names and numbers, and what. */
export interface ErrorDetail {
  path: (string | number)[];
  message: string;
}

export interface ApiErrorOptions extends ErrorOptions {
  details?: ErrorDetail[] | Json;
  /** Seconds: told as `Retry-After`. */
  retryAfter?: number;
}

/** A refusal that is told to the client as it stands: its message holds no secret and nothing of another tenant. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly details: ErrorDetail[] | Json | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.details = options.details;
    this.retryAfter = options.retryAfter;
  }

  /** HTTP status. */
  get status(): number {
    return ERROR_STATUS[this.code];
  }
}
