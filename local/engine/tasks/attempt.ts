// One attempt at a task, and how it can end.

import type { Timer } from '../../../shared/clock.ts';
import type { Json } from '../../../shared/json.ts';
import type { TaskState } from '../definition/types.ts';
import { StateError } from '../errors.ts';
import type { Payload } from '../payload.ts';
import type { TokenMessage } from '../runtime.ts';
import type { Thread, Visit } from '../thread.ts';

/** The names of a task's events; `about` is what each of them says of the resource. */
export interface TaskEvents {
  scheduled: string;
  started: string;
  succeeded: string;
  failed: string;
  timedOut: string;
  parameters: 'parameters' | 'input';
  about: string;
}

export interface Attempt {
  thread: Thread;
  visit: Visit;
  state: TaskState;
  events: TaskEvents;
  parameters: Payload;
  /** JSON text of a function's payload, where the parameters hold one. */
  payloadText: string | undefined;
  timeoutSeconds: number | undefined;
  heartbeatSeconds: number | undefined;
  /** Epoch ms. */
  startedAt: number;
  /** Output of TaskSubmitted, when replaying. */
  submitted?: Json | undefined;
  submittedAt?: number;
}

export type Outcome = { result: Payload } | { failure: StateError };

/** AWS reports no cause for a timeout. */
export const timedOut = (): Outcome => ({ failure: new StateError('States.Timeout', undefined) });
export const heartbeatMissed = (): Outcome => ({
  failure: new StateError('States.Timeout', undefined, { alias: 'States.HeartbeatTimeout' }),
});

/**
 * The attempt's time limit. It starts anew when a call in flight is made again after a restart, and keeps its end once the task was
 * submitted: then nothing is made again.
 */
export function limitTimer(attempt: Attempt, submitted: boolean, fire: () => void): Timer | undefined {
  if (attempt.timeoutSeconds === undefined) return undefined;
  const { clock } = attempt.thread.execution.runtime;
  const limitMs = attempt.timeoutSeconds * 1000;
  return clock.setTimer(submitted ? attempt.startedAt + limitMs - clock.now() : limitMs, fire);
}

/** Restarted by every heartbeat. */
export function heartbeatTimer(attempt: Attempt, fire: () => void): { restart(): void; cancel(): void } {
  const { clock } = attempt.thread.execution.runtime;
  let timer: Timer | undefined;
  const cancel = (): void => timer?.cancel();
  const restart = (): void => {
    cancel();
    if (attempt.heartbeatSeconds !== undefined) timer = clock.setTimer(attempt.heartbeatSeconds * 1000, fire);
  };
  return { restart, cancel };
}

/** What an answer to the token means for the task; undefined for a heartbeat. */
export function tokenOutcome(message: TokenMessage): Outcome | undefined {
  if (message.kind === 'success') return { result: { value: message.value, text: message.text, at: undefined } };
  if (message.kind === 'failure') return { failure: new StateError(message.error, message.cause) };
  return undefined;
}
