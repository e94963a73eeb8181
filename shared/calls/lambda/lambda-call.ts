// A call of a Lambda function through its Invoke API, synchronously.

import type { InvokeCommandOutput } from '@aws-sdk/client-lambda';
import type { Clock } from '../../clock.ts';
import { isJsonObject, type Json } from '../../json.ts';
import { abortName, badConfiguration, CallFailure, errorCode, excerpt } from '../failure.ts';
import { maestroHeaders } from '../http/headers.ts';
import { describeParts, joinParts, type Names } from '../parts.ts';
import { readJson } from '../read-json.ts';
import { redact } from '../redact.ts';
import type { CallOutcome, CallRequest, FailureDetail } from '../types.ts';
import { lambdaFunction } from './target.ts';

export interface LambdaClientOptions {
  region?: string;
  /** `http://127.0.0.1:3001`: a stand-in for the Lambda API. Default: AWS (or what AWS_ENDPOINT_URL_LAMBDA says). */
  endpoint?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

export interface LambdaCalls {
  /** @throws {CallFailure} When the request cannot be made at all. */
  call(request: CallRequest, names: Names, signal: AbortSignal | undefined): Promise<CallOutcome>;
  close(): Promise<void>;
}

type Sdk = typeof import('../sdk/lambda.ts');

/** Lambda did not take the request (Lambda API, Invoke, errors). */
const THROTTLED = new Set([
  'TooManyRequestsException',
  'ThrottlingException',
  'EC2ThrottledException',
  'EC2AccessDeniedException',
  'ENILimitReachedException',
]);
/** The function's own start failed or is not over: well a moment later, and nothing of it ran. */
const NOT_READY = new Set(['ResourceNotReadyException', 'ResourceConflictException', 'SnapStartNotReadyException']);
/** The connection was never made. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);
/** Credentials or region are not there: SDK errors before anything is sent. */
const NOT_CONFIGURED = new Set(['CredentialsProviderError', 'TokenProviderError', 'InvalidRegionError']);
/** The Lambda API, Invoke: bytes of the client context before base64 that are allowed. */
const MAX_CLIENT_CONTEXT_BYTES = 3583;

export function createLambdaCalls(clock: Clock, options: LambdaClientOptions = {}): LambdaCalls {
  const clients = new Map<string, InstanceType<Sdk['LambdaClient']>>();

  const clientFor = (sdk: Sdk, functionName: string): InstanceType<Sdk['LambdaClient']> => {
    // A function in another region is reached there.
    const region = /^arn:[^:]+:lambda:([^:]+):/.exec(functionName)?.[1] ?? options.region;
    const known = clients.get(region ?? '');
    if (known) return known;
    // One try: retries are the workflow's, so that each is counted and recorded.
    const client = new sdk.LambdaClient({ ...standIn(options), ...(region === undefined ? {} : { region }), maxAttempts: 1 });
    clients.set(region ?? '', client);
    return client;
  };

  const call: LambdaCalls['call'] = async (request, names, signal) => {
    const label = { service: request.service.name, method: request.method ? describeParts(request.method) : 'invoke' };
    const functionName = lambdaFunction(request.service, names);
    const payload = payloadOf(request, names);
    const sdk = await import('../sdk/lambda.ts');
    const client = clientFor(sdk, functionName);
    const stop = new AbortController();
    let stoppedFor: 'time' | 'abort' | undefined;
    const end = (why: 'time' | 'abort'): void => {
      stoppedFor ??= why;
      stop.abort();
    };
    const onAbort = (): void => end('abort');
    const timer = clock.setTimer(request.timeoutMs, () => end('time'));
    if (signal?.aborted) end('abort');
    else signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (stoppedFor) return stopped(label, 'not_performed', abortName(signal), 'was stopped; nothing was sent');
      const command = new sdk.InvokeCommand({
        FunctionName: functionName,
        Payload: Buffer.from(payload),
        ClientContext: clientContext(request),
      });
      const answer = await client.send(command, { abortSignal: stop.signal });
      return judgeInvocation(answer, label, names.secrets);
    } catch (error) {
      if (stoppedFor === 'time')
        return stopped(label, 'unknown', 'Maestro.ServiceTimeout', `did not answer within ${request.timeoutMs} ms; the outcome is unknown`);
      if (stoppedFor === 'abort') return stopped(label, 'unknown', abortName(signal), 'was stopped; the outcome is unknown');
      return judgeError(error, label, names.secrets);
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  };

  return {
    call,
    async close() {
      for (const client of clients.values()) client.destroy();
      clients.clear();
    },
  };
}

/** A stand-in asks for no account: it gets a signature that says nothing. */
function standIn(options: LambdaClientOptions): LambdaClientOptions {
  if (options.endpoint === undefined) return options;
  return { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' }, ...options };
}

type Label = { service: string; method: string };

/** `input`, or `{method, input, headers}` where the step names a method. */
function payloadOf(request: CallRequest, names: Names): string {
  const input = request.input ?? null;
  if (!request.method) return JSON.stringify(input);
  const headers: [string, string][] = maestroHeaders(request).map(([name, value]) => [name.toLowerCase(), value]);
  const own: [string, string][] = (request.service.headers ?? []).map(({ name, value }) => [name.toLowerCase(), joinParts(value, names)]);
  return JSON.stringify({ method: joinParts(request.method, names), input, headers: Object.fromEntries([...own, ...headers]) });
}

/** The same headers where the payload has no room for them: `context.clientContext.custom` inside the function. */
function clientContext(request: CallRequest): string | undefined {
  const context = JSON.stringify({
    custom: Object.fromEntries(maestroHeaders(request).map(([name, value]) => [name.toLowerCase(), value])),
  });
  return Buffer.byteLength(context) > (MAX_CLIENT_CONTEXT_BYTES * 3) / 4 ? undefined : Buffer.from(context).toString('base64');
}

function judgeInvocation(answer: InvokeCommandOutput, label: Label, secrets: ReadonlyMap<string, string>): CallOutcome {
  const text = answer.Payload ? Buffer.from(answer.Payload).toString('utf8') : '';
  const requestId = answer.$metadata.requestId;
  const detail: FailureDetail = { ...label, ...(requestId === undefined ? {} : { requestId }) };
  if (answer.FunctionError !== undefined) {
    return {
      outcome: 'unknown',
      error: 'Maestro.ServiceRejected',
      message: `service "${label.service}": the function failed (${answer.FunctionError}); the outcome is unknown`,
      detail: { ...detail, status: answer.FunctionError, body: excerpt(redact(failureText(text), secrets)) },
    };
  }
  if (text === '') return { outcome: 'done', value: null, status: answer.StatusCode ?? 200 };
  const read = readJson(text, secrets);
  if (!('problem' in read)) return { outcome: 'done', value: read.value, status: answer.StatusCode ?? 200 };
  const message = `service "${label.service}": the function answered, but its JSON ${read.problem}: it was performed, its answer cannot be used`;
  return { outcome: 'unusable', error: 'Maestro.BadResponse', message, detail };
}

/** What a failed function says, without its stack trace. */
function failureText(payload: string): string {
  try {
    const failure: Json = JSON.parse(payload);
    if (isJsonObject(failure))
      return JSON.stringify({ errorType: failure['errorType'] ?? null, errorMessage: failure['errorMessage'] ?? null });
  } catch {
    // Not JSON: quoted as it is.
  }
  return payload;
}

function judgeError(error: unknown, label: Label, secrets: ReadonlyMap<string, string>): CallOutcome {
  const name = error instanceof Error ? error.name : 'unknown';
  const { status, requestId } = responseOf(error);
  const text = error instanceof Error ? excerpt(redact(error.message, secrets)) : '';
  const detail: FailureDetail = { ...label, status: status ?? name, body: text, ...(requestId === undefined ? {} : { requestId }) };
  const fail = (outcome: 'not_performed' | 'unknown', errorName: CallFailure['error'], what: string): CallOutcome =>
    new CallFailure(errorName, `service "${label.service}": ${what}`, { outcome, detail }).toOutcome();
  if (THROTTLED.has(name) || status === 429)
    return fail('not_performed', 'Maestro.ServiceUnavailable', `Lambda throttled the invocation (${name})`);
  if (NOT_READY.has(name)) return fail('not_performed', 'Maestro.ServiceUnavailable', `the function is not ready (${name})`);
  if (NOT_CONFIGURED.has(name) || (status === undefined && /region is missing/i.test(text))) {
    throw badConfiguration(`service "${label.service}": Lambda cannot be called without credentials and a region (${name})`);
  }
  if (status !== undefined && status >= 400 && status < 500)
    return fail('not_performed', 'Maestro.ServiceRejected', `Lambda refused the invocation (${name})`);
  const code = errorCode(error);
  if (NOT_CONNECTED.has(code))
    return fail('not_performed', 'Maestro.ServiceUnavailable', `Lambda could not be reached (${code}); nothing was sent`);
  return fail('unknown', 'Maestro.ServiceUnavailable', `Lambda failed (${status ?? code}); the outcome is unknown`);
}

function responseOf(error: unknown): { status: number | undefined; requestId: string | undefined } {
  const metadata = typeof error === 'object' && error !== null && '$metadata' in error ? error.$metadata : undefined;
  if (typeof metadata !== 'object' || metadata === null) return { status: undefined, requestId: undefined };
  const status = 'httpStatusCode' in metadata && typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
  const requestId = 'requestId' in metadata && typeof metadata.requestId === 'string' ? metadata.requestId : undefined;
  return { status, requestId };
}

function stopped(label: Label, outcome: 'unknown' | 'not_performed', error: CallFailure['error'], what: string): CallOutcome {
  return { outcome, error, message: `service "${label.service}": the function ${what}`, detail: { ...label } };
}
