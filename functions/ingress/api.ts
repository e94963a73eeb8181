// The API: every route with its handler.

import { createHttp, type Http } from '../http/index.ts';
import { DOCS_STYLE_SOURCE } from './docs-page.ts';
import { administrationHandlers } from './handlers/administration.ts';
import { laterHandlers } from './handlers/later.ts';
import { runHandlers } from './handlers/runs.ts';
import { startHandlers } from './handlers/start.ts';
import { workflowHandlers } from './handlers/workflows.ts';
import type { ApiOptions } from './options.ts';
import { ROUTES } from './routes/index.ts';

/**
 * Makes the API: API Gateway's REST proxy event in, an answer out, whose body may come in parts.
 *
 * @example
 * const api = createApi({ service, keys, audit, catalog, breakers, bus, clock, ids, version: '1.0.0', local: false, report });
 * const { statusCode, headers, body } = await api.handle(event, { signal });
 */
export function createApi(options: ApiOptions): Http {
  const handlers = {
    ...startHandlers(options),
    ...runHandlers(options),
    ...workflowHandlers(options),
    ...administrationHandlers(options),
    ...laterHandlers(),
  };
  return createHttp(ROUTES, handlers, { ...options, styleSources: [DOCS_STYLE_SOURCE] });
}
