// Failures as Step Functions sees them: the name is what Retry and Catch match, the message is JSON for people and for `.error`.

import type { Json, JsonObject } from '../../shared/json.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { RETRYABLE } from '../../shared/protocol/errors.ts';
import type { Part } from '../../shared/protocol/step-message.ts';

/** Characters of an answer's body that are told. */
const MAX_BODY = 1_024;
/** Characters of any other text. */
const MAX_TEXT = 2_000;

/** Only name, message and stack survive a Lambda: so all there is to say is in these. */
export class StepError extends Error {
  override readonly name: ErrorName;

  /** @param options the cause is for the log: it does not leave the process */
  constructor(name: ErrorName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
  }
}

export interface FailureFacts {
  step: string;
  message: string;
  service?: string;
  method?: string;
  attempt?: number;
  /** `done not_performed unknown`, as far as it is known. */
  outcome?: string;
  detail?: { [key: string]: Json | undefined };
}

/** A failure with the facts of one step. Headers and payloads are no facts. */
export function failure(name: ErrorName, facts: FailureFacts, options?: ErrorOptions): StepError {
  const { detail, ...rest } = facts;
  const told: JsonObject = {};
  for (const [key, value] of Object.entries({ ...rest, ...detail, message: facts.message })) {
    if (value === undefined) continue;
    told[key] = typeof value === 'string' ? value.slice(0, key === 'body' ? MAX_BODY : MAX_TEXT) : value;
  }
  return new StepError(name, JSON.stringify(told), options);
}

/** A failure that was recorded, thrown again. */
export function recordedFailure({ error, message }: { error: string; message: string }): StepError {
  return new StepError(error as ErrorName, message);
}

export function isRetryable(name: string): boolean {
  return (RETRYABLE as readonly string[]).includes(name);
}

/** A method as it may be told: the text of the file, with a star for each value that was put into it. */
export function methodText(verb: string | undefined, method: Part[] | undefined): string | undefined {
  if (!method) return verb;
  const text = method.map((part) => (typeof part === 'string' ? part : '*')).join('');
  return verb ? `${verb} ${text}` : text;
}
