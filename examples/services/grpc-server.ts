// The gRPC side: one service, one method, every operation by its name.

import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Dispatcher, Reply } from './dispatcher.ts';
import { answerObject, type Envelope, type ServiceRequest, type ServiceResponse } from './envelope.ts';
import type { Wait } from './http-server.ts';
import type { OperationTable } from './operation.ts';

/** Makes the server; it is not bound yet. */
export function createGrpcServer(envelope: Envelope, table: OperationTable, dispatcher: Dispatcher, wait: Wait): Server {
  const server = new Server();
  server.addService(envelope.service, {
    Execute(call: ServerUnaryCall<ServiceRequest, ServiceResponse>, done: sendUnaryData<ServiceResponse>): void {
      const { method, payload, headers, correlation_id, step_id } = call.request;
      const operation = table.byName(method);
      if (operation === undefined) {
        done({ code: status.UNIMPLEMENTED, details: `no demo service is called "${method}"` });
        return;
      }
      const fromMetadata = call.metadata.get('idempotency-key')[0];
      const key = typeof fromMetadata === 'string' ? fromMetadata : headers['idempotency-key'];
      const reply = dispatcher.dispatch({
        transport: 'grpc',
        operation,
        input: envelope.unpack(payload),
        key: key === undefined || key === '' ? null : key,
        run: correlation_id === '' ? null : correlation_id,
        step: step_id === '' ? null : step_id,
      });
      act(reply, envelope, done, wait);
    },
  });
  return server;
}

/** Binds to loopback and gives the port, which is a free one for port 0. */
export function bindGrpc(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
}

function act(reply: Reply, envelope: Envelope, done: sendUnaryData<ServiceResponse>, wait: Wait): void {
  switch (reply.kind) {
    case 'answer': {
      const answer = (): void => done(null, { success: true, data: envelope.pack(answerObject(reply.value)) });
      if (reply.delayMs > 0) void wait(reply.delayMs).then(answer);
      else answer();
      return;
    }
    case 'reject':
      done(null, { success: false, error: reply.message });
      return;
    case 'fail':
      done({ code: status.UNAVAILABLE, details: reply.message });
      return;
    case 'lost':
      done({ code: status.UNAVAILABLE, details: 'the connection broke' });
      return;
    case 'stall':
      // No answer, until the caller gives up or the host closes.
      return;
  }
}
