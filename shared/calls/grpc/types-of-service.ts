// Which codec a gRPC method has: the envelope for a bare name, else the service's own types from its proto file or from server reflection.

import type { Registry } from '@bufbuild/protobuf';
import type { Client, Metadata } from '@grpc/grpc-js';
import type { Clock } from '../../clock.ts';
import { badConfiguration } from '../failure.ts';
import type { CallRequest } from '../types.ts';
import { type Codec, envelopeCodec, nativeCodec } from './codec.ts';
import { registryOf, unpackDescriptors } from './descriptors.ts';
import { reflectService } from './reflection.ts';

/** How long what reflection said is used, ms: a service that is deployed anew may have other types. */
const REFLECTION_TTL_MS = 300_000;
/** Sets of types kept in memory. */
const MAX_CACHED = 64;

export interface ServiceTypes {
  /**
   * The codec of a method.
   * @throws {CallFailure} BadConfiguration: a name that is none, a method that does not exist (its message names those that do), or one that streams.
   */
  codec(request: CallRequest, method: string, headers: Record<string, string>, wire: Wire): Promise<Codec>;
  /** Asks the server again the next time: what it said does not fit any more. */
  forget(request: CallRequest, origin: string): void;
}

/** What server reflection needs. */
interface Wire {
  client: Client;
  metadata: Metadata;
  origin: string;
  /** Epoch ms. */
  deadlineMs: number;
}

export function createServiceTypes(clock: Clock): ServiceTypes {
  const fromProto = new Map<string, Registry>();
  const fromServer = new Map<string, { registry: Promise<Registry>; untilMs: number }>();

  const protoRegistry = (packed: string, service: string): Registry => {
    const known = fromProto.get(packed);
    if (known) return known;
    let registry: Registry;
    try {
      registry = registryOf(unpackDescriptors(packed));
    } catch (cause) {
      throw badConfiguration(
        `service "${service}": its proto is not a set of descriptors (${cause instanceof Error ? cause.name : 'unknown'}): compile the workflow again`,
      );
    }
    if (fromProto.size >= MAX_CACHED) fromProto.clear();
    fromProto.set(packed, registry);
    return registry;
  };

  const serverRegistry = (service: string, wire: Wire): Promise<Registry> => {
    const key = `${wire.origin} ${service}`;
    const known = fromServer.get(key);
    if (known && known.untilMs > clock.now()) return known.registry;
    const registry = reflectService(wire.client, service, wire.metadata, wire.deadlineMs);
    if (fromServer.size >= MAX_CACHED) fromServer.clear();
    fromServer.set(key, { registry, untilMs: clock.now() + REFLECTION_TTL_MS });
    registry.catch(() => fromServer.delete(key));
    return registry;
  };

  return {
    async codec(request, method, headers, wire) {
      if (!method.includes('/')) {
        if (method === '') throw badConfiguration(`service "${request.service.name}": its method is empty`);
        return envelopeCodec(request, method, headers);
      }
      const [, serviceName, methodName] = /^\/?([\w.]+)\/(\w+)$/.exec(method) ?? [];
      if (serviceName === undefined || methodName === undefined) {
        throw badConfiguration(`service "${request.service.name}": its method is neither a bare name nor package.Service/Method`);
      }
      const { proto } = request.service;
      if (proto === undefined && !request.service.reflection) {
        throw badConfiguration(
          `service "${request.service.name}": ${method} needs the service's types: add proto: ./file.proto or reflection: true`,
        );
      }
      const registry = proto === undefined ? await serverRegistry(serviceName, wire) : protoRegistry(proto, request.service.name);
      return methodCodec(registry, serviceName, methodName);
    },
    forget(request, origin) {
      for (const key of fromServer.keys()) if (request.service.reflection && key.startsWith(`${origin} `)) fromServer.delete(key);
    },
  };
}

function methodCodec(registry: Registry, serviceName: string, methodName: string): Codec {
  const service = registry.getService(serviceName);
  if (!service) {
    const names = [...registry].flatMap((type) => (type.kind === 'service' ? [type.typeName] : []));
    throw badConfiguration(`service ${serviceName} does not exist; there are: ${names.join(', ') || 'none'}`);
  }
  const method = service.methods.find(({ name }) => name === methodName);
  if (!method) {
    throw badConfiguration(
      `${serviceName} has no method ${methodName}; it has: ${service.methods.map(({ name }) => name).join(', ') || 'none'}`,
    );
  }
  if (method.methodKind !== 'unary') throw badConfiguration(`${serviceName}/${methodName} streams; a step can call unary methods only`);
  return nativeCodec(`/${serviceName}/${methodName}`, method.input, method.output, registry);
}
