// What happens to a call, whichever way it came in.
//
//   D1. A key that was performed once is never performed again: the first answer is given again.
//   D2. Every call is logged exactly once, with what became of it.
//   D3. A refused, failed or stalled call has changed nothing.

import { type Json, type JsonObject, Refusal } from './json.ts';
import { type Misbehaviour, type MisbehaviourInput, misbehaviourRules } from './misbehaviour.ts';
import type { Operation } from './operation.ts';
import { createWorld, type World } from './world.ts';

interface DemoCall {
  transport: 'http' | 'grpc';
  operation: Operation;
  input: JsonObject;
  /** `Idempotency-Key`. */
  key: string | null;
  run: string | null;
  step: string | null;
}

/** What the transport has to do. */
export type Reply =
  | { kind: 'answer'; value: Json; delayMs: number }
  | { kind: 'reject' | 'fail'; status: number; message: string }
  | { kind: 'stall' }
  | { kind: 'lost' };

export interface LogEntry {
  /** 1, 2, 3, ... in order of arrival. */
  seq: number;
  transport: 'http' | 'grpc';
  operation: string;
  run: string | null;
  step: string | null;
  key: string | null;
  input: JsonObject;
  outcome: 'performed' | 'replayed' | 'rejected' | 'failed' | 'stalled' | 'answer_lost';
}

/** The hands on the demo services' levers. */
export interface DemoControl {
  /** Adds a rule of misbehaviour. */
  misbehave(rule: MisbehaviourInput): void;
  /** All calls so far, in order of arrival. */
  log(): LogEntry[];
  /** What exists, by kind; kinds with nothing are left out. */
  state(): { [kind: string]: Json[] };
  /** Forgets rules, log, state and keys. */
  reset(): void;
}

export interface Dispatcher extends DemoControl {
  dispatch(call: DemoCall): Reply;
}

/** @param onLog called with every log entry as it is made */
export function createDispatcher(onLog: (entry: LogEntry) => void): Dispatcher {
  const world = createWorld();
  const rules = misbehaviourRules();
  const performed = new Map<string, { input: string; value: Json }>();
  let log: LogEntry[] = [];

  const note = (call: DemoCall, outcome: LogEntry['outcome']): void => {
    const { transport, run, step, key, input } = call;
    const entry = { seq: log.length + 1, transport, operation: call.operation.name, run, step, key, input, outcome };
    log.push(entry);
    onLog(entry);
  };

  return {
    dispatch(call) {
      const rule = rules.take(call.operation.name, call.step);
      const refused = rule === null ? null : refusalOf(rule);
      if (refused !== null) {
        note(call, refused.kind === 'reject' ? 'rejected' : refused.kind === 'fail' ? 'failed' : 'stalled');
        return refused;
      }
      const result = performOnce(world, performed, call);
      if (result instanceof Refusal) {
        note(call, 'rejected');
        return { kind: 'reject', status: result.status, message: result.message };
      }
      const lost = rule?.mode === 'lose_answer';
      note(call, lost ? 'answer_lost' : result.replayed ? 'replayed' : 'performed');
      return lost ? { kind: 'lost' } : { kind: 'answer', value: result.value, delayMs: rule?.mode === 'delay' ? rule.delay_ms : 0 };
    },
    misbehave: (rule) => rules.add(rule),
    log: () => [...log],
    state: () => world.snapshot(),
    reset() {
      rules.clear();
      performed.clear();
      world.reset();
      log = [];
    },
  };
}

/** The reply of a rule that keeps the call from being performed; null where it is performed all the same. */
function refusalOf(rule: Misbehaviour): Reply | null {
  switch (rule.mode) {
    case 'fail':
      return { kind: 'fail', status: rule.status ?? 503, message: rule.message ?? 'the service is down' };
    case 'reject':
      return { kind: 'reject', status: rule.status ?? 422, message: rule.message ?? 'the service refused' };
    case 'stall':
      return { kind: 'stall' };
    case 'lose_answer':
    case 'delay':
      return null;
  }
}

function performOnce(
  world: World,
  performed: Map<string, { input: string; value: Json }>,
  { operation, input, key }: DemoCall,
): { value: Json; replayed: boolean } | Refusal {
  const name = key === null ? null : `${operation.name} ${key}`;
  const body = JSON.stringify(input);
  const before = name === null ? undefined : performed.get(name);
  if (before !== undefined) {
    return before.input === body ? { value: before.value, replayed: true } : new Refusal('this key was used with another input', 422);
  }
  try {
    const value = operation.run(world, input);
    if (name !== null) performed.set(name, { input: body, value });
    return { value, replayed: false };
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}
