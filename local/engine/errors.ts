// How a state fails, and how the API refuses.

/** What a state fails with: the names and texts that Retry, Catch and the history see. */
export class StateError extends Error {
  /** The error's name; null where the failure was reported without one. */
  readonly error: string | null;
  /** undefined: there is none (a timeout); a catcher then sees an empty text. */
  readonly reason: string | null | undefined;
  /** Never retried nor caught: the execution itself cannot go on. */
  readonly fatal: boolean;
  /** A second name that Retry and Catch match (a missed heartbeat is reported as a timeout). */
  readonly alias: string | undefined;

  constructor(error: string | null, reason: string | null | undefined, options: { fatal?: boolean; alias?: string } = {}) {
    super(`${error ?? 'no error name'}: ${reason ?? ''}`);
    this.name = 'StateError';
    this.error = error;
    this.reason = reason;
    this.fatal = options.fatal ?? false;
    this.alias = options.alias;
  }
}

/** The API's refusals, by AWS's exception names. */
export type ServiceErrorName =
  | 'ConflictException'
  | 'ExecutionAlreadyExists'
  | 'ExecutionDoesNotExist'
  | 'InvalidArn'
  | 'InvalidDefinition'
  | 'InvalidExecutionInput'
  | 'InvalidName'
  | 'InvalidOutput'
  | 'InvalidToken'
  | 'MissingRequiredParameter'
  | 'ResourceNotFound'
  | 'StateMachineAlreadyExists'
  | 'StateMachineDoesNotExist'
  | 'StateMachineTypeNotSupported'
  | 'TaskDoesNotExist'
  | 'TaskTimedOut'
  | 'TooManyTags'
  | 'ValidationException';

/** A request that the engine refuses. `name` is the exception's name on the wire. */
export class ServiceError extends Error {
  constructor(name: ServiceErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

/**
 * What a function that threw looks like to a state machine: the shape of Lambda's Node runtime (`errorType`, `errorMessage`, `trace`).
 * @returns the Error name and the Cause text
 */
export function functionFailure(thrown: unknown): { error: string; cause: string } {
  if (!(thrown instanceof Error)) {
    const error = typeof thrown;
    return { error, cause: JSON.stringify({ errorType: error, errorMessage: String(thrown), trace: [] }) };
  }
  const trace = (thrown.stack ?? '').split('\n');
  return { error: thrown.name, cause: JSON.stringify({ errorType: thrown.name, errorMessage: thrown.message, trace }) };
}
