// Every route of the API.

import { defineRoutes } from '../../http/index.ts';
import { ADMINISTRATION_ROUTES } from './administration.ts';
import { RUN_ROUTES } from './runs.ts';
import { WORKFLOW_ROUTES } from './workflows.ts';

export { IDEMPOTENCY_KEY, RUN_ROUTES } from './runs.ts';

export const ROUTES = defineRoutes({ ...RUN_ROUTES, ...WORKFLOW_ROUTES, ...ADMINISTRATION_ROUTES });

export type ApiRoutes = typeof ROUTES;
