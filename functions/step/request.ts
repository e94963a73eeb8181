// A call as the transport takes it: values loaded, reserved keys as they were outside.

import type { CallOutcome, CallRequest } from '../../shared/calls/types.ts';
import type { Json } from '../../shared/json.ts';
import { getOwn, isJsonObject, setOwn } from '../../shared/json.ts';
import { fromPointer } from '../../shared/protocol/pointer.ts';
import type { CallSpec } from '../../shared/protocol/step-message.ts';
import { BadReferenceError, loadStored, type RunKey, type Runs, unescapeReserved } from '../../shared/runs/index.ts';
import { traceparent } from './context.ts';

export interface RequestFacts {
  run: RunKey;
  workflow: string;
  step: string;
  at: string;
  attempt: number;
  timeoutMs: number;
  idempotencyKey: string;
  callbackUrl?: string;
  /** JSON Pointers into the input. */
  callbackAt?: string[];
}

/** @throws BadReferenceError when the input refers to a value that cannot be loaded */
export async function buildRequest(runs: Runs, spec: CallSpec, facts: RequestFacts): Promise<CallRequest> {
  const { run } = facts;
  const request: CallRequest = {
    service: spec.service,
    idempotencyKey: facts.idempotencyKey,
    runId: run.id,
    stepId: facts.step,
    attempt: facts.attempt,
    workflow: facts.workflow,
    traceparent: traceparent(run, facts.at, facts.attempt),
    timeoutMs: facts.timeoutMs,
  };
  if (spec.verb !== undefined) request.verb = spec.verb;
  if (spec.method) request.method = spec.method;
  if (facts.callbackUrl !== undefined) request.callbackUrl = facts.callbackUrl;
  if (spec.input !== undefined) {
    const input = unescapeReserved(await loadStored(runs.blobs, run.id, spec.input));
    request.input = facts.callbackUrl === undefined ? input : withCallbackUrl(input, facts.callbackAt ?? [], facts.callbackUrl);
  }
  return request;
}

/** The outcome of a call whose request could not be built: nothing was performed. */
export function notLoaded(error: unknown): CallOutcome {
  if (error instanceof BadReferenceError)
    return { outcome: 'not_performed', error: 'Maestro.BadConfiguration', message: error.message, detail: {} };
  return { outcome: 'not_performed', error: 'Maestro.ServiceUnavailable', message: 'a stored value could not be read', detail: {} };
}

/** A copy of the input with the URL at each of the paths. */
function withCallbackUrl(input: Json, pointers: string[], url: string): Json {
  if (pointers.length === 0) return input;
  const copy = structuredClone(input);
  for (const pointer of pointers) {
    const path = fromPointer(pointer);
    const last = path.pop() ?? '';
    const parent = path.reduce<Json | undefined>(child, copy);
    if (Array.isArray(parent)) parent[Number(last)] = url;
    else if (isJsonObject(parent)) setOwn(parent, last, url);
  }
  return copy;
}

function child(value: Json | undefined, key: string): Json | undefined {
  if (Array.isArray(value)) return value[Number(key)];
  return isJsonObject(value) ? getOwn(value, key) : undefined;
}
