// Maestro's own functions as the engine calls them: in this process, without a server between.
//
//   F1. While draining nothing new is begun: such an invocation never answers, and is made again by the next process.
//   F2. What has begun is finished, and its record written, before the drain is over.

import type { Json } from '../../shared/json.ts';
import type { LambdaCall, LambdaHandler, LambdaResult } from '../engine/index.ts';

/** One of Maestro's functions: takes a message, answers or throws an error whose `name` is the failure's. */
export type OwnFunction = (message: Json) => Promise<Json>;

export interface OwnFunctions {
  handler: LambdaHandler;
  /** Resolves when nothing is in flight any more (F2). */
  drain(): Promise<void>;
}

/**
 * @param own functions by ARN
 * @param foreign what is done for all others
 */
export function createOwnFunctions(
  own: ReadonlyMap<string, OwnFunction>,
  foreign: (call: LambdaCall) => Promise<LambdaResult>,
): OwnFunctions {
  let draining = false;
  let inFlight = 0;
  let idle: (() => void) | undefined;

  async function invoke(call: LambdaCall): Promise<LambdaResult> {
    if (draining) return new Promise(() => {});
    const implementation = own.get(call.functionArn);
    inFlight++;
    try {
      return implementation ? { payload: await implementation(call.payload) } : await foreign(call);
    } catch (error) {
      return failed(error);
    } finally {
      inFlight--;
      if (inFlight === 0) idle?.();
    }
  }

  return {
    handler: Object.assign(invoke, { inProcess: (functionArn: string) => own.has(functionArn) }),
    async drain() {
      draining = true;
      if (inFlight > 0) await new Promise<void>((resolve) => (idle = resolve));
    },
  };
}

/** As Node's Lambda runtime reports an error that a handler threw. */
function failed(error: unknown): LambdaResult {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  return { error: name, cause: JSON.stringify({ errorType: name, errorMessage: message, trace: [] }) };
}
