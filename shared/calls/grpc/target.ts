// Where a gRPC service is: `host:port`.

import type { ServiceConfig } from '../../protocol/step-message.ts';
import { badConfiguration } from '../failure.ts';
import { isAllowedHost } from '../http/endpoint.ts';
import { describeParts, type Environment, joinParts, type Names } from '../parts.ts';

export interface GrpcTarget {
  /** As in a certificate: without brackets. Addresses in their usual spelling, whatever the file's was. */
  hostname: string;
  port: string;
  /** `grpc://host:port`. */
  origin: string;
}

/**
 * Where the endpoint of a service leads.
 * @throws {CallFailure} BadConfiguration: not `host:port`, or a host from data that is not one of `allow_hosts`.
 */
export function grpcTarget(service: ServiceConfig, names: Names): GrpcTarget {
  const target = parseTarget(joinParts(service.endpoint, names), service.name);
  const fromValue = service.endpoint.some((part) => typeof part !== 'string' && 'v' in part);
  if (fromValue && !isAllowedHost(target.hostname, target.port, service.allowHosts ?? [])) {
    throw badConfiguration(
      `service "${service.name}": the host that its endpoint was given is not one of its allow_hosts: add it there if it may be called`,
    );
  }
  return target;
}

/** The key of breaker and pool. A host that is a secret is shown by its name. */
export function grpcOrigin(service: ServiceConfig, environment: Environment): string {
  if (service.endpoint.some((part) => typeof part !== 'string' && 'secret' in part)) return `grpc://${describeParts(service.endpoint)}`;
  return grpcTarget(service, {
    env: (name) => environment.env(name) ?? missing(service, name),
    secret: () => '',
    secrets: new Map(),
  }).origin;
}

function parseTarget(text: string, service: string): GrpcTarget {
  const hostPort = text.replace(/^grpcs?:\/\//i, '').replace(/\/$/, '');
  // As a special URL, so that 0x7f.1 and 2130706433 are read as the addresses that they are.
  const url = /^(?:\[[^\]]+\]|[^:/?#@\\\s]+):\d+$/.test(hostPort) ? URL.parse(`http://${hostPort}`) : null;
  if (!url || url.hostname === '')
    throw badConfiguration(`service "${service}": its endpoint is not host:port, as in payments.internal:50051`);
  const port = url.port === '' ? '80' : url.port;
  return { hostname: url.hostname.replace(/^\[|\]$/g, ''), port, origin: `grpc://${url.hostname}:${port}` };
}

function missing(service: ServiceConfig, name: string): never {
  throw badConfiguration(`service "${service.name}": env.${name}, which its endpoint uses, is not set`);
}
