// From a gRPC status to an outcome: the table of "Outcomes, errors and retries".

import { type Metadata, type ServiceError, status as Status } from '@grpc/grpc-js';
import type { ErrorName } from '../../protocol/errors.ts';
import { excerpt } from '../failure.ts';
import { redact } from '../redact.ts';
import type { CallOutcome, FailureDetail } from '../types.ts';

/** After these nothing was done. */
const NOT_PERFORMED = new Set<Status>([
  Status.INVALID_ARGUMENT,
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.PERMISSION_DENIED,
  Status.UNAUTHENTICATED,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
  Status.UNIMPLEMENTED,
  Status.RESOURCE_EXHAUSTED,
]);
/** The service may be well a moment later. */
const UNAVAILABLE = new Set<Status>([Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED, Status.ABORTED]);

export interface GrpcLabel {
  service: string;
  method: string;
}

/**
 * The outcome of a call that ended with a status other than OK.
 * @param answered The answer's headers had come: what failed then is the reading of it.
 */
export function judgeStatus(error: ServiceError, label: GrpcLabel, answered: boolean, secrets: ReadonlyMap<string, string>): CallOutcome {
  const name = Status[error.code] ?? String(error.code);
  const text = excerpt(redact(error.details ?? '', secrets));
  const retryAfterMs = pushbackMs(error.metadata);
  const detail: FailureDetail = { ...label, status: name, body: text, ...requestId(error.metadata, secrets) };
  // grpc-js gives its own limit the status of a server's quota. A server that refuses the request for its size sends no headers first.
  if (answered && error.code === Status.RESOURCE_EXHAUSTED && text.startsWith('Received message larger than max')) {
    return {
      outcome: 'unusable',
      error: 'Maestro.BadResponse',
      message: `service "${label.service}" answered ${label.method}, but its answer is over 10 MB`,
      detail,
    };
  }
  return {
    outcome: NOT_PERFORMED.has(error.code) ? 'not_performed' : 'unknown',
    error: errorName(error.code),
    message: `service "${label.service}" answered ${name} to ${label.method}`,
    detail,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function errorName(code: Status): ErrorName {
  if (UNAVAILABLE.has(code)) return 'Maestro.ServiceUnavailable';
  return code === Status.DEADLINE_EXCEEDED ? 'Maestro.ServiceTimeout' : 'Maestro.ServiceRejected';
}

/** How long the service asks to be left alone (gRFC A6, `grpc-retry-pushback-ms`). */
function pushbackMs(metadata: Metadata | undefined): number | undefined {
  const value = metadata?.get('grpc-retry-pushback-ms')[0];
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

function requestId(metadata: Metadata | undefined, secrets: ReadonlyMap<string, string>): FailureDetail {
  const value = metadata?.get('x-request-id')[0];
  return typeof value === 'string' && /^[\w.:/+=@-]{1,200}$/.test(value) ? { requestId: redact(value, secrets) } : {};
}
