// A failure as the states pass it on, turned into what `.error` of the language shows.

import type { Json, JsonObject } from '../json.ts';
import { isJsonObject } from '../json.ts';
import type { RawError } from '../protocol/step-message.ts';
import type { ErrorInfo } from './records.ts';

/** Causes within causes that are opened: Step Functions around Lambda around ours, and the same once more for a child's. */
const MAX_DEPTH = 6;
/** Characters of a message that are kept. */
const MAX_MESSAGE = 2_000;
/** Bytes of a failure in a RUN record, which holds it twice (as it came, and as `.error` shows it) in the 400 KB of a DynamoDB item. */
const MAX_FAILURE_BYTES = 100_000;

/**
 * `{step, error, message, also}` of a failure. Without a recorded one it is `{step: null, error: 'Maestro.Aborted'}`.
 * The cause may be our own JSON, a Lambda's `{errorType, errorMessage}` around it, a child's `{Error, Cause}`, prose, or empty: it is only
 * opened where it parses.
 */
export function errorInfo(raw: RawError | null | undefined): ErrorInfo {
  if (!raw) return { step: null, error: 'Maestro.Aborted', message: '', also: [] };
  return {
    step: raw.step ?? null,
    error: raw.error ?? 'Maestro.Aborted',
    message: messageOf(raw.cause ?? '', 0).slice(0, MAX_MESSAGE),
    also: (raw.also ?? []).map(errorInfo),
  };
}

/** The fields of a RUN record that say why it failed. Of a failure in thousands of places the first ones. */
export function failureFields(raw: RawError | null): JsonObject {
  return { error: fitted(errorInfo(raw)), rawError: (raw && fitted(raw)) as unknown as Json };
}

/** Without the last of the further failures, until it has at most `MAX_FAILURE_BYTES`. */
function fitted<F extends { also?: F[] }>(failure: F): F {
  let fit = failure;
  while (fit.also && fit.also.length > 0 && Buffer.byteLength(JSON.stringify(fit)) > MAX_FAILURE_BYTES)
    fit = { ...fit, also: fit.also.slice(0, Math.floor(fit.also.length / 2)) };
  return fit;
}

function messageOf(cause: string, depth: number): string {
  const parsed = depth < MAX_DEPTH ? parse(cause) : undefined;
  if (!isJsonObject(parsed)) return cause;
  for (const key of ['errorMessage', 'Cause', 'cause']) {
    const inner = parsed[key];
    if (typeof inner === 'string' && inner !== '') return messageOf(inner, depth + 1);
  }
  const message = parsed['message'] ?? parsed['Message'];
  return typeof message === 'string' ? messageOf(message, depth + 1) : cause;
}

function parse(text: string): Json | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
