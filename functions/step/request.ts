// A call as the transport takes it: values loaded, reserved keys as they were outside.

import type { CallRequest } from '../../shared/calls/types.ts';
import type { Json } from '../../shared/json.ts';
import { getOwn, isJsonObject, setOwn } from '../../shared/json.ts';
import type { CallSpec } from '../../shared/protocol/step-message.ts';
import { loadStored, type RunKey, type Runs, unescapeReserved } from '../../shared/runs/index.ts';
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
  callbackAt?: (string | number)[][];
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

/** A copy of the input with the URL at each of the paths. */
function withCallbackUrl(input: Json, paths: (string | number)[][], url: string): Json {
  if (paths.length === 0) return input;
  const copy = structuredClone(input);
  for (const path of paths) {
    const parent = path.slice(0, -1).reduce<Json | undefined>((value, key) => child(value, key), copy);
    const last = path.at(-1);
    if (Array.isArray(parent) && typeof last === 'number') parent[last] = url;
    else if (isJsonObject(parent) && typeof last === 'string') setOwn(parent, last, url);
  }
  return copy;
}

function child(value: Json | undefined, key: string | number): Json | undefined {
  if (Array.isArray(value)) return typeof key === 'number' ? value[key] : undefined;
  return isJsonObject(value) ? getOwn(value, String(key)) : undefined;
}
