// Where a request goes: its path without what API Gateway put before it, and how paths of routes are matched.

import type { APIGatewayProxyEvent } from 'aws-lambda';
import { ApiError } from '../../shared/contract/index.ts';
import { editDistance } from '../../shared/edit-distance.ts';
import type { RouteDefinition, Routes } from './route.ts';

const MAX_PATH_CHARS = 2_048;
/** Below it API Gateway has checked a signature (IAM). */
const SERVICE_PREFIX = '/svc';
/** A path further away than this from every route is not a slip of the keyboard. */
const NEAR = 6;
/** Longer paths are not compared with the routes. */
const MAX_COMPARED_CHARS = 120;

export interface RequestPath {
  /** The route's: percent-encoded as it came. */
  path: string;
  /** What stands before it in the URL that the client used. */
  base: string;
  /** Below `/svc`. */
  service: boolean;
}

/**
 * Reads the path of an event. A custom domain's base path is in `path` and `requestContext.path`, a stage in `requestContext.path`
 * alone.
 * @throws ApiError bad_request for a path that is no valid or no plain path
 */
export function readPath({ path, resource, pathParameters, requestContext }: APIGatewayProxyEvent): RequestPath {
  checkPath(path);
  const above = mountOf(path, resource, pathParameters);
  const inside = path.slice(above.length) || '/';
  const outer = requestContext.path.endsWith(path) ? requestContext.path.slice(0, -path.length) : '';
  const service = inside === SERVICE_PREFIX || inside.startsWith(`${SERVICE_PREFIX}/`);
  return {
    path: service ? inside.slice(SERVICE_PREFIX.length) || '/' : inside,
    base: `${outer}${above}${service ? SERVICE_PREFIX : ''}`,
    service,
  };
}

/** What stands before the resource that API Gateway matched, its parameters filled in. The path is encoded; the parameters may be or not. */
function mountOf(path: string, resource: string, params: APIGatewayProxyEvent['pathParameters']): string {
  const matched = resource.replace(/\{(\w+)\+?\}/g, (_whole, name: string) => params?.[name] ?? '');
  if (matched.length <= 1) return '';
  const whole = path.endsWith(matched) ? path : decodeSegment(path);
  const above = whole.endsWith(matched) ? whole.slice(0, -matched.length) : '';
  return path.startsWith(above) ? above : '';
}

function checkPath(path: string): void {
  if (path.length > MAX_PATH_CHARS) throw refused(`it has more than ${MAX_PATH_CHARS} characters`);
  if (!path.startsWith('/')) throw refused('it does not begin with a slash');
  for (const segment of path.split('/')) {
    const text = decodeSegment(segment);
    if (text === '.' || text === '..') throw refused('it has a segment of dots');
    if (/\p{Cc}/u.test(text)) throw refused('it has a control character');
  }
}

/** @throws ApiError bad_request */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw refused('its percent-encoding is not valid', error);
  }
}

function refused(what: string, cause?: unknown): ApiError {
  return new ApiError('bad_request', `path: ${what}; expected one of the paths in /openapi.json.`, { cause });
}

/** The route's path for middy's router, whose parameter with slashes is called `proxy` and stands at the end. */
export function routerPath(path: string): string {
  return path.replace(/\{\w+\+\}.*$/, '{proxy+}');
}

/** The parameters of a matched route, decoded; undefined where what follows a parameter with slashes is not the route's. */
export function pathParams(
  route: RouteDefinition,
  matched: { [name: string]: string | undefined },
): { [name: string]: string } | undefined {
  const params: { [name: string]: string } = {};
  const [tail = ''] = /(?<=\+\}).*$/.exec(route.path) ?? [];
  for (const [, name = '', greedy] of route.path.matchAll(/\{(\w+)(\+)?\}/g)) {
    const text = matched[greedy ? 'proxy' : name] ?? '';
    if (greedy && !text.endsWith(tail)) return undefined;
    params[name] = decodeSegment(greedy ? text.slice(0, text.length - tail.length) : text);
  }
  return params;
}

/** Why no route was found: another method (405), or no such path (404), with the nearest one. */
export function noRoute(routes: Routes, method: string, path: string): ApiError {
  const known = Object.values(routes);
  const allowed = known.filter((route) => matcher(route.path).test(path)).map((route) => route.method);
  if (allowed.length > 0) {
    const allow = [...new Set(allowed.flatMap((each) => (each === 'GET' ? ['GET', 'HEAD'] : [each])))];
    return new MethodError(method, allow);
  }
  const near = nearest(known, path);
  return new ApiError(
    'not_found',
    `there is no such path${near ? `; did you mean ${near}?` : ', see /openapi.json for those that there are.'}`,
  );
}

/** A path that is there, for other methods. */
export class MethodError extends ApiError {
  readonly allow: string;

  constructor(method: string, allow: readonly string[]) {
    super(
      'method_not_allowed',
      `${/^[A-Z]{1,16}$/.test(method) ? method : 'this method'} is not for this path; expected ${allow.join(' or ')}.`,
    );
    this.allow = allow.join(', ');
  }
}

function matcher(path: string): RegExp {
  const escaped = path
    .replace(/[.]/g, '\\.')
    .replace(/\{\w+\+\}/g, '.+')
    .replace(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${escaped}/?$`);
}

/** The nearest path by its fixed parts: a parameter is as good as any segment. */
function nearest(routes: readonly RouteDefinition[], path: string): string | undefined {
  if (path.length > MAX_COMPARED_CHARS) return undefined;
  const segments = path.split('/');
  let best: { path: string; distance: number } | undefined;
  for (const route of routes) {
    const filled = route.path
      .split('/')
      .map((part, index) => (part.startsWith('{') ? (segments[index] ?? part) : part))
      .join('/');
    const distance = editDistance(path, filled);
    if (distance <= NEAR && (!best || distance < best.distance))
      best = { path: `${route.method} ${route.path.replace('+}', '}')}`, distance };
  }
  return best?.path;
}
