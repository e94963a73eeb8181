// A request on its way through the pipeline: API Gateway's event, and what has become known of it.

import type { APIGatewayProxyEvent } from 'aws-lambda';
import type { RequestSource } from '../../shared/orchestrate/index.ts';

export interface Exchange {
  source: RequestSource;
  signal: AbortSignal | undefined;
  base: string;
  /** It came in below `/svc`. */
  service: boolean;
  /** A body that comes in parts: API Gateway's result type has no place for it. */
  stream: AsyncIterable<string> | undefined;
}

export type ApiEvent = APIGatewayProxyEvent & { exchange: Exchange };
