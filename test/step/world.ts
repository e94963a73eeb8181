// A world for the step function: a store in memory, a clock that jumps to the next timer, services that answer by script.

import { createStepFunction, StepError, type StepFunction, type StepFunctionOptions } from '../../functions/step/index.ts';
import type { Caller, CallOutcome, CallRequest } from '../../shared/calls/types.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import type { CallMessage, CallSpec, RawError, RunRef, StepMessage } from '../../shared/protocol/step-message.ts';
import {
  createRuns,
  type DeadLetter,
  listSteps,
  type RunEvent,
  type Runs,
  readRun,
  runKeyOf,
  stepStatus,
} from '../../shared/runs/index.ts';
import type { Blobs, Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';

export const START = '2026-01-02T03:04:05.678Z';
export const START_MS = Date.parse(START);
export const RUN: RunRef = ['arn:aws:states:us-east-1:123456789012:execution:order:e-1', START];
export const RUN_ID = runKeyOf(RUN).id;

export interface TestClock extends Clock {
  /** Moves time without firing what is due in between. */
  set(ms: number): void;
}

/** Timers fire in order as soon as nothing else is going on; the time is then theirs. */
export function jumpingClock(startMs = START_MS): TestClock {
  let now = startMs;
  let timers: { at: number; fire: () => void }[] = [];
  let planned = false;
  function plan(): void {
    if (planned || timers.length === 0) return;
    planned = true;
    setImmediate(() => {
      planned = false;
      timers.sort((a, b) => a.at - b.at);
      const next = timers.shift();
      if (next) {
        now = Math.max(now, next.at);
        next.fire();
      }
      plan();
    });
  }
  return {
    now: () => now,
    set(ms) {
      now = ms;
    },
    setTimer(delayMs, fire) {
      const timer = { at: now + Math.max(0, delayMs), fire };
      timers.push(timer);
      plan();
      return {
        cancel() {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
  };
}

export function memoryBlobs(): Blobs & { all: Map<string, Uint8Array> } {
  const all = new Map<string, Uint8Array>();
  return {
    all,
    async put(key, bytes) {
      all.set(key, bytes);
    },
    async get(key) {
      return all.get(key);
    },
  };
}

type Answer = CallOutcome | ((request: CallRequest) => CallOutcome | Promise<CallOutcome>);

export interface FakeCaller extends Caller {
  requests: CallRequest[];
  /** `key attempt` of every request, in order. */
  keys(): string[];
  /** The next answers of a service, in order; the last one stays. */
  answers(service: string, ...answers: Answer[]): void;
}

export function fakeCaller(): FakeCaller {
  const scripts = new Map<string, Answer[]>();
  const requests: CallRequest[] = [];
  return {
    requests,
    keys: () => requests.map(({ idempotencyKey, attempt }) => `${idempotencyKey.slice(idempotencyKey.indexOf('/') + 1)} ${attempt}`),
    answers(service, ...answers) {
      scripts.set(service, answers);
    },
    async call(request) {
      requests.push(request);
      const script = scripts.get(request.service.name) ?? [];
      const answer = script.length > 1 ? script.shift() : script[0];
      if (answer === undefined) return done({ ok: true });
      return typeof answer === 'function' ? answer(request) : answer;
    },
    origin: ({ service }: CallSpec) => `http://${service.name}`,
    async close() {},
  };
}

export function done(value: Json): CallOutcome {
  return { outcome: 'done', value };
}

type Failed = Exclude<CallOutcome, { outcome: 'done' }>;

export const unavailable: Failed = { outcome: 'not_performed', error: 'Maestro.ServiceUnavailable', message: 'refused', detail: {} };
export const timedOut: Failed = { outcome: 'unknown', error: 'Maestro.ServiceTimeout', message: 'no answer', detail: {} };
export const rejected: Failed = {
  outcome: 'not_performed',
  error: 'Maestro.ServiceRejected',
  message: 'no such item',
  detail: { status: 404, body: '{"no":1}' },
};
export const brokenLate: Failed = { outcome: 'unknown', error: 'Maestro.ServiceUnavailable', message: '500', detail: { status: 500 } };
export const unusable: Failed = { outcome: 'unusable', error: 'Maestro.BadResponse', message: 'cut off', detail: { status: 200 } };

export interface World {
  store: Store;
  blobs: ReturnType<typeof memoryBlobs>;
  clock: TestClock;
  caller: FakeCaller;
  runs: Runs;
  events: RunEvent[];
  notices: DeadLetter[];
  step: StepFunction;
  /** Another process on the same store. */
  another(options?: Partial<StepFunctionOptions>): StepFunction;
  /** Like `step`, but answers `{error, facts}` instead of throwing. */
  send(message: StepMessage): Promise<{ value?: Json; error?: string; facts?: { [key: string]: Json } }>;
  /** `step: status` by place. */
  statuses(): Promise<{ [at: string]: string }>;
  runStatus(): Promise<string>;
}

export function createWorld(options: Partial<StepFunctionOptions> & { store?: Store; clock?: TestClock } = {}): World {
  const clock = options.clock ?? jumpingClock();
  const store = options.store ?? createSqliteStore(openDatabase({ path: ':memory:' }));
  const blobs = memoryBlobs();
  const caller = fakeCaller();
  const events: RunEvent[] = [];
  const notices: DeadLetter[] = [];
  const runs = createRuns({ store, blobs, clock, onEvent: (_id, event) => events.push(event) });
  let instances = 0;
  let secrets = 0;
  const another = (more: Partial<StepFunctionOptions> = {}): StepFunction =>
    createStepFunction({
      store,
      blobs,
      clock,
      caller,
      runs,
      ids: { instance: `i${++instances}`, secret: () => `secret${++secrets}` },
      notify: async (notice) => {
        notices.push(notice);
      },
      ...options,
      ...more,
    });
  const step = another();
  return {
    store,
    blobs,
    clock,
    caller,
    runs,
    events,
    notices,
    step,
    another,
    send: (message) => outcomeOf(step(message)),
    async statuses() {
      const steps = await listSteps(runs, RUN_ID);
      return Object.fromEntries(steps.map((record) => [record.at, stepStatus(record)]));
    },
    runStatus: async () => (await readRun(runs, RUN_ID)).status,
  };
}

export async function outcomeOf(promise: Promise<Json>): Promise<{ value?: Json; error?: string; facts?: { [key: string]: Json } }> {
  try {
    return { value: await promise };
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return { error: error.name, facts: JSON.parse(error.message) };
  }
}

/** A call at a place: service `s<n>` for place `000n`, with an undo on service `u<n>` unless told otherwise. */
export function call(n: number, more: Partial<CallMessage> = {}): CallMessage {
  const at = more.at ?? String(n).padStart(4, '0');
  return {
    v: 1,
    op: 'call',
    run: RUN,
    step: `step${n}`,
    at,
    attempt: 0,
    limit: 300_000,
    service: { name: `s${n}`, type: 'http', endpoint: [`http://s${n}`] },
    verb: 'POST',
    method: [`/do/${n}`],
    input: { n },
    undo: { service: { name: `u${n}`, type: 'http', endpoint: [`http://u${n}`] }, verb: 'POST', method: [`/undo/${n}`], input: { n } },
    ...more,
  };
}

export const ERROR: RawError = { step: 'step9', error: 'Maestro.ServiceRejected', cause: '{"message":"no such item"}' };

export function undo(n: number, more: { at?: string; attempts?: number; error?: RawError | null } = {}): StepMessage {
  return { v: 1, op: 'undo', run: RUN, step: `step${n}`, at: String(n).padStart(4, '0'), error: ERROR, ...more };
}

export function report(error: RawError | null = ERROR): StepMessage {
  return { v: 1, op: 'report', run: RUN, workflow: 'order', version: '1', error };
}
