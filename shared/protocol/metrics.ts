// The metrics of Maestro's own functions. One list for both sides: the functions write them (CloudWatch embedded metric format), infra's
// alarms and dashboard name them.
//
//   T1. Every metric has exactly one dimension, so that an alarm names one series: which Maestro it is.

export const METRIC_NAMESPACE = 'Maestro';

/** The one dimension. Its value is the text of `ENV.stack`: two Maestros in one account and region are two series. */
export const METRIC_DIMENSION = 'service';

export const METRIC = {
  /** Milliseconds of one invocation of the step function, waiting for a `Retry-After` included. */
  stepLatency: 'StepLatency',
  /** Count: an invocation that is not the first try of its step or undo. */
  stepRetry: 'StepRetry',
  /** Count: an invocation that told Step Functions a failure, whether it is tried again or not. */
  stepFailure: 'StepFailure',
  /** Counts: transitions of the breaker of a service's origin. */
  breakerOpened: 'BreakerOpened',
  breakerHalfOpened: 'BreakerHalfOpened',
  breakerClosed: 'BreakerClosed',
  /** Count: an undo ended with something left. Somebody has to act: the letter is in the queue of failed undos. */
  undoFailed: 'UndoFailed',
  /** Count: runs whose undo the minute's sweep began or went on with, because no status event had led to it. */
  runRecovered: 'RunRecovered',
  /** Count: a minute's sweep that could not deal with every run. They are tried again a minute later. */
  sweepFailed: 'SweepFailed',
  /** Count: a queued run whose start was refused for its rate; its message comes back. */
  startThrottled: 'StartThrottled',
} as const;

export type MetricName = (typeof METRIC)[keyof typeof METRIC];
