// The one door to services: takes a resolved request, looks up the names it uses, makes the call over its transport, answers an outcome.
//
//   C1. `call` never rejects: whatever happens is an outcome.
//   C2. No value of `secret.NAME`, and none of `env.NAME` but a host, stands in an outcome, a message or an origin.
//   C3. Every connection goes through the egress gate (`egress.ts`).

import type { Clock } from '../clock.ts';
import type { CallSpec } from '../protocol/step-message.ts';
import { createEgress, type Resolver } from './egress.ts';
import { badConfiguration, CallFailure, isCallFailure } from './failure.ts';
import type { GrpcCalls } from './grpc/grpc-call.ts';
import { grpcOrigin } from './grpc/target.ts';
import { httpOrigin } from './http/endpoint.ts';
import { createHttpCalls } from './http/http-call.ts';
import type { LambdaCalls, LambdaClientOptions } from './lambda/lambda-call.ts';
import { lambdaOrigin } from './lambda/target.ts';
import { type Environment, type Names, namesFor } from './parts.ts';
import { redact } from './redact.ts';
import type { Caller, CallOutcome, CallRequest } from './types.ts';

export interface CallerOptions {
  /** Where `env.NAME` and `secret.NAME` come from. */
  environment: Environment;
  egress: {
    /** Loopback and private addresses may be called: yes on one machine; on AWS by an explicit setting. */
    allowPrivate: boolean;
  };
  clock: Clock;
  /** Names to addresses. Default: the operating system's resolver. */
  resolver?: Resolver;
  /** How Lambda functions are reached. Default: as the SDK finds region, credentials and endpoint by itself. */
  lambda?: LambdaClientOptions;
}

/**
 * Makes a caller. It keeps connections open between calls, so one is made per process; `close` ends them.
 *
 * @example
 * const caller = createCaller({ environment: createEnvironment({ kind: 'local', variables: process.env }), egress: { allowPrivate: true }, clock: systemClock });
 * const outcome = await caller.call({ service: { name: 'shop', type: 'http', endpoint: ['http://127.0.0.1:8080'] }, verb: 'POST', method: ['/orders'], … });
 */
export function createCaller(options: CallerOptions): Caller {
  const { clock, environment } = options;
  const egress = createEgress({ allowPrivate: options.egress.allowPrivate, ...(options.resolver ? { resolver: options.resolver } : {}) });
  const http = createHttpCalls(clock, egress);
  // gRPC and the AWS SDK cost tens of milliseconds to load: only a process that calls such a service pays.
  let grpc: Promise<GrpcCalls> | undefined;
  let lambda: Promise<LambdaCalls> | undefined;

  const dispatch = (request: CallRequest, names: Names, signal: AbortSignal | undefined): Promise<CallOutcome> => {
    switch (request.service.type) {
      case 'http':
        return http.call(request, names, signal);
      case 'grpc':
        grpc ??= import('./grpc/grpc-call.ts').then(({ createGrpcCalls }) => createGrpcCalls(clock, egress));
        return grpc.then((calls) => calls.call(request, names, signal));
      case 'lambda':
        lambda ??= import('./lambda/lambda-call.ts').then(({ createLambdaCalls }) => createLambdaCalls(clock, options.lambda));
        return lambda.then((calls) => calls.call(request, names, signal));
      default:
        throw badConfiguration(`service "${request.service.name}": its type is not one of http, grpc, lambda`);
    }
  };

  return {
    async call(request, signal) {
      let names: Names | undefined;
      try {
        const found = namesFor(request.service.endpoint, sentParts(request), environment);
        names = found instanceof Promise ? await found : found;
        return await dispatch(request, names, signal);
      } catch (error) {
        return failed(error, request, names);
      }
    },
    origin(request) {
      const { service } = request;
      switch (service.type) {
        case 'http':
          return httpOrigin(service, environment);
        case 'grpc':
          return grpcOrigin(service, environment);
        case 'lambda':
          return lambdaOrigin(service, environment);
        default:
          throw badConfiguration(`service "${service.name}": its type is not one of http, grpc, lambda`);
      }
    },
    async close() {
      await Promise.all([http.close(), grpc?.then((calls) => calls.close()), lambda?.then((calls) => calls.close())]);
    },
  };
}

function* sentParts({ service, method }: CallSpec): Iterable<CallSpec['service']['endpoint']> {
  if (method) yield method;
  for (const { value } of service.headers ?? []) yield value;
}

/** A failure before the call, or a mistake of ours: nothing is known then, unless the failure says so. */
function failed(error: unknown, request: CallRequest, names: Names | undefined): CallOutcome {
  if (isCallFailure(error)) {
    const outcome = error.toOutcome();
    return { ...outcome, detail: { service: request.service.name, ...outcome.detail } };
  }
  const what = error instanceof Error ? `${error.name}: ${redact(error.message, names?.secrets ?? new Map())}` : 'an unknown error';
  return new CallFailure('Maestro.ServiceRejected', `service "${request.service.name}": the call failed inside Maestro (${what})`, {
    outcome: 'unknown',
    detail: { service: request.service.name },
    cause: error,
  }).toOutcome();
}
