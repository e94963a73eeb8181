// A service and a request as the step function gets them: defaults left out, headers and endpoint as parts.

import type { Json, JsonObject } from '../json.ts';
import { LAMBDA_TRANSIENT } from '../protocol/errors.ts';
import type { Expr, Method, Retry, Service, TextPart } from '../workflow/index.ts';
import type { Scope } from './expression/index.ts';
import { expressionCode, literalValue, wrap } from './expression/index.ts';
import type { Context } from './scope.ts';

/** The defaults of 2-language: what is left out of a message. */
const DEFAULTS = { timeoutMs: 30_000, retryMaxMs: 30_000, pool: 5, ratio: 0.6, min: 3, windowMs: 10_000, openMs: 30_000, probes: 3 };

/** `ServiceConfig` as a template value: a variable's where nothing in it is a template. */
export function serviceValue(context: Context, service: Service, scope: Scope): Json {
  const config = serviceConfig(service, scope, context.protos[service.name]);
  const texts = [service.endpoint, ...service.headers.map(([, parts]) => parts)].flat();
  const constant = texts.every((part) => typeof part === 'string' || part.kind === 'env' || part.kind === 'secret');
  return constant ? context.shared.service(service.name, config) : config;
}

function serviceConfig(service: Service, scope: Scope, proto: string | undefined): JsonObject {
  const config: JsonObject = { name: service.name, type: service.type, endpoint: partValues(service.endpoint, scope) };
  if (service.timeoutMs !== DEFAULTS.timeoutMs) config.timeout = service.timeoutMs;
  if (service.retry.maxMs !== DEFAULTS.retryMaxMs) config.retryMax = service.retry.maxMs;
  if (service.headers.length > 0)
    config.headers = service.headers.map(([name, parts]) => ({ name: literalValue(name), value: partValues(parts, scope) }));
  const breaker = breakerConfig(service);
  if (breaker !== undefined) config.breaker = breaker;
  if (service.pool !== DEFAULTS.pool) config.pool = service.pool;
  if (service.idempotent) config.idempotent = true;
  if (service.allowHosts.length > 0) config.allowHosts = service.allowHosts.map((host) => literalValue(host));
  if (service.tls) config.tls = true;
  if (service.schema?.kind === 'reflection') config.reflection = true;
  if (service.schema?.kind === 'proto' && proto !== undefined) config.proto = proto;
  return config;
}

function breakerConfig(service: Service): Json | undefined {
  const { breaker } = service;
  if (breaker === null) return false;
  const config: JsonObject = {};
  if (breaker.ratio !== DEFAULTS.ratio) config.ratio = breaker.ratio;
  if (breaker.min !== DEFAULTS.min) config.min = breaker.min;
  if (breaker.windowMs !== DEFAULTS.windowMs) config.window = breaker.windowMs;
  if (breaker.openMs !== DEFAULTS.openMs) config.open = breaker.openMs;
  if (breaker.probes !== DEFAULTS.probes) config.probes = breaker.probes;
  return Object.keys(config).length > 0 ? config : undefined;
}

/** `verb` and `method` of a `CallSpec`. `value` makes an interpolated part. */
export function methodFields(method: Method | null, value: (expr: Expr) => Json): JsonObject {
  if (method === null) return {};
  const parts = method.text.map((part) => (typeof part === 'string' ? literalValue(part) : { v: value(part) }));
  return method.verb === null ? { method: parts } : { verb: method.verb, method: parts };
}

function partValues(parts: readonly TextPart[], scope: Scope): Json[] {
  return parts.map((part) => {
    if (typeof part === 'string') return literalValue(part);
    if (part.kind === 'env') return { env: part.name };
    if (part.kind === 'secret') return { secret: part.name };
    return { v: wrap(expressionCode(part, scope)) };
  });
}

/** A retrier for the given error names, or nothing where there is only one try. */
export function retrier(names: readonly string[], retry: Retry): JsonObject[] {
  if (retry.attempts <= 1) return [];
  const interval = Math.max(1, Math.ceil(retry.initialMs / 1000));
  const max = Math.ceil(retry.maxMs / 1000);
  return [
    {
      ErrorEquals: [...names],
      IntervalSeconds: interval,
      MaxAttempts: retry.attempts - 1,
      BackoffRate: retry.backoff === 'exponential' ? 2 : 1,
      ...(retry.backoff === 'exponential' && max > interval ? { MaxDelaySeconds: max } : {}),
      JitterStrategy: 'FULL',
    },
  ];
}

/** AWS's advice for transient errors of Lambda itself; throttling added. */
export const LAMBDA_RETRIER: JsonObject = {
  ErrorEquals: [...LAMBDA_TRANSIENT],
  MaxAttempts: 6,
  JitterStrategy: 'FULL',
};
