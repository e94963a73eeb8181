import type { Json } from '../../../shared/json.ts';
import type { ParallelState } from '../definition/types.ts';
import { type Payload, payload, textOf, tooLarge } from '../payload.ts';
import { type Flow, receive, Thread, type Visit } from '../thread.ts';
import { ChildFailure, joining, recordedBranchFailure, recordResult } from './join.ts';
import { asPayload, enter, evaluate, type Left, leave, sizeExceeded } from './leave.ts';
import { recovering } from './recovery.ts';

/** Parallel: all branches at once; the first failure ends the others and is the state's error. */
export function parallel(thread: Thread, state: ParallelState, input: Payload): Flow<Left> {
  const visit = enter(thread, state, input);
  return recovering(
    thread,
    visit,
    state,
    () => attempt(thread, visit, state),
    () => thread.record('ParallelStateFailed', () => ''),
  );
}

function* attempt(thread: Thread, visit: Visit, state: ParallelState): Flow<Left> {
  const { input, threads } = yield* begin(thread, visit, state);
  recordedBranchFailure(thread);
  const result = thread.peek() ? undefined : yield* joining(thread, () => branches(thread, state, input, threads));
  const joined = recordResult(thread, 'ParallelStateSucceeded', result);
  return yield* leave(thread, visit, {
    output: state.output,
    assign: state.assign,
    otherwise: joined,
    states: { result: joined.value },
    known: [joined, visit.input],
    next: state.next,
  });
}

/** Evaluates `Arguments` and writes ParallelStateStarted. */
function* begin(thread: Thread, visit: Visit, state: ParallelState): Flow<{ input: Payload; threads: number }> {
  const started = thread.peek();
  let input = visit.input;
  if (started?.type !== 'ParallelStateStarted' && state.arguments) {
    input = asPayload(yield* evaluate(thread, visit, state.arguments, thread.env(visit)), [visit.input]);
    if (tooLarge(textOf(input))) throw sizeExceeded(state.name);
  }
  const count = state.branches.length;
  let first = 0;
  const { recorded, id } = thread.record('ParallelStateStarted', () => {
    first = thread.execution.newThreads(count);
    const own = state.arguments && input !== visit.input ? `,"~input":${textOf(input)}` : '';
    return `"~threads":[${first},${count}]${own}`;
  });
  if (!recorded) return { input, threads: first };
  const own = recorded['~input'];
  return { input: own === undefined ? visit.input : payload(own), threads: firstThread(recorded['~threads'], id) };
}

/** Runs the branches to the end of the last, or the first failure. */
function* branches(thread: Thread, state: ParallelState, input: Payload, threads: number): Flow<Payload> {
  const started = thread.cursor;
  const all = state.branches.map((region, i) => ({ region, thread: new Thread(thread.execution, threads + i, thread, started) }));
  for (const branch of all) {
    if (thread.inbox.some(hasFailed)) break;
    branch.thread.start(branch.region, input);
  }
  const outputs: Payload[] = [];
  for (let left = all.length; left > 0; left--) {
    const ended = (yield* receive(thread)) as Thread;
    if (!ended.end) throw new Error('A branch was reported that has not ended');
    if ('error' in ended.end) throw new ChildFailure(ended, ended.end.error);
    outputs[ended.id - threads] = ended.end.output;
    thread.cursor = ended.cursor;
  }
  return payload(outputs.map((output) => output.value) as Json, `[${outputs.map(textOf).join(',')}]`);
}

/** A message that a child has failed. */
export const hasFailed = (message: unknown): boolean => message instanceof Thread && message.end !== undefined && 'error' in message.end;

export function firstThread(threads: Json | undefined, event: number): number {
  if (!Array.isArray(threads) || typeof threads[0] !== 'number') throw new Error(`Event ${event} of the journal does not name its threads`);
  return threads[0];
}
