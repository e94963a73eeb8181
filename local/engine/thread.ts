// A thread walks one region: the machine itself, a branch of a Parallel, an iteration of a Map.
//
// A state's function is a generator. It yields PARK when only the outside can wake it (a result, a timer, a child), or a promise
// when an expression has to be awaited; otherwise it runs on without giving way.
//
//   T1. A thread that was recorded replays: `record` then hands out what the journal has instead of writing, and nothing that was
//       evaluated is evaluated again. When its recorded entries are used up it goes on live, in the middle of any state.
//   T2. What is written live depends only on what was written before it or arrives from outside, never on what a replay would
//       compute anew.
//   T3. A dead thread writes nothing and starts nothing.

import type { Json, JsonObject } from '../../shared/json.ts';
import type { Region, State } from './definition/types.ts';
import { StateError } from './errors.ts';
import type { Execution } from './execution.ts';
import type { Env, StatesObject, Variables } from './expressions/index.ts';
import type { Entry } from './history.ts';
import type { Payload } from './payload.ts';

export const PARK = Symbol('park');
export type Flow<T> = Generator<typeof PARK | Promise<unknown>, T, unknown>;

/** A state that a thread is in. */
export interface Visit {
  state: State;
  input: Payload;
  enteredId: number;
  /** The event before the state's: what its EvaluationFailed refers to. */
  enteredPrevious: number;
  enteredAt: number;
  retryCount: number;
  /** Retries taken so far, per retrier. */
  retries: number[];
  token: string | undefined;
  context: Json | undefined;
}

export interface MapItem {
  index: number;
  value: Json;
}

export interface RecordedOrNew {
  id: number;
  previous: number;
  at: number;
  /** What the journal had; undefined when the entry is new. */
  recorded: JsonObject | undefined;
}

/** How a thread ended. */
export type ThreadEnd = { output: Payload } | { error: StateError };

export class Thread {
  readonly id: number;
  readonly execution: Execution;
  readonly parent: Thread | undefined;
  readonly vars: Variables;
  readonly item: MapItem | undefined;
  /** What new events name as the one before them. */
  cursor: number;
  visit: Visit | undefined;
  end: ThreadEnd | undefined;
  /** Children that have not ended. */
  readonly children = new Set<Thread>();
  /** What has arrived from outside. */
  readonly inbox: unknown[] = [];
  /** Takes back what the thread waits for. */
  cancel: (() => void) | undefined;
  dead = false;
  /** It has an event in the history. */
  begun = false;
  #flow: Flow<Payload> | undefined;
  #running = false;
  #parked = false;
  #recorded: Entry[] | undefined;
  #next = 0;
  #sizes: Map<string, number> | undefined;

  constructor(execution: Execution, id: number, parent: Thread | undefined, cursor: number, item?: MapItem) {
    this.execution = execution;
    this.id = id;
    this.parent = parent;
    this.cursor = cursor;
    this.item = item ?? parent?.item;
    this.vars = Object.create(parent ? parent.vars : null);
    this.#recorded = execution.takeRecorded(id);
    parent?.children.add(this);
  }

  // Replay

  /** The next recorded entry, if this thread still replays. */
  peek(): Entry | undefined {
    return this.#recorded?.[this.#next];
  }

