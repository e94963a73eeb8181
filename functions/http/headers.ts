// The headers of a request: each of those that say something here stands once, whatever its spelling.

import type { APIGatewayProxyEvent } from 'aws-lambda';
import { ApiError } from '../../shared/contract/index.ts';

/** Two different values of one of these would be read one way here and another way elsewhere. */
const SINGLE = new Set([
  'authorization',
  'x-api-key',
  'x-maestro-tenant',
  'content-type',
  'content-encoding',
  'content-length',
  'host',
  'origin',
  'idempotency-key',
  'last-event-id',
]);

/** @throws ApiError bad_request for a header that is given twice with different values */
export function checkHeaders({ headers, multiValueHeaders }: APIGatewayProxyEvent): void {
  const seen = new Map<string, string>();
  const look = (name: string, value: string | undefined): void => {
    const lower = name.toLowerCase();
    if (value === undefined || !SINGLE.has(lower)) return;
    const before = seen.get(lower);
    if (before !== undefined && before !== value)
      throw new ApiError('bad_request', `header ${lower}: it is given twice with different values; expected it once.`);
    seen.set(lower, value);
  };
  // Either may be null: the console's test invocation sends neither.
  for (const [name, values] of Object.entries(multiValueHeaders ?? {})) for (const value of values ?? []) look(name, value);
  for (const [name, value] of Object.entries(headers ?? {})) look(name, value);
}

/** The value of a header, after the names were normalised. @param name in lower case */
export function headerOf({ headers, multiValueHeaders }: APIGatewayProxyEvent, name: string): string | undefined {
  const own = headers ?? {};
  if (Object.hasOwn(own, name)) return own[name];
  const many = multiValueHeaders ?? {};
  return Object.hasOwn(many, name) ? many[name]?.at(-1) : undefined;
}
