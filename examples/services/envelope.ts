// The gRPC envelope of proto/maestro/v1/maestro.proto: loading it, and JSON to and from google.protobuf.Struct.

import { fileURLToPath } from 'node:url';
import { loadSync, type MessageTypeDefinition, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { isJsonObject, type Json, type JsonObject } from './json.ts';

const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));
const STRUCT_URL = 'type.googleapis.com/google.protobuf.Struct';

/** A google.protobuf.Any on the wire. */
interface AnyMessage {
  type_url: string;
  value: Uint8Array;
}

export interface ServiceRequest {
  method: string;
  payload: AnyMessage | null;
  headers: { [name: string]: string };
  correlation_id: string;
  workflow_id: string;
  step_id: string;
}

export interface ServiceResponse {
  success: boolean;
  data?: AnyMessage;
  error?: string;
  metadata?: { [name: string]: string };
}

/** A google.protobuf.Value as proto-loader shows it: exactly one of these is set. */
interface ValueMessage {
  nullValue?: number;
  numberValue?: number;
  stringValue?: string;
  boolValue?: boolean;
  structValue?: StructMessage;
  listValue?: { values?: ValueMessage[] };
}

interface StructMessage {
  fields?: { [name: string]: ValueMessage };
}

export interface Envelope {
  service: ServiceDefinition;
  pack(value: JsonObject): AnyMessage;
  unpack(any: AnyMessage | null): JsonObject;
}

/** Loads the envelope. Throws when the proto files are not beside the examples. */
export function loadEnvelope(): Envelope {
  const options = { includeDirs: [PROTO_ROOT], keepCase: true, longs: Number, defaults: true, arrays: true, objects: true };
  const service = loadSync('maestro/v1/maestro.proto', options)['maestro.v1.MaestroService'];
  // Here without defaults, so that a Value holds only the one kind that was sent.
  const struct = messageType(loadSync('google/protobuf/struct.proto', { longs: Number }), 'google.protobuf.Struct');
  if (service === undefined || !isService(service)) throw new Error('maestro.proto declares no service maestro.v1.MaestroService');
  return {
    service,
    pack: (value) => ({ type_url: STRUCT_URL, value: struct.serialize(toStruct(value)) }),
    unpack: (any) => (any === null || any.value.length === 0 ? {} : fromStruct(struct.deserialize(Buffer.from(any.value)))),
  };
}

function isService(definition: PackageDefinition[string]): definition is ServiceDefinition {
  return !('format' in definition);
}

function messageType(definitions: PackageDefinition, name: string): MessageTypeDefinition<object, object> {
  const found = definitions[name];
  if (found === undefined || !('serialize' in found)) throw new Error(`there is no message ${name}`);
  return found as MessageTypeDefinition<object, object>;
}

function toStruct(value: JsonObject): StructMessage {
  return { fields: Object.fromEntries(Object.entries(value).map(([key, held]) => [key, toValue(held)])) };
}

function toValue(value: Json): ValueMessage {
  if (value === null) return { nullValue: 0 };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Array.isArray(value) ? { listValue: { values: value.map(toValue) } } : { structValue: toStruct(value) };
}

function fromStruct(message: StructMessage): JsonObject {
  return Object.fromEntries(Object.entries(message.fields ?? {}).map(([key, held]) => [key, fromValue(held)]));
}

function fromValue(value: ValueMessage): Json {
  if (value.numberValue !== undefined) return value.numberValue;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.structValue !== undefined) return fromStruct(value.structValue);
  if (value.listValue !== undefined) return (value.listValue.values ?? []).map(fromValue);
  return null;
}

/** An operation's answer as the envelope wants it: the Struct of an object, any other value under `result`. */
export function answerObject(value: Json): JsonObject {
  return isJsonObject(value) ? value : { result: value };
}