  take(): Entry {
    const entry = this.peek();
    if (!entry) throw new Error(`Thread ${this.id} has no recorded entry left`);
    if (++this.#next >= (this.#recorded?.length ?? 0)) this.#recorded = undefined;
    this.begun = true;
    if (entry.id !== 0) this.cursor = entry.id;
    return entry;
  }

  /**
   * The next event of this thread: the recorded one where it replays, else a new one.
   * @param details text of the JSON object's members, given the event's id
   */
  record(type: string, details: (id: number) => string, previous = this.cursor): RecordedOrNew {
    const next = this.peek();
    if (next) {
      if (next.type !== type) throw new Error(`The journal has ${next.type} (event ${next.id}) where ${type} was expected`);
      this.take();
      return { id: next.id, previous: next.previous, at: next.at, recorded: next.details };
    }
    const id = this.write(type, details, previous);
    return { id, previous, at: this.execution.now, recorded: undefined };
  }

  /** Writes a new event and moves on to it. */
  write(type: string, details: (id: number) => string, previous = this.cursor): number {
    if (this.dead) throw new Aborted();
    this.begun = true;
    this.cursor = this.execution.write(this.id, type, details, previous);
    return this.cursor;
  }

  /** Writes a note of the engine's own: no event, not shown. */
  note(type: string, details: string): void {
    if (this.dead) throw new Aborted();
    this.execution.note(this.id, type, details);
  }

  /** A recorded note of that type is next. */
  noted(type: string): JsonObject | undefined {
    return this.peek()?.type === type ? this.take().details : undefined;
  }

  // Running

  start(region: Region, input: Payload): void {
    this.#flow = this.execution.walk(this, region, input);
    this.#advance((flow) => flow.next(undefined));
  }

  /** Hands something to the thread. */
  deliver(message: unknown): void {
    if (this.dead) return;
    this.inbox.push(message);
    if (this.#parked) {
      this.#parked = false;
      this.#advance((flow) => flow.next(undefined));
    }
  }

  /** Ends the thread and all below it, writing nothing. */
  kill(): void {
    this.dead = true;
    this.cancel?.();
    this.cancel = undefined;
    this.#forgetVariables();
    for (const child of this.children) child.kill();
    if (!this.#running) this.#flow?.return(undefined as never);
  }

  #advance(send: (flow: Flow<Payload>) => IteratorResult<typeof PARK | Promise<unknown>, Payload>): void {
    if (this.dead || !this.#flow) return;
    this.#running = true;
    let result: IteratorResult<typeof PARK | Promise<unknown>, Payload>;
    try {
      result = send(this.#flow);
    } catch (error) {
      this.#running = false;
      if (!this.dead) this.#finish({ error: asStateError(error) });
      return;
    }
    this.#running = false;
    if (this.dead) return;
    if (result.done) return this.#finish({ output: result.value });
    if (result.value === PARK) {
      this.#parked = true;
      return;
    }
    result.value.then(
      (value) => this.#advance((flow) => flow.next(value)),
      (error: unknown) => this.#advance((flow) => flow.throw(error)),
    );
  }

  #finish(end: ThreadEnd): void {
    this.end = end;
    this.#flow = undefined;
    this.#forgetVariables();
    // Left only by an error that ends the execution.
    for (const child of this.children) child.kill();
    if (this.parent) {
      this.parent.children.delete(this);
      this.parent.deliver(this);
    } else this.execution.finish(end);
  }

  /** Before a long wait: lets go of texts and objects that can be made again. */
  lighten(): void {
    this.execution.start.input.text = undefined;
    if (!this.visit) return;
    this.visit.input.text = undefined;
    this.visit.context = undefined;
  }

  // Variables

  /** Sets a variable of this thread's scope. `bytes`: the length of its JSON text. */
  assign(name: string, value: Json, bytes: number): void {
    this.#sizes ??= new Map();
    this.execution.variableBytes += bytes - (this.#sizes.get(name) ?? 0);
    this.#sizes.set(name, bytes);
    this.vars[name] = value;
  }

  #forgetVariables(): void {
    for (const bytes of this.#sizes?.values() ?? []) this.execution.variableBytes -= bytes;
    this.#sizes = undefined;
  }

  // What expressions see

  env(visit: Visit, more?: Partial<StatesObject>): Env {
    visit.context ??= this.#context(visit);
    return { vars: this.vars, states: { input: visit.input.value, context: visit.context, ...more }, now: this.execution.clockNow() };
  }

  #context(visit: Visit): Json {
    const state: JsonObject = { EnteredTime: new Date(visit.enteredAt).toISOString(), Name: visit.state.name };
    if ('retry' in visit.state) state['RetryCount'] = visit.retryCount;
    const context: JsonObject = { ...this.execution.context, State: state };
    if (visit.token !== undefined) context['Task'] = { Token: visit.token };
    if (this.item) context['Map'] = { Item: { Index: this.item.index, Value: this.item.value } };
    return context;
  }
}

/** Leaves a generator whose thread has been ended from outside. */
export class Aborted extends Error {
  constructor() {
    super('The thread has ended');
    this.name = 'Aborted';
  }
}

/** Waits for the next message. */
export function* receive(thread: Thread): Flow<unknown> {
  while (thread.inbox.length === 0) yield PARK;
  return thread.inbox.shift();
}

/**
 * Waits for one outcome from outside.
 * @param begin starts it; calls `settle` once, now or later; returns how to take it back
 */
export function* external<T>(thread: Thread, begin: (settle: (outcome: T) => void) => () => void): Flow<T> {
  let settled = false;
  const cancel = begin((outcome) => {
    if (settled) return;
    settled = true;
    thread.deliver(outcome);
  });
  const stop = (): void => {
    settled = true;
    cancel();
  };
  thread.cancel = stop;
  const outcome = (yield* receive(thread)) as T;
  thread.cancel = undefined;
  stop();
  return outcome;
}

function asStateError(error: unknown): StateError {
  if (error instanceof StateError) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new StateError('States.Runtime', `The engine could not go on: ${said}`, { fatal: true });
}
