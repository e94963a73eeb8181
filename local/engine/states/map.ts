import type { Json } from '../../../shared/json.ts';
import type { MapState } from '../definition/types.ts';
import { type Payload, payload, textOf, tooLarge } from '../payload.ts';
import { type Flow, type MapItem, receive, Thread, type Visit } from '../thread.ts';
import { ChildFailure, joining, recordedBranchFailure, recordResult } from './join.ts';
import { enter, evaluate, type Left, leave, queryFailure, sizeExceeded, unexpectedType, wholeNumber } from './leave.ts';
import { firstThread, hasFailed } from './parallel.ts';
import { recovering } from './recovery.ts';

/** Iterations of an inline Map that AWS runs at once where MaxConcurrency does not say less. */
const MAX_AT_ONCE = 40;

/** Map (inline): an iteration for each item; the first failure ends the others and is the state's error. */
export function map(thread: Thread, state: MapState, input: Payload): Flow<Left> {
  const visit = enter(thread, state, input);
  return recovering(
    thread,
    visit,
    state,
    () => attempt(thread, visit, state),
    () => thread.record('MapStateFailed', () => ''),
  );
}

interface Iterations {
  items: Json[];
  threads: number;
  atOnce: number;
}

function* attempt(thread: Thread, visit: Visit, state: MapState): Flow<Left> {
  const iterations = yield* begin(thread, visit, state);
  recordedBranchFailure(thread);
  const result = thread.peek() ? undefined : yield* joining(thread, () => iterate(thread, visit, state, iterations));
  const joined = recordResult(thread, 'MapStateSucceeded', result);
  return yield* leave(thread, visit, {
    output: state.output,
    assign: state.assign,
    otherwise: joined,
    states: { result: joined.value },
    known: [joined, visit.input],
    next: state.next,
  });
}

/** Evaluates `Items` and the limits, writes MapStateStarted. */
function* begin(thread: Thread, visit: Visit, state: MapState): Flow<Iterations> {
  const next = thread.peek();
  if (next?.type === 'MapStateStarted') {
    thread.take();
    const items = thread.execution.index?.read(next.details, '~items');
    if (!Array.isArray(items)) throw new Error(`Event ${next.id} of the journal does not hold the items`);
    return { items, threads: firstThread(next.details['~threads'], next.id), atOnce: Number(next.details['~atOnce']) };
  }
  const items = yield* itemsOf(thread, visit, state);
  const limit = (yield* wholeNumber(thread, visit, state.maxConcurrency, 0)) ?? 0;
  yield* wholeNumber(thread, visit, state.toleratedFailureCount, 0);
  if (state.toleratedFailurePercentage) yield* evaluate(thread, visit, state.toleratedFailurePercentage, thread.env(visit));
  const atOnce = limit === 0 ? MAX_AT_ONCE : Math.min(limit, MAX_AT_ONCE);
  const threads = thread.execution.newThreads(items.length);
  const held =
    items === visit.input.value && visit.input.at !== undefined
      ? `"~items^":${JSON.stringify(visit.input.at)}`
      : `"~items":${JSON.stringify(items)}`;
  thread.write('MapStateStarted', () => `"length":${items.length},"~threads":[${threads},${items.length}],"~atOnce":${atOnce},${held}`);
  return { items, threads, atOnce };
}

function* itemsOf(thread: Thread, visit: Visit, state: MapState): Flow<Json[]> {
  if (!state.items) {
    const { value } = visit.input;
    if (Array.isArray(value)) return value;
    throw queryFailure(
      thread,
      visit,
      `Map state input must be an array but was: ${JSON.stringify(value)}`,
      undefined,
      visit.enteredPrevious,
    );
  }
  const value = state.items.constant ?? (yield* evaluate(thread, visit, state.items, thread.env(visit)));
  if (!Array.isArray(value)) throw unexpectedType(thread, visit, state.items, 'array', value);
  return value;
}

/** Starts iterations in order, as many at once as allowed, until all have ended or one has failed. */
function* iterate(thread: Thread, visit: Visit, state: MapState, { items, threads, atOnce }: Iterations): Flow<Payload> {
  const outputs: Payload[] = [];
  let previous = thread.cursor;
  let started = 0;
  let ended = 0;
  while (ended < items.length) {
    // All that may start are announced before the first of them runs (recorded on AWS).
    const announced: [child: Thread, input: Payload][] = [];
    while (started < items.length && started - ended < atOnce && !thread.inbox.some(hasFailed)) {
      const item = { index: started, value: items[started] ?? null };
      const child = new Thread(thread.execution, threads + started, thread, previous, item);
      started++;
      announced.push([child, yield* announce(thread, visit, state, child, item)]);
    }
    for (const [child, input] of announced) if (!thread.inbox.some(hasFailed)) child.start(state.processor, input);
    const child = (yield* receive(thread)) as Thread;
    const { end, item } = child;
    if (!end || !item) throw new Error('An iteration was reported that has not ended');
    previous = child.cursor;
    const about = `"index":${item.index},"name":${visit.state.nameJson}`;
    if ('error' in end) {
      // The event does not move the iteration on: what follows has the same one before it.
      if (!end.error.fatal) child.record('MapIterationFailed', () => about);
      child.cursor = previous;
      throw new ChildFailure(child, end.error);
    }
    thread.cursor = child.record('MapIterationSucceeded', () => about).id;
    outputs[item.index] = end.output;
    ended++;
  }
  const result = payload(outputs.map((output) => output.value) as Json, `[${outputs.map(textOf).join(',')}]`);
  if (tooLarge(textOf(result)) && !state.output) throw sizeExceeded(state.name);
  return result;
}

/** Evaluates ItemSelector and writes MapIterationStarted; the iteration's input. */
function* announce(thread: Thread, visit: Visit, state: MapState, child: Thread, item: MapItem): Flow<Payload> {
  const recorded = child.peek();
  if (recorded) {
    child.take();
    const input = payload(thread.execution.index?.read(recorded.details, 'input') ?? null);
    input.at = recorded.id;
    return input;
  }
  let input = payload(item.value);
  if (state.itemSelector) {
    const env = child.env({ ...visit, context: undefined });
    input = payload(yield* evaluate(thread, visit, state.itemSelector, { ...env, vars: thread.vars }));
    if (tooLarge(textOf(input))) throw sizeExceeded(state.name);
  }
  child.write('MapIterationStarted', (event) => {
    input.at = event;
    return `"index":${item.index},"name":${visit.state.nameJson},"input":${textOf(input)}`;
  });
  return input;
}
