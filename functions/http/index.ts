// The public door of the HTTP pipeline.

export { isOperator } from './authenticate.ts';
export { MAX_BODY_BYTES } from './body.ts';
export { createHttp, type Http, type HttpOptions } from './create-http.ts';
export { type ApiResponse, emptyResponse, jsonResponse, textResponse } from './response.ts';
export { type Access, type ApiRequest, defineRoutes, type Handlers, type JsonBody, type RouteDefinition, type Routes } from './route.ts';
