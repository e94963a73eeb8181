// The names of failures. They are a wire contract: Step Functions matches Retry and Catch on them.

export const ERROR_NAMES = [
  'Maestro.ServiceUnavailable',
  'Maestro.ServiceTimeout',
  'Maestro.ServiceRejected',
  'Maestro.CircuitOpen',
  'Maestro.BadResponse',
  'Maestro.ResultTooLarge',
  'Maestro.DeadlineExceeded',
  'Maestro.Cancelled',
  'Maestro.Stopped',
  'Maestro.BadConfiguration',
  'Maestro.Rejected',
  'Maestro.Aborted',
  'Maestro.TimedOut',
  'Maestro.Lost',
] as const;

export type ErrorName = (typeof ERROR_NAMES)[number];

/** Tried again while attempts are left: the service may be well a moment later. */
export const RETRYABLE: readonly ErrorName[] = ['Maestro.ServiceUnavailable', 'Maestro.ServiceTimeout'];

/** Errors that end a run whatever `on_error` says. */
export const NEVER_LET_GO: readonly ErrorName[] = ['Maestro.Cancelled', 'Maestro.DeadlineExceeded', 'Maestro.Stopped'];

/**
 * What Step Functions reports when the step function itself was cut off before it could answer: nothing is known about the call. They share the
 * retrier of `Maestro.ServiceTimeout`. `Sandbox.Timedout`/`Lambda.Unknown`: a Lambda's own timeout on newer and older runtimes.
 */
export const FUNCTION_GONE: readonly string[] = ['States.Timeout', 'Sandbox.Timedout', 'Lambda.Unknown', 'Runtime.ExitError'];

/** Lambda's transient errors (AWS: Step Functions best practices, "Handle transient Lambda service exceptions"), and its throttling. */
export const LAMBDA_TRANSIENT: readonly string[] = [
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
];
