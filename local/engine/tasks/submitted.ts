// Tasks that go on after the service has answered: `.waitForTaskToken`, and what they share.

import { type Payload, payloadField } from '../payload.ts';
import { external, type Flow } from '../thread.ts';
import { type Attempt, heartbeatMissed, heartbeatTimer, limitTimer, type Outcome, timedOut, tokenOutcome } from './attempt.ts';

/** What a request that was sent can become while the token is already known. */
type Arrived = Outcome | { answered: Payload };

/** Writes TaskSubmitted with the service's answer. */
export function writeSubmitted(attempt: Attempt, answer: Payload): void {
  attempt.thread.write('TaskSubmitted', (id) => `${payloadField('output', answer, id)},${attempt.events.about}`);
}

/**
 * Sends the request, then waits for SendTaskSuccess or SendTaskFailure. The heartbeat's time starts when the request was answered; an
 * answer to the token may come before that.
 * @param send starts the request; returns how to let go of it
 */
export function* performWithToken(
  attempt: Attempt,
  submitted: boolean,
  send: (settle: (outcome: Outcome) => void) => () => void,
): Flow<Outcome> {
  const { thread, visit } = attempt;
  const token = visit.token;
  if (token === undefined) throw new Error('A task that waits for a token has none');
  if (!submitted) {
    const outcome = yield* submit(attempt, token, send);
    if (outcome) return outcome;
  }
  // The parameters are not needed any more, and this may wait for long.
  attempt.parameters = visit.input;
  attempt.payloadText = undefined;
  thread.lighten();
  return yield* external<Outcome>(thread, (settle) => {
    const heartbeat = heartbeatTimer(attempt, () => settle(heartbeatMissed()));
    heartbeat.restart();
    const timer = limitTimer(attempt, true, () => settle(timedOut()));
    const stopListening = thread.execution.runtime.listen(token, (message) => {
      const outcome = tokenOutcome(message);
      if (outcome) settle(outcome);
      else heartbeat.restart();
    });
    return () => {
      heartbeat.cancel();
      timer?.cancel();
      stopListening();
    };
  });
}

/** Until the request is answered (undefined: the token is still to be answered), or the token is, or the time is up. */
function* submit(attempt: Attempt, token: string, send: (settle: (outcome: Outcome) => void) => () => void): Flow<Outcome | undefined> {
  const { thread } = attempt;
  const first = yield* external<Arrived>(thread, (settle) => {
    const stopListening = thread.execution.runtime.listen(token, (message) => {
      const outcome = tokenOutcome(message);
      if (outcome) settle(outcome);
    });
    const timer = limitTimer(attempt, false, () => settle(timedOut()));
    const letGo = send((outcome) => settle('result' in outcome ? { answered: outcome.result } : outcome));
    return () => {
      stopListening();
      timer?.cancel();
      letGo();
    };
  });
  if (!('answered' in first)) return first;
  writeSubmitted(attempt, first.answered);
  return undefined;
}

/** Sends the request and takes its answer for the result. */
export function performAndReturn(attempt: Attempt, send: (settle: (outcome: Outcome) => void) => () => void): Flow<Outcome> {
  return external<Outcome>(attempt.thread, (settle) => {
    const heartbeat = heartbeatTimer(attempt, () => settle(heartbeatMissed()));
    heartbeat.restart();
    const timer = limitTimer(attempt, false, () => settle(timedOut()));
    const letGo = send(settle);
    return () => {
      heartbeat.cancel();
      timer?.cancel();
      letGo();
    };
  });
}
