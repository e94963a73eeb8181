// What a function tells CloudWatch: structured log lines, and metrics inside of log lines (embedded metric format).
//
//   O1. Ids, names, numbers and error names; never an input, an output, an answer, a header or a secret. What an error says is told only of errors
//       of AWS's own APIs, whose messages hold no values; of all others the name and where it came from.
//   O2. Debug lines are kept back, and come out only with an error of the same invocation.

import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { JsonObject } from '../../shared/json.ts';
import { METRIC, METRIC_NAMESPACE, type MetricName } from '../../shared/protocol/metrics.ts';
import type { DeadLetter } from '../../shared/runs/index.ts';
import type { AwsClients } from './clients.ts';
import { createUndoLetters } from './queue.ts';
import { originalFrame } from './source-map.ts';

/** Debug lines that one invocation keeps back, bytes. */
const KEPT_BACK_BYTES = 65_536;
/** Lines of a stack that are told. */
const MAX_FRAMES = 12;
const MAX_MESSAGE = 500;

export interface Observer {
  /** Kept back until an error of the same invocation. */
  debug(message: string, facts?: JsonObject): void;
  warn(message: string, facts?: JsonObject): void;
  /** @param error told as `errorFacts` has it */
  error(message: string, error: unknown, facts?: JsonObject): void;
  count(metric: MetricName, by?: number): void;
  /** @param metric one in milliseconds */
  time(metric: MetricName, ms: number): void;
  /** Writes the metrics of this invocation, with `facts` beside them; nothing when there are none. */
  flush(facts?: JsonObject): void;
}

/** @param stack which Maestro this is: the one dimension of its metrics, and in every line */
export function createObserver(stack: string): Observer {
  const logger = new Logger({
    serviceName: stack,
    logBufferOptions: { maxBytes: KEPT_BACK_BYTES, bufferAtVerbosity: 'DEBUG', flushOnErrorLog: true },
  });
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE, serviceName: stack });
  return {
    debug: (message, facts = {}) => logger.debug(message, facts),
    warn: (message, facts = {}) => logger.warn(message, facts),
    error: (message, error, facts = {}) => logger.error(message, { ...facts, error: errorFacts(error) }),
    count: (metric, by = 1) => metrics.addMetric(metric, MetricUnit.Count, by),
    time: (metric, ms) => metrics.addMetric(metric, MetricUnit.Milliseconds, ms),
    flush(facts = {}) {
      if (!metrics.hasStoredMetrics()) return;
      for (const [name, value] of Object.entries(facts)) metrics.addMetadata(name, String(value));
      metrics.publishStoredMetrics();
    },
  };
}

/** What may be told of an error (O1). */
export function errorFacts(error: unknown): JsonObject {
  if (!(error instanceof Error)) return { name: typeof error };
  const facts: JsonObject = { name: error.name, frames: framesOf(error) };
  if ('code' in error && typeof error.code === 'string') facts['code'] = error.code;
  if ('$metadata' in error) facts['message'] = error.message.slice(0, MAX_MESSAGE);
  if (error instanceof AggregateError) facts['errors'] = error.errors.slice(0, MAX_FRAMES).map(errorFacts);
  else if (error.cause !== undefined) facts['cause'] = errorFacts(error.cause);
  return facts;
}

/** The transitions of breakers as metrics, for `createBreakers`. */
export function countTransitions(observer: Observer): (origin: string, to: 'open' | 'half_open' | 'closed') => void {
  const metric = { open: METRIC.breakerOpened, half_open: METRIC.breakerHalfOpened, closed: METRIC.breakerClosed };
  return (origin, to) => {
    observer.count(metric[to]);
    observer.warn('circuit breaker', { origin, to });
  };
}

/**
 * Tells of an undo that ended with something left: the metric that the alarm watches, and a letter where the function is told of a queue for it.
 * The metric comes out with the invocation's others.
 */
export function createUndoNotice(
  observer: Observer,
  { sqs }: Pick<AwsClients, 'sqs'>,
  queueUrl: string | undefined,
): (letter: DeadLetter) => Promise<void> {
  const send = queueUrl === undefined ? undefined : createUndoLetters(sqs, queueUrl);
  return async (letter) => {
    observer.count(METRIC.undoFailed);
    observer.warn('an undo ended with something left', { run_id: letter.runId, workflow: letter.workflow, error: letter.error });
    await send?.(letter);
  };
}

/** Where an error came from, without its message: the lines of the stack that name a place. */
function framesOf({ stack = '' }: Error): string[] {
  return stack
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^at .+:\d+:\d+\)?$/.test(line))
    .slice(0, MAX_FRAMES)
    .map(originalFrame);
}
