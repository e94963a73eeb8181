// Lambda: `arn:aws:states:::lambda:invoke`, with or without a token, and a function's own ARN.

import { isJsonObject, type Json, type JsonObject } from '../../../shared/json.ts';
import { functionFailure, StateError } from '../errors.ts';
import { type Payload, payload, textOf, toJson } from '../payload.ts';
import type { Flow } from '../thread.ts';
import type { LambdaCall, LambdaResult } from '../types.ts';
import type { Attempt, Outcome } from './attempt.ts';
import { performAndReturn, performWithToken } from './submitted.ts';

export function performLambda(attempt: Attempt, submitted: boolean): Flow<Outcome> {
  const { resource } = attempt.state;
  const send = (settle: (outcome: Outcome) => void): (() => void) => invoke(attempt, settle);
  return resource.pattern === 'token' ? performWithToken(attempt, submitted, send) : performAndReturn(attempt, send);
}

/** Calls the function: at once where it runs in this process (it waits for the commit itself), else after the commit. */
function invoke(attempt: Attempt, settle: (outcome: Outcome) => void): () => void {
  const { runtime } = attempt.thread.execution;
  const call = requestOf(attempt);
  if (call instanceof StateError) {
    settle({ failure: call });
    return () => {};
  }
  let given = true;
  const run = (): void => {
    if (!given) return;
    runtime.lambda(call).then(
      (result) => settle(outcomeOf(attempt, result)),
      (error: unknown) => {
        const { error: name, cause } = functionFailure(error);
        settle({ failure: new StateError(name, cause) });
      },
    );
  };
  if (runtime.isInProcess(call.functionArn)) run();
  else runtime.afterCommit(run);
  return () => {
    given = false;
    call.abort();
  };
}

class Call implements LambdaCall {
  readonly functionArn: string;
  readonly payload: Json;
  readonly attempt: number;
  readonly executionArn: string;
  #text: string | undefined;
  #controller: AbortController | undefined;
  #ended = false;

  constructor(functionArn: string, value: Json, text: string | undefined, attempt: Attempt) {
    this.functionArn = functionArn;
    this.payload = value;
    this.#text = text;
    this.attempt = attempt.visit.retryCount;
    this.executionArn = attempt.thread.execution.start.arn;
  }

  get payloadText(): string {
    return (this.#text ??= JSON.stringify(this.payload));
  }

  /** Made when it is asked for: most calls never need one. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#ended) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#ended = true;
    this.#controller?.abort();
  }
}

function requestOf(attempt: Attempt): Call | StateError {
  const { resource } = attempt.state;
  const { value } = attempt.parameters;
  if (resource.kind === 'function') return new Call(resource.arn, value, attempt.parameters.text, attempt);
  if (!isJsonObject(value) || typeof value['FunctionName'] !== 'string') {
    return new StateError(
      'States.Runtime',
      `The Arguments of '${attempt.state.name}' do not name a function: FunctionName must be a text`,
      { fatal: true },
    );
  }
  const qualifier = typeof value['Qualifier'] === 'string' ? `:${value['Qualifier']}` : '';
  const arn = functionArn(`${value['FunctionName']}${qualifier}`, attempt);
  const given = value['Payload'];
  // Recorded on AWS: a text Payload of lambda:invoke is the body as it stands.
  if (typeof given === 'string') return new Call(arn, given, given, attempt);
  return new Call(arn, given ?? {}, attempt.payloadText ?? (given === undefined ? '{}' : undefined), attempt);
}

/** A function's name, partial ARN or ARN as a full ARN. */
function functionArn(name: string, attempt: Attempt): string {
  if (name.startsWith('arn:')) return name;
  const { region, accountId } = attempt.thread.execution.runtime;
  const partial = /^(\d+):function:(.+)$/.exec(name);
  return `arn:aws:lambda:${region}:${partial?.[1] ?? accountId}:function:${partial?.[2] ?? name}`;
}

function outcomeOf(attempt: Attempt, result: LambdaResult): Outcome {
  if ('error' in result) return { failure: new StateError(result.error, result.cause) };
  const value = payload(toJson(result.payload));
  return { result: attempt.state.resource.kind === 'function' ? value : invokeResult(attempt, value, result) };
}

/** The result of lambda:invoke around the function's own. */
function invokeResult(
  attempt: Attempt,
  value: Payload,
  result: { requestId?: string; executedVersion?: string; headers?: JsonObject },
): Payload {
  const requestId = result.requestId ?? attempt.thread.execution.runtime.ids.uuid();
  const version = result.executedVersion ?? '$LATEST';
  const metadata = { HttpHeaders: result.headers ?? {}, HttpStatusCode: 200 };
  const whole: Json = {
    ExecutedVersion: version,
    Payload: value.value,
    SdkHttpMetadata: metadata,
    SdkResponseMetadata: { RequestId: requestId },
    StatusCode: 200,
  };
  const text =
    `{"ExecutedVersion":${JSON.stringify(version)},"Payload":${textOf(value)},"SdkHttpMetadata":${JSON.stringify(metadata)},` +
    `"SdkResponseMetadata":{"RequestId":${JSON.stringify(requestId)}},"StatusCode":200}`;
  return payload(whole, text);
}
