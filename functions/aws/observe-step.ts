// What is told of each invocation of the step function and the checkpoint function.

import type { Clock } from '../../shared/clock.ts';
import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';
import { METRIC } from '../../shared/protocol/metrics.ts';
import { publicRunId } from '../../shared/protocol/run-id.ts';
import type { Observer } from './observe.ts';

/** Undefined: nothing is measured but what failed. */
export interface StepMeasures {
  latency: boolean;
}

/**
 * Wraps a function of the definition: its metrics come out with the run's and the step's id beside them, so that one line tells all of an
 * invocation that went well. A failure is told by name, by outcome and by the name of what was behind it.
 */
export function observed<Message, Result>(
  work: (message: Message) => Promise<Result>,
  observer: Observer,
  clock: Clock,
  { latency }: StepMeasures,
): (message: Message) => Promise<Result> {
  return async (message) => {
    const begunMs = clock.now();
    const facts = factsOf(message);
    observer.debug('invoked', facts);
    if (Number(facts['attempt'] ?? 0) > 0) observer.count(METRIC.stepRetry);
    try {
      return await work(message);
    } catch (error) {
      observer.count(METRIC.stepFailure);
      tell(observer, error, facts);
      throw error;
    } finally {
      if (latency) observer.time(METRIC.stepLatency, clock.now() - begunMs);
      observer.flush(facts);
    }
  };
}

/** Ids and names of a message. */
function factsOf(message: unknown): JsonObject {
  if (!isJsonObject(message)) return {};
  const facts: JsonObject = {};
  for (const name of ['op', 'step', 'at', 'attempt'] as const) {
    const value = message[name];
    if (typeof value === 'string' || typeof value === 'number') facts[name] = value;
  }
  const { run } = message;
  if (Array.isArray(run) && typeof run[0] === 'string' && typeof run[1] === 'string') facts['run_id'] = publicRunId([run[0], run[1]]);
  return facts;
}

/** A step that failed is the run's business; what kept the function itself from its work is ours. */
function tell(observer: Observer, error: unknown, facts: JsonObject): void {
  const cause = error instanceof Error ? error.cause : undefined;
  if (error instanceof Error && cause === undefined) observer.warn('failed', { ...facts, error: error.name, ...outcomeOf(error) });
  else observer.error('failed for a reason of our own', cause ?? error, facts);
}

/** Of a `StepError`, whose message is JSON: the words of our own in it. `service` is the logger's word for which Maestro this is. */
function outcomeOf({ message }: Error): JsonObject {
  try {
    const told: Json = JSON.parse(message);
    if (!isJsonObject(told)) return {};
    const { outcome, service, status } = told;
    return {
      ...(typeof outcome === 'string' ? { outcome } : {}),
      ...(typeof service === 'string' ? { called: service } : {}),
      ...(typeof status === 'string' || typeof status === 'number' ? { status } : {}),
    };
  } catch {
    return {};
  }
}
