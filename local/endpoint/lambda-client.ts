// Functions that are not Maestro's own: the Lambda Invoke API over HTTP (`--lambda-endpoint`).

import { Agent, request } from 'undici';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { LambdaCall, LambdaHandler, LambdaResult } from '../engine/index.ts';

/** A synchronous invocation may take as long as a Lambda may run: 15 minutes. */
const LONGEST_CALL_MS = 900_000;
const CONNECTIONS = 100;

export interface LambdaClientOptions {
  /** Base URL, such as `http://127.0.0.1:9001`. */
  endpoint: string;
}

export interface LambdaClient {
  lambda: LambdaHandler;
  close(): Promise<void>;
}

/**
 * Calls functions at a Lambda endpoint. Failures are results, by the names that Step Functions uses: the function's own errorType,
 * `Lambda.<Exception>` where the service refused, `Lambda.SdkClientException` where it could not be reached.
 */
export function createLambdaClient({ endpoint }: LambdaClientOptions): LambdaClient {
  const agent = new Agent({ connections: CONNECTIONS, headersTimeout: LONGEST_CALL_MS, bodyTimeout: LONGEST_CALL_MS });
  const base = endpoint.replace(/\/+$/, '');
  return {
    lambda: (call) => invoke(agent, base, call),
    close: () => agent.close(),
  };
}

async function invoke(agent: Agent, base: string, call: LambdaCall): Promise<LambdaResult> {
  let answer: Awaited<ReturnType<typeof request>>;
  let text: string;
  try {
    answer = await request(`${base}/2015-03-31/functions/${encodeURIComponent(call.functionArn)}/invocations`, {
      method: 'POST',
      dispatcher: agent,
      signal: call.signal,
      headers: { 'content-type': 'application/json', 'x-amz-invocation-type': 'RequestResponse' },
      body: call.payloadText,
    });
    text = await answer.body.text();
  } catch (error) {
    return {
      error: 'Lambda.SdkClientException',
      cause: `The Lambda endpoint could not be reached: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
  if (answer.statusCode >= 300) return refused(answer.statusCode, header(answer.headers, 'x-amzn-errortype'), text);
  const failed = header(answer.headers, 'x-amz-function-error');
  if (failed !== undefined) return functionError(text);
  const requestId = header(answer.headers, 'x-amzn-requestid');
  const version = header(answer.headers, 'x-amz-executed-version');
  return {
    payload: parsed(text),
    headers: shownHeaders(answer.headers),
    ...(requestId === undefined ? {} : { requestId }),
    ...(version === undefined ? {} : { executedVersion: version }),
  };
}

function functionError(text: string): LambdaResult {
  const body = parsed(text);
  const type = typeof body === 'object' && body !== null && !Array.isArray(body) ? body['errorType'] : undefined;
  return { error: typeof type === 'string' && type !== '' ? type : 'Lambda.Unknown', cause: text };
}

function refused(status: number, type: string | undefined, text: string): LambdaResult {
  const name = (type ?? (status === 429 ? 'TooManyRequestsException' : 'ServiceException')).split(':')[0] ?? '';
  const body = parsed(text);
  const record = typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {};
  const message = record['Message'] ?? record['message'];
  return {
    error: `Lambda.${name}`,
    cause: `${typeof message === 'string' ? message : text.slice(0, 1024)} (Service: Lambda, Status Code: ${status})`,
  };
}

function parsed(text: string): Json {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

type Headers = { [name: string]: string | string[] | undefined };

function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function shownHeaders(headers: Headers): JsonObject {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}
