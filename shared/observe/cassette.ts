// Cassettes: what the services answered in one execution, as a file, so that the same execution can be repeated without them.
//
//   K1. No header, no input and no secret is in a cassette: a request is kept as the hash of what was asked.
//   K2. A replayed call is answered only by the recording of the same request; anything else fails and says what differs.
//   K3. Runs of the same cassette have other ids: the run's own id counts as the same text in both.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Caller, CallFailure, type CallOutcome, type CallRequest, describeParts } from '../calls/index.ts';
import { isJsonObject, type Json } from '../json.ts';
import { ERROR_NAMES } from '../protocol/errors.ts';
import type { CallSpec } from '../protocol/step-message.ts';

const JSON_VALUE: z.ZodType<Json> = z.json();
const STATUS = z.union([z.string(), z.number()]);

const OUTCOME = z.discriminatedUnion('outcome', [
  z.strictObject({ outcome: z.literal('done'), value: JSON_VALUE, status: z.exactOptional(STATUS) }),
  z.strictObject({
    outcome: z.enum(['not_performed', 'unknown', 'unusable']),
    error: z.enum(ERROR_NAMES),
    message: z.string(),
    detail: z.record(z.string(), JSON_VALUE),
    retryAfterMs: z.exactOptional(z.number()),
  }),
]);

const CALL = z.strictObject({
  /** Workflow, where the caller knew it: a run may contain runs of others. */
  workflow: z.exactOptional(z.string()),
  /** Step id. */
  step: z.string(),
  /** Place of the step in its run, with `/undo` where it is the undo. */
  at: z.string(),
  /** 0 on the first try. */
  attempt: z.int().min(0),
  service: z.string(),
  /** The method as in the file, values as `{}`. */
  method: z.string(),
  /** SHA-256, hex, of verb, method and input. */
  request: z.string().regex(/^[0-9a-f]{64}$/),
  outcome: OUTCOME,
});

const CASSETTE = z.strictObject({ format: z.literal('maestro-cassette'), version: z.literal(1), calls: z.array(CALL) });

/** One recorded call. */
export type CassetteCall = z.infer<typeof CALL>;

/** Recorded calls in the order in which they ended. */
export type Cassette = z.infer<typeof CASSETTE>;

/** A file that is not a cassette of this version. */
export class CassetteError extends Error {
  readonly code = 'MST5003';
  override readonly name = 'CassetteError';
}

/**
 * A caller that does what the given one does and hands every ended call to `sink`.
 *
 * @example
 * const calls: CassetteCall[] = [];
 * const caller = recordingCaller(createCaller(options), (call) => calls.push(call));
 * // … run …
 * writeFileSync('order.cassette.json', cassetteText(calls));
 */
export function recordingCaller(caller: Caller, sink: (call: CassetteCall) => void): Caller {
  return {
    async call(request, signal) {
      const outcome = await caller.call(request, signal);
      sink({ ...identity(request), outcome: CALL.shape.outcome.parse(outcome) });
      return outcome;
    },
    origin: (spec) => caller.origin(spec),
    close: () => caller.close(),
  };
}

/**
 * A caller that answers from a cassette and never calls anything. Each recording answers once; the same request of the same try recorded twice
 * answers in order.
 * @returns A caller whose unknown calls end as `not_performed` with BadConfiguration, saying what was recorded instead.
 */
export function replayingCaller(cassette: Cassette): Caller {
  const left = new Map<string, CassetteCall[]>();
  for (const call of cassette.calls) {
    const queue = left.get(keyOf(call));
    if (queue) queue.push(call);
    else left.set(keyOf(call), [call]);
  }
  return {
    async call(request) {
      const wanted = identity(request);
      const queue = left.get(keyOf(wanted)) ?? [];
      const at = queue.findIndex((call) => call.request === wanted.request);
      const [found] = at < 0 ? [] : queue.splice(at, 1);
      return found ? structuredClone(toOutcome(found)) : notRecorded(wanted, queue[0]);
    },
    // Breakers are kept by what the file says: a replay needs no environment.
    origin: ({ service }) => `${service.type}:${describeParts(service.endpoint)}`,
    close: async () => undefined,
  };
}

/** The text of a cassette file: stable, one call after the other. */
export function cassetteText(calls: readonly CassetteCall[]): string {
  return `${JSON.stringify({ format: 'maestro-cassette', version: 1, calls }, null, 2)}\n`;
}

/**
 * Reads a cassette file.
 * @throws {CassetteError} The text is not a cassette of this version; its message names the first field that is wrong.
 */
export function parseCassette(text: string): Cassette {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new CassetteError('the cassette is not JSON: record it again', { cause });
  }
  const parsed = CASSETTE.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CassetteError(
    `the cassette does not read: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not valid'}; record it again`,
  );
}

function identity(request: CallRequest): Omit<CassetteCall, 'outcome'> {
  return {
    ...(request.workflow === undefined ? {} : { workflow: request.workflow }),
    step: request.stepId,
    at: request.idempotencyKey.replace(request.runId, '').replace(/^\//, ''),
    attempt: request.attempt,
    service: request.service.name,
    method: [request.verb ?? '', describeParts(request.method ?? [])].join(' ').trim(),
    request: requestHash(request, request.runId),
  };
}

function keyOf(call: Omit<CassetteCall, 'outcome'>): string {
  return JSON.stringify([call.workflow ?? '', call.step, call.at, call.attempt]);
}

/** Keys in order, so that the same request hashes alike however its input was put together. Names stay names: no secret is hashed. */
function requestHash({ service, verb, method, input }: CallSpec, runId: string): string {
  const text = JSON.stringify(sorted([service.name, service.type, verb ?? null, (method ?? []).map((part) => part), input ?? null]));
  return createHash('sha256').update(text.replaceAll(runId, '{run.id}')).digest('hex');
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

function toOutcome({ outcome }: CassetteCall): CallOutcome {
  return outcome;
}

function notRecorded(wanted: Omit<CassetteCall, 'outcome'>, other: CassetteCall | undefined): CallOutcome {
  const where = `step "${wanted.step}" (${wanted.at || 'no place'}), try ${wanted.attempt + 1}: ${wanted.service} ${wanted.method}`;
  const why = other
    ? other.service === wanted.service && other.method === wanted.method
      ? 'was recorded with another input'
      : `was recorded as ${other.service} ${other.method}`
    : 'is not in the cassette, or was asked for more often than it was recorded';
  const message = `${where} ${why}: record the execution again, with the same workflow and input`;
  return new CallFailure('Maestro.BadConfiguration', message, { detail: { service: wanted.service, method: wanted.method } }).toOutcome();
}
