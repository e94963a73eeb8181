// From an answer, or the lack of one, to an outcome: the table of "Outcomes, errors and retries".

import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, inflate, unzip } from 'node:zlib';
import type { ErrorName } from '../../protocol/errors.ts';
import { abortName, CallFailure, errorCode, excerpt, isCallFailure } from '../failure.ts';
import { readJson } from '../read-json.ts';
import { redact } from '../redact.ts';
import type { CallOutcome, FailureDetail } from '../types.ts';
import { type Exchange, MAX_BODY_BYTES } from './exchange.ts';

/** The service may be well a moment later. */
const UNAVAILABLE = new Set([408, 425, 429, 500, 502, 503, 504]);
/** 4xx answers after which it is not known whether something was done. */
const UNKNOWN_4XX = new Set([408, 409]);
const JSON_TYPE = /^\s*(?:application\/json|[^;\s]+\+json|text\/json)\s*(?:;|$)/i;

type Answer = Extract<Exchange, { kind: 'answer' }>;
type Broken = Extract<Exchange, { kind: 'broken' }>;

/** What a message may say about the call. `method` holds no value from data. */
export interface CallLabel {
  service: string;
  method: string;
}

/** The outcome of a call that got an answer which is not a redirect to follow. */
export function judgeAnswer(
  answer: Answer,
  label: CallLabel,
  secrets: ReadonlyMap<string, string>,
  nowMs: number,
): CallOutcome | Promise<CallOutcome> {
  const { status, headers } = answer;
  if (status >= 200 && status < 300) {
    if (answer.cut) return unusable(label, answer, secrets, cutMessage(answer));
    const encoding = headers['content-encoding'];
    if (answer.body.length > 0 && encoding !== undefined && encoding !== '' && encoding !== 'identity') {
      return decompress(answer.body, String(encoding)).then(
        (body) => readBody({ ...answer, body }, label, secrets),
        () => unusable(label, answer, secrets, 'its body could not be decompressed, or is over 10 MB when it is'),
      );
    }
    return readBody(answer, label, secrets);
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs);
  const isRedirect = status >= 300 && status < 400;
  return {
    outcome: status >= 400 && status < 500 && !UNKNOWN_4XX.has(status) ? 'not_performed' : 'unknown',
    error: UNAVAILABLE.has(status) ? 'Maestro.ServiceUnavailable' : 'Maestro.ServiceRejected',
    message: `service "${label.service}" answered ${status} to ${label.method}${isRedirect ? ': a redirect that is not followed (another host, or not safe to repeat)' : ''}`,
    detail: { ...label, ...answerDetail(answer, secrets), body: excerpt(redact(answer.body.toString('utf8'), secrets)) },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** The outcome of a call that got no answer. */
export function judgeBroken(broken: Broken, label: CallLabel, signal: AbortSignal | undefined, timeoutMs: number): CallOutcome {
  const outcome = broken.sent ? 'unknown' : 'not_performed';
  const about = broken.sent ? 'the outcome is unknown' : 'nothing was sent';
  const detail: FailureDetail = { ...label };
  const fail = (error: ErrorName, what: string): CallOutcome => ({
    outcome,
    error,
    message: `service "${label.service}": ${what}; ${about}`,
    detail,
  });
  if (broken.why === 'time') return fail('Maestro.ServiceTimeout', `no answer to ${label.method} within ${timeoutMs} ms`);
  if (broken.why === 'abort') return fail(abortName(signal), `${label.method} was stopped`);
  const { cause } = broken;
  if (isCallFailure(cause)) return new CallFailure(cause.error, `service "${label.service}": ${cause.message}`, { detail }).toOutcome();
  const code = errorCode(cause);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return fail('Maestro.BadResponse', 'the headers of its answer are over 64 KB');
  if (cause instanceof Error && cause.name === 'HTTPParserError') return fail('Maestro.BadResponse', 'its answer is not HTTP');
  if (code === 'UND_ERR_INVALID_ARG') return fail('Maestro.BadConfiguration', `${label.method} is not a request that can be sent`);
  return fail('Maestro.ServiceUnavailable', `${broken.sent ? 'the connection broke' : 'no connection could be made'} (${code})`);
}

/**
 * `Retry-After` in ms from now: seconds or an HTTP date (RFC 9110, section 10.2.3). Undefined where there is none that can be read.
 */
function parseRetryAfter(value: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

function readBody(answer: Answer, label: CallLabel, secrets: ReadonlyMap<string, string>): CallOutcome {
  const { status, headers, body } = answer;
  if (body.length === 0 || status === 204) return { outcome: 'done', value: null, status };
  const text = body.toString('utf8');
  if (!JSON_TYPE.test(headers['content-type'] ?? '')) return { outcome: 'done', value: redact(text, secrets), status };
  const read = readJson(text, secrets);
  return 'problem' in read ? unusable(label, answer, secrets, `its JSON ${read.problem}`) : { outcome: 'done', value: read.value, status };
}

function unusable(label: CallLabel, answer: Answer, secrets: ReadonlyMap<string, string>, what: string): CallOutcome {
  return {
    outcome: 'unusable',
    error: 'Maestro.BadResponse',
    message: `service "${label.service}" answered ${answer.status} to ${label.method}, but ${what}: it was performed, its answer cannot be used`,
    detail: { ...label, ...answerDetail(answer, secrets) },
  };
}

function cutMessage({ cut }: Answer): string {
  if (cut === 'size') return 'its body is over 10 MB';
  return cut === 'network' ? 'its body was cut off' : 'its body did not end in time';
}

function answerDetail({ status, headers }: Answer, secrets: ReadonlyMap<string, string>): FailureDetail {
  const requestId = requestIdOf(headers);
  return { status, ...(requestId === undefined ? {} : { requestId: redact(requestId, secrets) }) };
}

/** The service's own id of the request, for whoever asks there; only what looks like an id. */
function requestIdOf(headers: IncomingHttpHeaders): string | undefined {
  const id = headers['x-request-id'] ?? headers['x-amzn-requestid'] ?? headers['x-amz-request-id'] ?? headers['x-correlation-id'];
  return typeof id === 'string' && /^[\w.:/+=@-]{1,200}$/.test(id) ? id : undefined;
}

function decompress(body: Buffer, encoding: string): Promise<Buffer> {
  const options = { maxOutputLength: MAX_BODY_BYTES };
  switch (encoding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return promisify(unzip)(body, options);
    case 'deflate':
      return promisify(inflate)(body, options);
    case 'br':
      return promisify(brotliDecompress)(body, options);
    default:
      return Promise.reject(new Error('unknown content-encoding'));
  }
}
