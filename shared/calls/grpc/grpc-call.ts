// A call over gRPC: a connected channel, a codec, one unary request, its outcome.

import type { Client, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import type { Clock } from '../../clock.ts';
import type { Egress } from '../egress.ts';
import { abortName, badConfiguration, CallFailure, excerpt, isCallFailure } from '../failure.ts';
import { describeParts, joinParts, type Names } from '../parts.ts';
import { redact, redactJson } from '../redact.ts';
import type { CallOutcome, CallRequest } from '../types.ts';
import { createGrpcChannels, MAX_MESSAGE_BYTES, StoppedBeforeSending } from './channels.ts';
import { requestMetadata } from './metadata.ts';
import { type GrpcLabel, judgeStatus } from './status.ts';
import { grpcTarget } from './target.ts';
import { createServiceTypes } from './types-of-service.ts';

export interface GrpcCalls {
  /** @throws {CallFailure} When the request cannot be made at all. */
  call(request: CallRequest, names: Names, signal: AbortSignal | undefined): Promise<CallOutcome>;
  close(): Promise<void>;
}

export function createGrpcCalls(clock: Clock, egress: Egress): GrpcCalls {
  const channels = createGrpcChannels(clock, egress);
  const types = createServiceTypes(clock);

  const call: GrpcCalls['call'] = async (request, names, signal) => {
    const { service } = request;
    const label: GrpcLabel = { service: service.name, method: describeParts(request.method ?? []) };
    const deadlineMs = clock.now() + request.timeoutMs;
    const target = grpcTarget(service, names);
    const { metadata, headers } = requestMetadata(request, names);
    const lease = await channels.use(target, { tls: service.tls === true, size: service.pool, timeoutMs: request.timeoutMs, signal });
    let broken = false;
    try {
      const wire = { client: lease.client, metadata, origin: target.origin, deadlineMs };
      const codec = await types.codec(request, joinParts(request.method ?? [], names), headers, wire);
      const bytes = codec.encode(request.input);
      if (bytes.length > MAX_MESSAGE_BYTES)
        throw badConfiguration(`the request comes to ${bytes.length} bytes, more than the ${MAX_MESSAGE_BYTES} that a message may have`);
      if (signal?.aborted) throw new StoppedBeforeSending('stopped');
      const answer = await unary(lease.client, codec.path, bytes, { metadata, deadlineMs, signal });
      if ('error' in answer) {
        broken = answer.error.code === UNAVAILABLE;
        if (answer.error.code === UNIMPLEMENTED) types.forget(request, target.origin);
        if (answer.stopped) return stopped(label, signal, 'unknown');
        return judgeStatus(answer.error, label, answer.answered, names.secrets);
      }
      return { outcome: 'done', value: redactJson(codec.decode(answer.bytes), names.secrets), status: 'OK' };
    } catch (error) {
      if (isCallFailure(error) && error.outcome === 'unusable') types.forget(request, target.origin);
      throw error;
    } finally {
      lease.release(broken);
    }
  };

  return {
    async call(request, names, signal) {
      const label: GrpcLabel = { service: request.service.name, method: describeParts(request.method ?? []) };
      try {
        return await call(request, names, signal);
      } catch (error) {
        if (error instanceof StoppedBeforeSending) return stopped(label, signal, 'not_performed');
        if (!isCallFailure(error)) throw error;
        const body = error.detail.body === undefined ? {} : { body: excerpt(redact(error.detail.body, names.secrets)) };
        return new CallFailure(error.error, withService(label, redact(error.message, names.secrets)), {
          outcome: error.outcome,
          detail: { ...label, ...error.detail, ...body },
        }).toOutcome();
      }
    },
    async close() {
      channels.close();
    },
  };
}

function withService(label: GrpcLabel, message: string): string {
  return message.startsWith('service "') ? message : `service "${label.service}": ${label.method}: ${message}`;
}

/** Status numbers of gRPC (the names are in `@grpc/grpc-js`). */
const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;

type Unary = { bytes: Buffer } | { error: ServiceError; answered: boolean; stopped: boolean };

interface UnaryOptions {
  metadata: ReturnType<typeof requestMetadata>['metadata'];
  deadlineMs: number;
  signal: AbortSignal | undefined;
}

/** One unary request of bytes for bytes. Never rejects. */
function unary(client: Client, path: string, bytes: Uint8Array, { metadata, deadlineMs, signal }: UnaryOptions): Promise<Unary> {
  return new Promise((resolve) => {
    let answered = false;
    let stoppedByUs = false;
    const onAbort = (): void => {
      stoppedByUs = true;
      call.cancel();
    };
    const call: ClientUnaryCall = client.makeUnaryRequest(
      path,
      (message: Uint8Array) => Buffer.from(message.buffer, message.byteOffset, message.byteLength),
      (message: Buffer) => message,
      bytes,
      metadata,
      { deadline: deadlineMs },
      (error, answer) => {
        signal?.removeEventListener('abort', onAbort);
        if (error) resolve({ error, answered, stopped: stoppedByUs });
        else resolve({ bytes: answer ?? Buffer.alloc(0) });
      },
    );
    call.on('metadata', () => {
      answered = true;
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function stopped(label: GrpcLabel, signal: AbortSignal | undefined, outcome: 'unknown' | 'not_performed'): CallOutcome {
  const about = outcome === 'unknown' ? 'the outcome is unknown' : 'nothing was sent';
  return {
    outcome,
    error: abortName(signal),
    message: `service "${label.service}": ${label.method} was stopped; ${about}`,
    detail: { ...label },
  };
}
