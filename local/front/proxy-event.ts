// An HTTP request as API Gateway hands it to a Lambda: the REST API's proxy integration.

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { APIGatewayEventIdentity, APIGatewayProxyEvent } from 'aws-lambda';

/** Addresses of IPv4 come with this in front where the socket listens for both. */
const MAPPED = '::ffff:';
const ACCOUNT = '000000000000';
const NOBODY: Omit<APIGatewayEventIdentity, 'sourceIp' | 'userAgent'> = {
  accessKey: null,
  accountId: null,
  apiKey: null,
  apiKeyId: null,
  caller: null,
  clientCert: null,
  cognitoAuthenticationProvider: null,
  cognitoAuthenticationType: null,
  cognitoIdentityId: null,
  cognitoIdentityPoolId: null,
  principalOrgId: null,
  user: null,
  userArn: null,
};

type Values = { [name: string]: string[] };

/**
 * The event of a request whose body has been read. Names keep the case in which they were sent; where a name stands twice, `headers` and
 * `queryStringParameters` hold the last value and the `multiValue…` fields all (as API Gateway does).
 * @param nowMs epoch ms
 */
export function toProxyEvent(request: IncomingMessage, body: Buffer, requestId: string, nowMs: number): APIGatewayProxyEvent {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const multiValueHeaders = headersOf(request.rawHeaders);
  const query = mark === -1 || mark === target.length - 1 ? null : queryOf(target.slice(mark + 1));
  const httpMethod = request.method ?? 'GET';
  const text = body.length === 0 ? null : isUtf8(body) ? body.toString('utf8') : undefined;
  return {
    resource: '/{proxy+}',
    path,
    httpMethod,
    headers: lastOf(multiValueHeaders),
    multiValueHeaders,
    queryStringParameters: query && lastOf(query),
    multiValueQueryStringParameters: query,
    pathParameters: { proxy: path.slice(1) },
    stageVariables: null,
    body: text === undefined ? body.toString('base64') : text,
    isBase64Encoded: text === undefined,
    requestContext: {
      accountId: ACCOUNT,
      apiId: 'local',
      authorizer: {},
      protocol: `HTTP/${request.httpVersion}`,
      httpMethod,
      identity: { ...NOBODY, sourceIp: addressOf(request), userAgent: request.headers['user-agent'] ?? null },
      path,
      stage: 'local',
      requestId,
      requestTimeEpoch: nowMs,
      resourceId: 'local',
      resourcePath: '/{proxy+}',
    },
  };
}

/** Without a prototype: a header may be called `__proto__`. */
function headersOf(raw: readonly string[]): Values {
  const values: Values = Object.create(null);
  for (let index = 0; index + 1 < raw.length; index += 2) add(values, raw[index] ?? '', raw[index + 1] ?? '');
  return values;
}

function queryOf(text: string): Values {
  const values: Values = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) add(values, name, value);
  return values;
}

function add(values: Values, name: string, value: string): void {
  const known = values[name];
  if (known) known.push(value);
  else values[name] = [value];
}

function lastOf(values: Values): { [name: string]: string } {
  const last: { [name: string]: string } = Object.create(null);
  for (const name in values) last[name] = values[name]?.at(-1) ?? '';
  return last;
}

function addressOf({ socket: { remoteAddress = '' } }: IncomingMessage): string {
  return remoteAddress.startsWith(MAPPED) ? remoteAddress.slice(MAPPED.length) : remoteAddress;
}
