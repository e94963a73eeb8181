// The public door of the API.

export { createApi } from './api.ts';
export { openApiDocument } from './open-api.ts';
export type { ApiOptions } from './options.ts';
