// API Gateway (REST, Lambda proxy, responseTransferMode STREAM) and the part of Lambda's Node runtime that streams.

import { PassThrough, type Writable } from 'node:stream';
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import type { AwsLambda, ResponseMetadata, StreamedHandler } from '../../functions/aws/index.ts';

/** What Lambda's runtime provides. The status and eight NUL bytes go out before the first write of the body, as its own source has it. */
export function provideAwsLambda(): void {
  const runtime: AwsLambda = {
    streamifyResponse: (handler) => handler,
    HttpResponseStream: {
      from(responseStream, metadata) {
        const write = responseStream.write.bind(responseStream);
        let first = true;
        responseStream.write = ((chunk: unknown) => {
          if (first) {
            first = false;
            write(JSON.stringify(metadata));
            write(new Uint8Array(8));
          }
          return chunk === '' ? true : write(chunk as string);
        }) as Writable['write'];
        return responseStream;
      },
    },
  };
  Reflect.set(globalThis, 'awslambda', runtime);
}

export interface GatewayRequest {
  method?: string;
  path: string;
  headers?: { [name: string]: string };
  /** A value is sent as JSON. */
  body?: unknown;
  query?: { [name: string]: string };
  /** ARN of a caller that signed its request (below `/svc`). */
  userArn?: string;
}

export interface GatewayResponse extends ResponseMetadata {
  /** Parts of the body as they come. */
  parts: AsyncIterable<string>;
  /** The whole body. */
  text(): Promise<string>;
  /** The whole body as JSON. */
  json(): Promise<Record<string, unknown>>;
  /** The client goes. */
  hangUp(): void;
}

/** Calls a streaming handler as API Gateway does, and takes its answer apart: JSON, eight NUL bytes, body. */
export async function request(handler: unknown, { method = 'GET', ...rest }: GatewayRequest): Promise<GatewayResponse> {
  const stream = new PassThrough({ highWaterMark: 1_024 });
  const done = (handler as StreamedHandler)(eventOf(method, rest), stream, {} as Context);
  const chunks = stream[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const { value, done: over } = await chunks.next();
    if (over) {
      await done;
      throw new Error('502: the function ended without a status');
    }
    head = Buffer.concat([head, value as Buffer]);
    end = head.indexOf(Buffer.alloc(8));
  }
  const metadata = JSON.parse(head.subarray(0, end).toString()) as ResponseMetadata;
  async function* parts(): AsyncIterable<string> {
    const rest = head.subarray(end + 8);
    if (rest.length > 0) yield rest.toString();
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield (next.value as Buffer).toString();
    await done;
  }
  const whole = async (): Promise<string> => {
    let text = '';
    for await (const part of parts()) text += part;
    return text;
  };
  return {
    ...metadata,
    parts: parts(),
    text: whole,
    json: async () => JSON.parse(await whole()) as Record<string, unknown>,
    hangUp: () => stream.destroy(),
  };
}

/** "Input format of a Lambda function for proxy integration" (API Gateway Developer Guide). */
function eventOf(httpMethod: string, { path, headers = {}, body, query, userArn }: Omit<GatewayRequest, 'method'>): APIGatewayProxyEvent {
  const sent = {
    Accept: '*/*',
    Host: 'abcdefghij.execute-api.us-east-1.amazonaws.com',
    'User-Agent': 'tester',
    'X-Amzn-Trace-Id': 'Root=1-5e66d96f-7491f09xmpl79d18acf3d050',
    'X-Forwarded-For': '192.0.2.1',
    'X-Forwarded-Port': '443',
    'X-Forwarded-Proto': 'https',
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...headers,
  };
  const many = (values: { [name: string]: string }) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]]));
  const service = path.startsWith('/svc/');
  return {
    resource: service ? '/svc/{proxy+}' : '/{proxy+}',
    path,
    httpMethod,
    headers: sent,
    multiValueHeaders: many(sent),
    queryStringParameters: query ?? null,
    multiValueQueryStringParameters: query ? many(query) : null,
    pathParameters: { proxy: path.slice(service ? 5 : 1) },
    stageVariables: null,
    requestContext: {
      accountId: '123456789012',
      apiId: 'abcdefghij',
      authorizer: null,
      domainName: 'abcdefghij.execute-api.us-east-1.amazonaws.com',
      domainPrefix: 'abcdefghij',
      extendedRequestId: 'JKJaXmPLvHcESHA=',
      httpMethod,
      identity: {
        accessKey: null,
        accountId: userArn === undefined ? null : '123456789012',
        apiKey: null,
        apiKeyId: null,
        caller: userArn === undefined ? null : 'AIDACKCEVSQ6C2EXAMPLE',
        clientCert: null,
        cognitoAuthenticationProvider: null,
        cognitoAuthenticationType: null,
        cognitoIdentityId: null,
        cognitoIdentityPoolId: null,
        principalOrgId: null,
        sourceIp: '192.0.2.1',
        user: userArn === undefined ? null : 'AIDACKCEVSQ6C2EXAMPLE',
        userAgent: 'tester',
        userArn: userArn ?? null,
      },
      path: `/live${path}`,
      protocol: 'HTTP/1.1',
      requestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
      requestTime: '10/Mar/2026:00:03:59 +0000',
      requestTimeEpoch: 1_773_100_000_000,
      resourceId: '2gxmpl',
      resourcePath: service ? '/svc/{proxy+}' : '/{proxy+}',
      stage: 'live',
    },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    isBase64Encoded: false,
  };
}
