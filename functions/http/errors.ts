// What is told when a request is refused or fails: one shape, the right status, nothing of ours.

import type * as z from 'zod';
import { ApiError, type ErrorDetail } from '../../shared/contract/index.ts';
import { ThrottledError } from '../../shared/orchestrate/index.ts';
import { MethodError } from './path.ts';
import { type ApiResponse, jsonResponse } from './response.ts';

/** More would help nobody, and a long list with a mistake in each item has as many issues. */
const MAX_DETAILS = 50;
/** A message may quote a key of the request. */
const MAX_MESSAGE_CHARS = 300;
/** Seconds, where whoever refused did not say. */
const RETRY_SECONDS = 1;

/** Names of errors of the AWS SDK that say: not now. */
const AWS_BUSY = new Set([
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  'SlowDown',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'InternalServerError',
  'TimeoutError',
]);

/** An error as the refusal that the client is told. `internal`: it is our fault. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ThrottledError)
    return new ApiError('rate_limited', 'too many runs are being started; try again.', { cause: error, retryAfter: RETRY_SECONDS });
  const { name, statusCode, cause } = errorFields(error);
  // Middy's JSON parser: the keys that it forbids have no message of a parser in their cause.
  if (statusCode === 422)
    return cause === undefined
      ? new ApiError('invalid', 'the body has a key that is not allowed (`__proto__`, or a `prototype` of `constructor`).', {
          cause: error,
        })
      : new ApiError('bad_request', 'the body is not JSON; expected valid JSON with numbers in range.', { cause: error });
  if (AWS_BUSY.has(name))
    return new ApiError('unavailable', 'the service is busy; try again.', { cause: error, retryAfter: RETRY_SECONDS });
  return new ApiError('internal', 'the request could not be answered because of a fault of the service; its id finds the log entry.', {
    cause: error,
  });
}

function errorFields(error: unknown): { name: string; statusCode: unknown; cause: unknown } {
  if (!(error instanceof Error)) return { name: '', statusCode: undefined, cause: undefined };
  const statusCode = 'statusCode' in error ? error.statusCode : undefined;
  const cause = typeof error.cause === 'object' && error.cause !== null && 'message' in error.cause ? error.cause.message : undefined;
  return { name: error.name, statusCode, cause };
}

/** The answer to a refused request. */
export function errorResponse(error: ApiError, requestId: string): ApiResponse {
  const headers: { [name: string]: string } = {};
  if (error.code === 'unauthorized') headers['www-authenticate'] = 'Bearer realm="maestro"';
  if (error.retryAfter !== undefined) headers['retry-after'] = String(error.retryAfter);
  if (error instanceof MethodError) headers['allow'] = error.allow;
  const { code, message, details } = error;
  return jsonResponse(error.status, { error: { code, message, details, request_id: requestId } }, headers);
}

/** What a schema found wrong, as the refusal of a request. @param what the part of the request */
export function refuse(code: 'invalid' | 'not_found', what: string, { issues }: z.ZodError): ApiError {
  const details = issues.flatMap(flatten).slice(0, MAX_DETAILS);
  const [first] = details;
  const message = first ? `${[what, ...first.path].join('.')}: ${first.message}` : what;
  return new ApiError(code, short(message), { details });
}

/** Of a union, the branch that was nearest to fit speaks. */
function flatten(issue: z.core.$ZodIssue): ErrorDetail[] {
  if (issue.code === 'invalid_union') {
    const [best] = [...issue.errors].sort((a, b) => a.length - b.length);
    if (best && best.length > 0)
      return best.flatMap(flatten).map(({ path, message }) => ({ path: [...asPath(issue.path), ...path], message }));
  }
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => JSON.stringify(key)).join(', ');
    return [{ path: asPath(issue.path), message: short(`${names}: not known here; /openapi.json has what is`) }];
  }
  return [{ path: asPath(issue.path), message: short(issue.message) }];
}

function short(message: string): string {
  return message.length > MAX_MESSAGE_CHARS ? `${message.slice(0, MAX_MESSAGE_CHARS - 1)}…` : message;
}

function asPath(path: readonly PropertyKey[]): (string | number)[] {
  return path.map((part) => (typeof part === 'number' ? part : String(part)));
}
