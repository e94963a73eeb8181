// From a mock's answer to what the caller of a service learns.

import type { MockReply, TokenReply } from '../../local/simulate/index.ts';
import type { CallOutcome } from '../../shared/calls/types.ts';
import type { Json } from '../../shared/json.ts';
import type { Answer } from './mock.ts';

/** A call's reply. @param timeoutMs the call's time limit: an answer that times out does so then */
export function replyOf(answer: Answer, timeoutMs: number): MockReply {
  if (answer.kind === 'timeout')
    return { outcome: failed('unknown', 'Maestro.ServiceTimeout', 'no answer within the time limit'), takesMs: timeoutMs };
  return { outcome: outcomeOf(answer), takesMs: answer.delayMs };
}

function outcomeOf(answer: Answer): CallOutcome {
  switch (answer.kind) {
    case 'output':
      return done(answer.output);
    case 'reject':
      return {
        ...failed('not_performed', 'Maestro.ServiceRejected', answer.message),
        detail: { status: answer.status, body: answer.message },
      };
    case 'unavailable':
      return answer.performed === 'no'
        ? failed('not_performed', 'Maestro.ServiceUnavailable', 'connection refused')
        : { ...failed('unknown', 'Maestro.ServiceUnavailable', 'service unavailable'), detail: { status: 503 } };
    case 'unusable':
      return failed('unusable', 'Maestro.BadResponse', 'the answer cannot be read');
    case 'fail':
      return failed('not_performed', 'Maestro.ServiceRejected', `${answer.error}: ${answer.message}`);
    case 'decision':
    case 'timed_out':
    case 'timeout':
      return failed('unknown', 'Maestro.ServiceTimeout', 'no answer within the time limit');
  }
}

/** A call that was done. */
export function done(value: Json): CallOutcome {
  return { outcome: 'done', value, status: 200 };
}

function failed(
  outcome: 'not_performed' | 'unknown' | 'unusable',
  error: Exclude<CallOutcome, { outcome: 'done' }>['error'],
  message: string,
): Exclude<CallOutcome, { outcome: 'done' }> {
  return { outcome, error, message, detail: {} };
}

/** What comes to a checkpoint or callback; null: nothing, until its time limit. */
export function tokenReplyOf(answer: Answer, atIso: string): TokenReply | null {
  switch (answer.kind) {
    case 'output':
      return { output: answer.output, takesMs: answer.delayMs };
    case 'decision': {
      const { decision, by, delayMs } = answer;
      if (decision === 'reject') return { error: 'Maestro.Rejected', message: `rejected by ${by}`, takesMs: delayMs };
      return { output: { decision, answer: answer.answer, by, at: atIso }, takesMs: delayMs };
    }
    case 'fail':
      return { error: answer.error, message: answer.message, takesMs: answer.delayMs };
    default:
      return null;
  }
}
