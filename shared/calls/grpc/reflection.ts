// A service's types, asked of the service itself: gRPC server reflection, version 1, else the older v1alpha. Read-only: a failure here means that
// the call was not made.

import { fromBinary, fromJson, type Registry, toBinary, toJson } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { type Client, type ClientDuplexStream, type Metadata, type ServiceError, status as Status } from '@grpc/grpc-js';
import { isJsonObject, type Json, type JsonObject } from '../../json.ts';
import { badConfiguration, CallFailure } from '../failure.ts';
import { messageType } from './codec.ts';
import { isWellKnownFile, registryOf, unpackDescriptors } from './descriptors.ts';
import { REFLECTION_PROTO } from './generated/protocols.ts';

/** The versions have the same messages under two names. */
const PATHS = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
];
/** Files that one service may need. */
const MAX_FILES = 500;

const registry = registryOf(unpackDescriptors(REFLECTION_PROTO));
const requestSchema = messageType(registry, 'grpc.reflection.v1.ServerReflectionRequest');
const responseSchema = messageType(registry, 'grpc.reflection.v1.ServerReflectionResponse');

/**
 * The types that a service is made of.
 * @param service Full name, `billing.v1.Billing`.
 * @param deadline Epoch ms.
 * @throws {CallFailure} BadConfiguration: no reflection, or no such service (its message names those that exist); else what keeps the server from answering.
 */
export async function reflectService(client: Client, service: string, metadata: Metadata, deadline: number): Promise<Registry> {
  for (const path of PATHS) {
    const stream = new ReflectionStream(client, path, metadata, deadline);
    try {
      return registryOf(await readFiles(stream, service));
    } catch (error) {
      const failure = asFailure(error, service);
      if (failure !== 'next version') throw failure;
    } finally {
      stream.end();
    }
  }
  throw badConfiguration('the server does not offer reflection: turn it on there, or give the service its proto file');
}

async function readFiles(stream: ReflectionStream, service: string): Promise<FileDescriptorProto[]> {
  const files = new Map<string, FileDescriptorProto>();
  const add = (answer: JsonObject): void => {
    for (const encoded of filesOf(answer)) {
      const file = fromBinary(FileDescriptorProtoSchema, Buffer.from(encoded, 'base64'));
      files.set(file.name, file);
    }
  };
  const first = await stream.ask({ fileContainingSymbol: service });
  if (isJsonObject(first['errorResponse'])) throw unknownService(service, await stream.ask({ listServices: '*' }));
  add(first);
  for (;;) {
    const missing = [...files.values()].flatMap(({ dependency }) => dependency).find((name) => !files.has(name) && !isWellKnownFile(name));
    if (missing === undefined) return [...files.values()];
    const before = files.size;
    add(await stream.ask({ fileByFilename: missing }));
    if (files.size === before || files.size > MAX_FILES) {
      throw badConfiguration(`server reflection does not hand out ${missing}, which ${service} imports: give the service its proto file`);
    }
  }
}

function filesOf(answer: JsonObject): string[] {
  const response = answer['fileDescriptorResponse'];
  const files = isJsonObject(response) ? response['fileDescriptorProto'] : undefined;
  return Array.isArray(files) ? files.filter((file) => typeof file === 'string') : [];
}

function unknownService(service: string, answer: JsonObject): CallFailure {
  const list = isJsonObject(answer['listServicesResponse']) ? answer['listServicesResponse']['service'] : undefined;
  const names = (Array.isArray(list) ? list : []).flatMap((item) =>
    isJsonObject(item) && typeof item['name'] === 'string' ? [item['name']] : [],
  );
  const own = names.filter((name) => !name.startsWith('grpc.reflection.'));
  return badConfiguration(`service ${service} does not exist there; there are: ${own.join(', ') || 'none'}`);
}

function asFailure(error: unknown, service: string): CallFailure | 'next version' {
  if (error instanceof CallFailure) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === Status.UNIMPLEMENTED) return 'next version';
  if (code === Status.DEADLINE_EXCEEDED)
    return new CallFailure('Maestro.ServiceTimeout', `server reflection of ${service} did not answer in time; the call was not made`);
  if (code === Status.UNAVAILABLE || code === Status.RESOURCE_EXHAUSTED || code === Status.ABORTED) {
    return new CallFailure('Maestro.ServiceUnavailable', `server reflection of ${service} is not available; the call was not made`);
  }
  if (typeof code === 'number')
    return new CallFailure('Maestro.ServiceRejected', `server reflection of ${service} answered ${Status[code]}; the call was not made`);
  return badConfiguration(`what server reflection says about ${service} cannot be used: give the service its proto file`);
}

interface Waiting {
  resolve(answer: JsonObject): void;
  reject(error: unknown): void;
}

/** Questions and answers of the bidirectional stream, one at a time. */
class ReflectionStream {
  readonly #stream: ClientDuplexStream<JsonObject, Json>;
  #waiting: Waiting | undefined;
  #failure: ServiceError | undefined;

  constructor(client: Client, path: string, metadata: Metadata, deadline: number) {
    const encode = (question: JsonObject): Buffer => Buffer.from(toBinary(requestSchema, fromJson(requestSchema, question)));
    const decode = (bytes: Buffer): Json => toJson(responseSchema, fromBinary(responseSchema, bytes));
    this.#stream = client.makeBidiStreamRequest(path, encode, decode, metadata, { deadline });
    this.#stream.on('data', (answer: Json) => this.#settle(({ resolve }) => resolve(isJsonObject(answer) ? answer : {})));
    this.#stream.on('error', (error: ServiceError) => {
      this.#failure = error;
      this.#settle(({ reject }) => reject(error));
    });
    this.#stream.on('end', () => this.#settle(({ reject }) => reject(badConfiguration('server reflection ended before it answered'))));
  }

  ask(question: JsonObject): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#waiting = { resolve, reject };
      this.#stream.write(question);
    });
  }

  end(): void {
    this.#stream.end();
    this.#stream.cancel();
  }

  #settle(tell: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) tell(waiting);
  }
}
