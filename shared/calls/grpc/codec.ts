// What a gRPC call sends and how its answer is read: a method's path, JSON to bytes, bytes to JSON.

import { type DescMessage, fromBinary, fromJson, type Registry, toBinary, toJson } from '@bufbuild/protobuf';
import { isJsonObject, type Json } from '../../json.ts';
import { badConfiguration, CallFailure } from '../failure.ts';
import type { CallRequest } from '../types.ts';
import { registryOf, unpackDescriptors } from './descriptors.ts';
import { ENVELOPE_PROTO } from './generated/protocols.ts';

export interface Codec {
  /** `/package.Service/Method` */
  path: string;
  /** @throws {CallFailure} BadConfiguration, naming the field that does not fit; never its value. */
  encode(input: Json | undefined): Uint8Array;
  /** @throws {CallFailure} The service refused (envelope), or the answer cannot be read (`unusable`). */
  decode(answer: Uint8Array): Json;
}

/** JSON of any depth that a workflow can hold; far below what the stack can. */
const MAX_DEPTH = 500;
const ENVELOPE_PATH = '/maestro.v1.MaestroService/Execute';

const envelopeRegistry = registryOf(unpackDescriptors(ENVELOPE_PROTO));
const requestSchema = messageType(envelopeRegistry, 'maestro.v1.ServiceRequest');
const responseSchema = messageType(envelopeRegistry, 'maestro.v1.ServiceResponse');

/**
 * Maestro's envelope around a bare method name.
 * @param method The name, resolved.
 * @param headers Goes into the envelope as it goes into metadata.
 */
export function envelopeCodec(request: CallRequest, method: string, headers: Record<string, string>): Codec {
  return {
    path: ENVELOPE_PATH,
    encode(input) {
      const payload = input ?? {};
      const type = isJsonObject(payload) ? 'Struct' : 'Value';
      return encodeJson(requestSchema, envelopeRegistry, {
        method,
        payload: { '@type': `type.googleapis.com/google.protobuf.${type}`, value: payload },
        headers,
        correlationId: request.runId,
        workflowId: request.workflow ?? '',
        stepId: request.stepId,
      });
    },
    decode(answer) {
      const response = parse(responseSchema, answer, envelopeRegistry);
      if (!isJsonObject(response)) throw unreadable('its answer is not a ServiceResponse');
      if (response['success'] !== true) {
        const said = typeof response['error'] === 'string' ? response['error'] : '';
        throw new CallFailure('Maestro.ServiceRejected', 'answered success: false', { detail: { status: 'REJECTED', body: said } });
      }
      return unwrapAny(response['data'] ?? null);
    },
  };
}

/** A method of the service's own. */
export function nativeCodec(path: string, input: DescMessage, output: DescMessage, registry: Registry): Codec {
  return {
    path,
    encode: (value) => encodeJson(input, registry, value ?? {}),
    decode: (answer) => parse(output, answer, registry),
  };
}

/** A message's type; it is there, or the descriptors are not the ones that the code was written for. */
export function messageType(registry: Registry, name: string): DescMessage {
  const type = registry.getMessage(name);
  if (!type) throw new Error(`message ${name} is missing from its descriptors`);
  return type;
}

function encodeJson(schema: DescMessage, registry: Registry, value: Json): Uint8Array {
  try {
    return toBinary(schema, fromJson(schema, value, { registry, recursionLimit: MAX_DEPTH }));
  } catch (error) {
    throw badConfiguration(`the input cannot be sent as ${schema.typeName}: ${withoutValue(error)}`);
  }
}

function parse(schema: DescMessage, bytes: Uint8Array, registry: Registry): Json {
  try {
    // Fields that have their default value are kept: `approved: false` and `count: 0` are answers.
    return toJson(schema, fromBinary(schema, bytes, { recursionLimit: MAX_DEPTH }), { registry, alwaysEmitImplicit: true });
  } catch (error) {
    const unknownType = /"?([\w./]+)"? is not in the type registry/.exec(error instanceof Error ? error.message : '');
    throw unreadable(
      unknownType ? `its answer holds ${unknownType[1]}, whose type is not known` : `its answer is not a ${schema.typeName}`,
    );
  }
}

/** In JSON an `Any` is the message's fields beside `@type`; a type with a JSON form of its own (Struct, Value, wrappers …) stands in `value`. */
function unwrapAny(data: Json): Json {
  if (!isJsonObject(data)) return null;
  const type = typeof data['@type'] === 'string' ? data['@type'] : '';
  if (type.endsWith('/google.protobuf.Empty') || type === '') return null;
  return Object.hasOwn(data, 'value') && type.includes('google.protobuf.') ? (data['value'] ?? null) : data;
}

function unreadable(what: string): CallFailure {
  return new CallFailure('Maestro.BadResponse', what, { outcome: 'unusable' });
}

/** The library's message names the field and then shows the value; only the first half may be repeated. */
function withoutValue(error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  const unknownKey = /^cannot decode (.+?) from JSON: (key "[^"]*" is unknown)$/.exec(text);
  if (unknownKey) return `${unknownKey[2]} in ${unknownKey[1]}`;
  const notRegistered = /([\w./]+) is not in the type registry/.exec(text);
  if (notRegistered) return `type ${notRegistered[1]} is not known`;
  const field = /^cannot decode (.+?) from JSON/.exec(text);
  return field ? `the value of ${field[1]} is not of its type` : 'a value is not of its type';
}
