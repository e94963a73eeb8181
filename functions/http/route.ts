// What a route is: one definition from which the router, the checks of a request and the OpenAPI document are made.

import type * as z from 'zod';
import type { ErrorCode } from '../../shared/contract/index.ts';
import type { Caller, RequestSource } from '../../shared/orchestrate/index.ts';
import type { ApiResponse } from './response.ts';

/**
 * Who may use a route.
 *   public    anybody
 *   token     whoever knows the one-time token in the path
 *   read      any key: every scope includes `read`
 *   run       scope `run` or `admin`
 *   admin     scope `admin`, for what belongs to the key's own tenant
 *   operator  scope `admin` of tenant `default`, for what all tenants share
 *   legacy    loopback callers in local mode, IAM callers on AWS; keys do not open it
 */
export type Access = 'public' | 'token' | 'read' | 'run' | 'admin' | 'operator' | 'legacy';

export interface AnswerDefinition {
  description: string;
  /** Left out: no body, or one that `type` or `event` describes. */
  schema?: z.ZodType;
  /** Media type; default JSON where there is a schema. */
  type?: string;
  /** It may also be answered as server-sent events: the shape of one. */
  event?: z.ZodType;
}

export interface JsonBody {
  kind: 'json';
  schema: z.ZodType;
  /** What an empty body means; left out: there must be one. */
  empty?: null | Record<string, never>;
}

export interface TextBody {
  kind: 'text';
  types: readonly string[];
  description: string;
}

export interface RouteDefinition {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With parameters as `{name}`; `{name+}` may hold slashes. */
  path: string;
  access: Access;
  tag: string;
  summary: string;
  description?: string;
  deprecated?: true;
  params?: z.ZodObject;
  query?: z.ZodObject;
  /** Headers that the handler reads, for the document. */
  headers?: { readonly [name: string]: { description: string; schema: z.ZodType } };
  body?: JsonBody | TextBody;
  answers: { readonly [status: number]: AnswerDefinition };
  /** Refusals of its own, beside those that authentication and the checks of the request give. */
  refusals?: readonly ErrorCode[];
}

/** By operation: the name of a route in the document, and of its handler. */
export interface Routes {
  readonly [operation: string]: RouteDefinition;
}

/** A request after all checks. */
export interface ApiRequest<R extends RouteDefinition> {
  caller: R['access'] extends 'public' | 'token' ? undefined : Caller;
  source: RequestSource;
  params: Parsed<R, 'params'>;
  query: Parsed<R, 'query'>;
  body: R extends { body: { schema: infer S extends z.ZodType } } ? z.output<S> : R extends { body: TextBody } ? string : undefined;
  /** @param name in lower case */
  header(name: string): string | undefined;
  /** Aborted when the client has gone. */
  signal: AbortSignal | undefined;
  /** What stands before the route's path in the URL that the client used: a stage, a base path, `/svc`. */
  base: string;
}

type Parsed<R extends RouteDefinition, K extends 'params' | 'query'> = R extends { [key in K]: infer S extends z.ZodType }
  ? z.output<S>
  : undefined;

export type Handlers<T extends Routes> = { [Operation in keyof T]: (request: ApiRequest<T[Operation]>) => Promise<ApiResponse> };

/** Keeps the literal types of a table, which `Handlers` is made from. */
export function defineRoutes<const T extends Routes>(routes: T): T {
  return routes;
}
