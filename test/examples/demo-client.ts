// Callers of the demo services, made without Maestro: what a stranger's service would see.

import { fileURLToPath } from 'node:url';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { request } from 'undici';

const PROTO_ROOT = fileURLToPath(new URL('../../proto', import.meta.url));
const EXECUTE = '/maestro.v1.MaestroService/Execute';

/** A call over HTTP; the body as JSON. */
export async function http(url: string, route: string, input?: object, key?: string): Promise<{ status: number; body: unknown }> {
  const [method = 'GET', path = '/'] = route.split(' ');
  const answer = await request(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-maestro-step-id': 'here', ...(key === undefined ? {} : { 'idempotency-key': key }) },
    body: input === undefined ? null : JSON.stringify(input),
    headersTimeout: 1_000,
  });
  return { status: answer.statusCode, body: await answer.body.json() };
}

export interface GrpcAnswer {
  success: boolean;
  error: string;
  data: unknown;
}

/** A call through the envelope; the Struct is given as protobuf fields, so that the demo's own codec is not on both sides. */
export function grpc(address: string, method: string, fields: object, key?: string, deadlineMs = 5_000): Promise<GrpcAnswer> {
  const definition = loadSync('maestro/v1/maestro.proto', { includeDirs: [PROTO_ROOT], keepCase: true, defaults: true });
  const struct = loadSync('google/protobuf/struct.proto', { defaults: false })['google.protobuf.Struct'];
  const service = definition['maestro.v1.MaestroService'];
  if (service === undefined || 'format' in service) throw new Error('maestro.proto declares no service');
  if (struct === undefined || !isMessage(struct)) throw new Error('there is no Struct');
  const execute = service['Execute'];
  if (execute === undefined) throw new Error('there is no Execute');
  const client = new Client(address, credentials.createInsecure());
  const metadata = new Metadata();
  if (key !== undefined) metadata.set('idempotency-key', key);
  const message = {
    method,
    payload: { type_url: 'type.googleapis.com/google.protobuf.Struct', value: struct.serialize({ fields }) },
    step_id: 'there',
    correlation_id: 'run_1',
  };
  return new Promise<GrpcAnswer>((resolve, reject) => {
    const deadline = Date.now() + deadlineMs;
    client.makeUnaryRequest(
      EXECUTE,
      execute.requestSerialize,
      execute.responseDeserialize,
      message,
      metadata,
      { deadline },
      (error: ServiceError | null, answer) => {
        if (error !== null) return reject(error);
        const { success, error: said, data } = answer as { success: boolean; error: string; data: { value: Buffer } | null };
        resolve({ success, error: said, data: data === null ? null : struct.deserialize(data.value) });
      },
    );
  }).finally(() => client.close());
}

function isMessage(definition: PackageDefinition[string]): definition is MessageTypeDefinition<object, object> {
  return 'format' in definition && 'serialize' in definition;
}
