// Answers that leave a Lambda as they are made: REST API with `responseTransferMode: STREAM`.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html: JSON of status and headers, eight NUL bytes, the
// body. Lambda's own runtime writes the first two, with the first write of the body; it has no types, so they are here.

import { once as nextEvent } from 'node:events';
import type { Writable } from 'node:stream';
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import type { ApiResponse } from '../http/index.ts';
import type { Observer } from './observe.ts';

export interface ResponseMetadata {
  statusCode: number;
  headers: { [name: string]: string };
}

export type StreamedHandler = (event: APIGatewayProxyEvent, responseStream: Writable, context: Context) => Promise<void>;

/** The global of Node's managed runtimes. */
export interface AwsLambda {
  streamifyResponse(handler: StreamedHandler): unknown;
  HttpResponseStream: { from(responseStream: Writable, metadata: ResponseMetadata): Writable };
}

/** What answers a request; it never rejects. */
export type Handle = (event: APIGatewayProxyEvent, options: { signal: AbortSignal }) => Promise<ApiResponse>;

/** @throws Error outside of Lambda */
export function streamed(handle: Handle, observer: Observer): unknown {
  const runtime = awsLambda();
  return runtime.streamifyResponse(async (event, responseStream) => {
    const gone = new AbortController();
    // A client that has gone: nobody is left to stream to.
    responseStream.once('close', () => gone.abort());
    responseStream.once('error', () => gone.abort());
    const { statusCode, headers, body } = await handle(event, { signal: gone.signal });
    const out = runtime.HttpResponseStream.from(responseStream, { statusCode, headers });
    try {
      // Without a write the runtime writes no status either.
      if (typeof body === 'string') out.write(body);
      else await pump(body, out, gone.signal);
    } catch (error) {
      observer.error('an answer was cut off', error);
    } finally {
      observer.flush();
      out.end();
    }
  });
}

async function pump(body: AsyncIterable<string>, out: Writable, gone: AbortSignal): Promise<void> {
  // The status at once: the first event may be a while.
  out.write('');
  for await (const text of body) {
    if (gone.aborted) return;
    if (!out.write(text)) await nextEvent(out, 'drain', { signal: gone }).catch(() => {});
  }
}

function awsLambda(): AwsLambda {
  const found: unknown = Reflect.get(globalThis, 'awslambda');
  if (typeof found === 'object' && found !== null && 'streamifyResponse' in found && 'HttpResponseStream' in found)
    return found as AwsLambda;
  throw new Error('awslambda: found no such global, expected Node’s managed runtime of Lambda, which streams answers');
}
