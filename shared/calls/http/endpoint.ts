// From an endpoint's parts to where the call goes. A value from data may fill the path of an endpoint; scheme and host only where the service
// lists `allow_hosts`, and then the host has to be one of them.

import type { Part, ServiceConfig } from '../../protocol/step-message.ts';
import { badConfiguration } from '../failure.ts';
import { describeParts, type Environment, type Names, partText } from '../parts.ts';
import { joinPath } from './path.ts';

export interface HttpEndpoint {
  /** `http://host:port`, the port always written. */
  origin: string;
  /** Path without a trailing `/`. */
  path: string;
  /** Query without `?`; empty where there is none. */
  query: string;
}

/** Scheme and host are complete when this much has been read. */
const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]*[/?#\\]/i;
/** Parsed endpoints kept: far more than one process calls, and a bound for endpoints made from data. */
const MAX_CACHED = 1000;

const parsed = new Map<string, HttpEndpoint>();

/**
 * Where the endpoint of a service leads.
 * @throws {CallFailure} BadConfiguration: not an http(s) URL, user and password in it, or a host that is not allowed.
 */
export function httpEndpoint(service: ServiceConfig, names: Names): HttpEndpoint {
  const [only] = service.endpoint;
  if (service.endpoint.length === 1 && typeof only === 'string')
    return parsed.get(only) ?? remember(only, parseEndpoint(only, service.name));
  const { text, hostFromValue } = joinEndpoint(service.endpoint, names);
  const endpoint = parsed.get(text) ?? remember(text, parseEndpoint(text, service.name));
  if (hostFromValue) checkAllowed(new URL(endpoint.origin), service);
  return endpoint;
}

/**
 * The key of breaker and pool. No secret is looked up for it: where the host itself is a secret, its name stands in the key.
 * @throws {CallFailure} As `httpEndpoint`.
 */
export function httpOrigin(service: ServiceConfig, environment: Environment): string {
  const [only] = service.endpoint;
  if (service.endpoint.length === 1 && typeof only === 'string') {
    return (parsed.get(only) ?? remember(only, parseEndpoint(only, service.name))).origin;
  }
  // A secret after scheme and host does not matter here; one inside them makes the key a name.
  const names: Names = {
    env: (name) => environment.env(name) ?? missing(service, name),
    secret: (name) => `{secret.${name}}`,
    secrets: new Map(),
  };
  const { text, hostFromValue, secretInHost } = joinEndpoint(service.endpoint, names);
  if (secretInHost) return describeParts(service.endpoint);
  const { origin } = parseEndpoint(text, service.name);
  if (hostFromValue) checkAllowed(new URL(origin), service);
  return origin;
}

/** True if a host (with port) is one that a list of `host`, `host:port` or `*.host` names. An entry without a port allows every port. */
export function isAllowedHost(hostname: string, port: string, allowed: readonly string[]): boolean {
  const bare = hostname.replace(/\.$/, '').toLowerCase();
  return allowed.some((entry) => {
    const [, host = '', entryPort] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (entryPort !== undefined && entryPort !== port) return false;
    return host.startsWith('*.') ? bare.endsWith(host.slice(1)) && bare.length > host.length - 1 : bare === host;
  });
}

function joinEndpoint(parts: readonly Part[], names: Names): { text: string; hostFromValue: boolean; secretInHost: boolean } {
  let text = '';
  let hostFromValue = false;
  let secretInHost = false;
  for (const part of parts) {
    if (AUTHORITY.test(text)) {
      // Names are the operator's and stand as they are; values are encoded like those of a path.
      text = typeof part === 'string' || !('v' in part) ? text + partText(part, names) : joinPath([part], names, text);
      continue;
    }
    if (typeof part !== 'string') {
      if ('v' in part) hostFromValue = true;
      if ('secret' in part) secretInHost = true;
    }
    text += partText(part, names);
  }
  return { text, hostFromValue, secretInHost };
}

function parseEndpoint(text: string, service: string): HttpEndpoint {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw badConfiguration(`service "${service}": its endpoint is not a URL that begins with http:// or https://`);
  }
  if (url.username !== '' || url.password !== '') {
    throw badConfiguration(`service "${service}": its endpoint carries a user or password: send them in a header, from secret.NAME`);
  }
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return {
    origin: `${url.protocol}//${url.hostname}:${port}`,
    path: url.pathname.replace(/\/+$/, ''),
    query: url.search.slice(1),
  };
}

function checkAllowed(origin: URL, service: ServiceConfig): void {
  const port = origin.port === '' ? (origin.protocol === 'https:' ? '443' : '80') : origin.port;
  if (isAllowedHost(origin.hostname, port, service.allowHosts ?? [])) return;
  throw badConfiguration(
    `service "${service.name}": the host that its endpoint was given is not one of its allow_hosts: add it there if it may be called`,
  );
}

function remember(text: string, endpoint: HttpEndpoint): HttpEndpoint {
  if (parsed.size >= MAX_CACHED) parsed.clear();
  parsed.set(text, endpoint);
  return endpoint;
}

function missing(service: ServiceConfig, name: string): never {
  throw badConfiguration(`service "${service.name}": env.${name}, which its endpoint uses, is not set`);
}
