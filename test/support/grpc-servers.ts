// gRPC servers for tests. They handle bytes; what stands in them is read by protobufjs, another library than the one that the product uses.

import { readFileSync } from 'node:fs';
import {
  type Metadata,
  type MethodDefinition,
  type Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const ROOT = new URL('../../', import.meta.url);
const FOLDERS = ['proto/', 'test/fixtures/calls/'];

/** The text of a .proto file of the repository, by its import path. */
export function readProtoFile(path: string): string | undefined {
  for (const folder of FOLDERS) {
    try {
      return readFileSync(new URL(folder + path, ROOT), 'utf8');
    } catch {
      // In the next folder, or nowhere.
    }
  }
  return undefined;
}

/** Types of the repository's .proto files, as protobufjs reads them. */
export function protobufjsTypes(...paths: string[]): protobuf.Root {
  const root = new protobuf.Root();
  for (const path of paths) protobuf.parse(readProtoFile(path) ?? '', root, { keepCase: true });
  for (const path of ['any', 'duration', 'empty', 'field_mask', 'struct', 'timestamp', 'wrappers']) {
    const known = protobuf.common.get(`google/protobuf/${path}.proto`);
    if (known?.nested) root.addJSON(known.nested);
  }
  return root;
}

export type BytesHandler = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void;

const bytes = {
  requestSerialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
};

function definition(path: string, streams = false): MethodDefinition<Buffer, Buffer> {
  return { path, requestStream: streams, responseStream: streams, ...bytes };
}

/** Adds unary methods by their paths (`/billing.v1.Billing/Echo`). */
export function addMethods(server: Server, handlers: { [path: string]: BytesHandler }): void {
  server.addService(
    Object.fromEntries(Object.keys(handlers).map((path) => [path, definition(path)])),
    Object.fromEntries(Object.entries(handlers)) satisfies UntypedServiceImplementation,
  );
}

/** Starts a server on loopback; answers its port. */
export function startGrpc(server: Server, credentials = ServerCredentials.createInsecure()): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

export interface ReflectionOptions {
  version: 'v1' | 'v1alpha';
  /** Full name of the one service. */
  service: string;
  /** Serialized FileDescriptorProtos by file name. */
  files: ReadonlyMap<string, Buffer>;
  /** The file that the service stands in. */
  entry: string;
  /** Every question, and the metadata of every stream. */
  asked: unknown[];
  seen?: Metadata[];
}

/** Adds server reflection that hands out one file per question, so that imports have to be asked for. */
export function addReflection(server: Server, { version, service, files, entry, asked, seen }: ReflectionOptions): void {
  const types = protobufjsTypes('grpc/reflection/v1/reflection.proto');
  const question = types.lookupType('grpc.reflection.v1.ServerReflectionRequest');
  const answer = types.lookupType('grpc.reflection.v1.ServerReflectionResponse');
  const answerTo = (asks: { [key: string]: unknown }): object => {
    if (asks['list_services'] !== undefined) {
      return { list_services_response: { service: [{ name: service }, { name: `grpc.reflection.${version}.ServerReflection` }] } };
    }
    const name = asks['file_containing_symbol'] === service ? entry : String(asks['file_by_filename']);
    const file = files.get(name);
    return file
      ? { file_descriptor_response: { file_descriptor_proto: [file] } }
      : { error_response: { error_code: 5, error_message: 'no such file' } };
  };
  const handler = (stream: ServerDuplexStream<Buffer, Buffer>): void => {
    seen?.push(stream.metadata);
    stream.on('data', (message: Buffer) => {
      const asks: { [key: string]: unknown } = question.toObject(question.decode(message));
      asked.push(asks);
      stream.write(Buffer.from(answer.encode(answer.fromObject(answerTo(asks))).finish()));
    });
    stream.on('end', () => stream.end());
    stream.on('error', () => undefined);
  };
  const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
  server.addService({ [path]: definition(path, true) }, { [path]: handler });
}
