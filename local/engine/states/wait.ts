import type { WaitState } from '../definition/types.ts';
import type { Payload } from '../payload.ts';
import { external, type Flow, type Thread, type Visit } from '../thread.ts';
import { enter, evaluate, type Left, leave, queryFailure, unexpectedType, wholeNumber } from './leave.ts';

/** RFC 3339 with `T` and an offset, both in capitals (ASL specification, "Timestamps"). */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** Wait: until a moment that is decided on entry and kept over a restart. */
export function* wait(thread: Thread, state: WaitState, input: Payload): Flow<Left> {
  const visit = enter(thread, state, input);
  const noted = thread.noted('~Wait');
  let until: number;
  if (noted) until = Number(noted['until']);
  else {
    until = state.timestamp
      ? yield* untilTimestamp(thread, visit, state)
      : thread.execution.clockNow() + ((yield* wholeNumber(thread, visit, state.seconds, 0)) ?? 0) * 1000;
    if (until > thread.execution.clockNow()) thread.note('~Wait', `"until":${until}`);
  }
  if (thread.peek() === undefined && until > thread.execution.clockNow()) yield* pause(thread, until);
  return yield* leave(thread, visit, { output: state.output, assign: state.assign, otherwise: input, known: [input], next: state.next });
}

/** Waits until the moment, epoch ms. */
export function* pause(thread: Thread, until: number): Flow<void> {
  const { clock } = thread.execution.runtime;
  thread.lighten();
  yield* external<true>(thread, (settle) => {
    const timer = clock.setTimer(until - clock.now(), () => settle(true));
    return () => timer.cancel();
  });
}

function* untilTimestamp(thread: Thread, visit: Visit, state: WaitState): Flow<number> {
  const template = state.timestamp;
  if (!template) return 0;
  const value = template.constant ?? (yield* evaluate(thread, visit, template, thread.env(visit)));
  if (typeof value !== 'string') throw unexpectedType(thread, visit, template, 'string', value);
  const until = TIMESTAMP.test(value) ? Date.parse(value.replace(/(\.\d{3})\d+/, '$1')) : Number.NaN;
  if (Number.isNaN(until)) {
    const detail = `The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: ${value}`;
    throw queryFailure(thread, visit, detail, 'Timestamp', thread.cursor);
  }
  return until;
}
