// What can go wrong with a request. Two classes, for the two things that a caller can do about it: read what the service says, or look
// whether the request was carried out.

import type { ErrorDetail, Json } from './types.ts';

export interface Refusal {
  code: string;
  /** HTTP status. */
  status: number;
  requestId?: string | undefined;
  details?: ErrorDetail[] | Json | undefined;
  /** Seconds. */
  retryAfter?: number | undefined;
}

/** The service refused a request, or what answered was no Maestro service (`code: 'not_maestro'`). */
export class MaestroError extends Error {
  override readonly name = 'MaestroError';
  /** `bad_request`, `unauthorized`, `forbidden`, `not_found`, `conflict`, `gone`, `invalid`, `rate_limited`, `unavailable` … */
  readonly code: string;
  /** HTTP status. */
  readonly status: number;
  /** Of the service's answer: quote it to whoever runs the service. */
  readonly requestId: string | undefined;
  /** With `invalid`: what is wrong where. */
  readonly details: ErrorDetail[] | Json | undefined;
  /** Seconds after which the request may be made again. */
  readonly retryAfter: number | undefined;

  constructor(message: string, refusal: Refusal, options?: ErrorOptions) {
    super(message, options);
    this.code = refusal.code;
    this.status = refusal.status;
    this.requestId = refusal.requestId;
    this.details = refusal.details;
    this.retryAfter = refusal.retryAfter;
  }
}

/** There was no answer, or not a whole one. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  /** `timeout`: none came in time. `connection`: the connection failed. */
  readonly code: 'timeout' | 'connection';
  /** The request may have been carried out. False: nothing of it reached the service. */
  readonly maybePerformed: boolean;

  constructor(message: string, about: { code: 'timeout' | 'connection'; maybePerformed: boolean }, options?: ErrorOptions) {
    super(message, options);
    this.code = about.code;
    this.maybePerformed = about.maybePerformed;
  }
}
