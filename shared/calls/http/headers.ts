// Request headers: the service's own, then Maestro's, which always win. Flat `[name, value, name, value]`, as undici takes them fastest.

import { badConfiguration } from '../failure.ts';
import { joinParts, type Names } from '../parts.ts';
import type { CallRequest } from '../types.ts';

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What a field value may not hold: control characters but for tab, and anything beyond Latin-1. */
const BAD_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/;
/** All header names and values of one request, bytes. */
export const MAX_HEADER_BYTES = 64 * 1024;

/** Set by Maestro; the same name in a service's `headers` is not sent. */
const MAESTRO_HEADERS = new Set(['idempotency-key', 'x-maestro-run-id', 'x-maestro-step-id', 'x-maestro-callback-url', 'traceparent']);
/** Decided by the connection and the body, not by a workflow. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The headers of a request.
 * @param hasBody A JSON body is sent, so `content-type` is given unless the service says otherwise.
 * @throws {CallFailure} BadConfiguration: a name or value that is no header (CR, LF, NUL …), one that belongs to the connection, or over 64 KB.
 */
export function requestHeaders(request: CallRequest, names: Names, hasBody: boolean): string[] {
  const headers: string[] = [];
  let bytes = 0;
  let hasAccept = false;
  let hasType = false;
  for (const { name, value: parts } of request.service.headers ?? []) {
    const lower = name.toLowerCase();
    if (MAESTRO_HEADERS.has(lower)) continue;
    const value = joinParts(parts, names);
    checkHeader(name, lower, value, request.service.name);
    hasAccept ||= lower === 'accept';
    hasType ||= lower === 'content-type';
    bytes += name.length + value.length;
    headers.push(name, value);
  }
  if (!hasAccept) headers.push('accept', 'application/json, text/plain;q=0.9, */*;q=0.8');
  if (hasBody && !hasType) headers.push('content-type', 'application/json');
  for (const [name, value] of maestroHeaders(request)) {
    if (BAD_VALUE.test(value)) throw badConfiguration(`header ${name} would hold a character that no header may hold`);
    bytes += name.length + value.length;
    headers.push(name, value);
  }
  if (bytes > MAX_HEADER_BYTES) {
    throw badConfiguration(
      `service "${request.service.name}": its headers come to ${bytes} bytes, more than the ${MAX_HEADER_BYTES} allowed`,
    );
  }
  return headers;
}

/** What Maestro adds to every call, whatever the transport: header name and value. */
export function maestroHeaders(request: CallRequest): [name: string, value: string][] {
  const headers: [string, string][] = [
    ['Idempotency-Key', request.idempotencyKey],
    ['X-Maestro-Run-Id', request.runId],
    ['X-Maestro-Step-Id', request.stepId],
    ['traceparent', request.traceparent],
  ];
  if (request.callbackUrl !== undefined) headers.push(['X-Maestro-Callback-Url', request.callbackUrl]);
  return headers;
}

function checkHeader(name: string, lower: string, value: string, service: string): void {
  if (!TOKEN.test(name))
    throw badConfiguration(`service "${service}": one of its header names is not a header name (letters, digits and -)`);
  if (CONNECTION_HEADERS.has(lower))
    throw badConfiguration(`service "${service}": header ${name} belongs to the connection and cannot be set: remove it`);
  if (BAD_VALUE.test(value)) {
    throw badConfiguration(
      `service "${service}": the value of header ${name} holds a line break, a control character or one beyond Latin-1, which no header may`,
    );
  }
}
