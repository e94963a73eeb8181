// A `Caller` without a network: every request is answered by the mock, in virtual time, and written down as the service sees it.
//
//   M1. A request is in the log once it has left the process; one that a kill caught before that is not.
//   M2. A request that is running when the process is killed goes on at the service: its answer is lost, not its effect.

import type { Caller, CallOutcome, CallRequest } from '../../shared/calls/types.ts';
import { type Clock, sleep } from '../../shared/clock.ts';
import { ITEM_DIGITS } from '../../shared/protocol/place.ts';
import type { CallSpec, Part } from '../../shared/protocol/step-message.ts';
import type { MockReply, MockRequest, SimulatedCall } from './types.ts';

const UNDO = '/undo';

export interface MockCallerOptions {
  clock: Clock;
  startMs: number;
  /** Every request of the simulation; the caller adds to it. */
  log: SimulatedCall[];
  mock: (request: MockRequest) => MockReply;
  /** Where a run stands below the first one, and its workflow, by its public id. */
  runOf: (runId: string) => Promise<{ run: string; workflow: string }>;
  /** Kills this process. */
  kill: () => void;
  /** False once it was killed. */
  alive: () => boolean;
}

/** Makes the caller of one process. */
export function createMockCaller(options: MockCallerOptions): Caller {
  const { clock, log, alive } = options;
  return {
    async call(request) {
      const { run, workflow } = await options.runOf(request.runId);
      if (!alive()) return never();
      const asked = requestOf(request, run, workflow, log, clock.now() - options.startMs);
      const reply = options.mock(asked);
      if (reply.kill === 'before') {
        options.kill();
        return never();
      }
      const { request: _, ...told } = asked;
      const entry: SimulatedCall = { ...told, ended: 'running', error: null, performed: performedBy(reply.outcome) };
      log.push(entry);
      const answered = answerWithin(reply, request.timeoutMs);
      await sleep(clock, answered.takesMs);
      if (reply.kill === 'after' && alive()) options.kill();
      if (!alive()) return never();
      const { outcome } = answered;
      entry.ended = outcome.outcome;
      entry.error = outcome.outcome === 'done' ? null : outcome.error;
      return outcome;
    },
    origin: ({ service }: CallSpec) => `mock:${service.name}`,
    close: () => Promise.resolve(),
  };
}

function requestOf(request: CallRequest, run: string, workflow: string, log: readonly SimulatedCall[], atMs: number): MockRequest {
  const { idempotencyKey: key, runId, stepId: step, service } = request;
  const number = log.length;
  // Counted here, as a service would: what the caller says of its tries is under test.
  const attempt = log.filter((call) => call.key === key && call.ended !== 'lost').length;
  const kind = key.endsWith(UNDO) ? 'undo' : 'do';
  const place = key.slice(key.indexOf('/') + 1, kind === 'undo' ? -UNDO.length : undefined);
  const items = place
    .split('.')
    .filter((part) => part.length === ITEM_DIGITS)
    .map(Number);
  const method = (request.method ?? []).map(partText).join('');
  const input = request.input ?? null;
  return {
    number,
    workflow,
    runId,
    run,
    kind,
    step,
    place,
    items,
    attempt,
    key,
    service: service.name,
    method,
    verb: request.verb ?? null,
    input,
    atMs,
    request,
  };
}

/** A part as a person reads it. Names of secrets stay names. */
function partText(part: Part): string {
  if (typeof part === 'string') return part;
  if ('env' in part) return `{env.${part.env}}`;
  if ('secret' in part) return `{secret.${part.secret}}`;
  if (part.v === null) return '';
  return typeof part.v === 'string' ? part.v : JSON.stringify(part.v);
}

/** The answer as the caller gets it: nothing, if it comes after the time limit. */
function answerWithin({ outcome, takesMs = 0 }: MockReply, timeoutMs: number): { outcome: CallOutcome; takesMs: number } {
  if (takesMs <= timeoutMs) return { outcome, takesMs };
  const late: CallOutcome = {
    outcome: 'unknown',
    error: 'Maestro.ServiceTimeout',
    message: `no answer within ${timeoutMs} ms`,
    detail: {},
  };
  return { outcome: late, takesMs: timeoutMs };
}

function performedBy({ outcome }: CallOutcome): boolean | null {
  if (outcome === 'unknown') return null;
  return outcome !== 'not_performed';
}

/** What a killed process waits for. */
function never(): Promise<never> {
  return new Promise(() => {});
}
