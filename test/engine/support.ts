// An engine on a virtual clock, for tests.

import {
  createEngine,
  type Engine,
  type EngineOptions,
  type ExecutionDescription,
  type HistoryEvent,
  type LambdaResult,
} from '../../local/engine/index.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { type Database, openDatabase } from '../../shared/store/database.ts';

export const ACCOUNT = '111111111111';
export const START = Date.parse('2026-01-02T03:04:05.000Z');

/** A clock that moves only when it is told to. */
export interface VirtualClock extends Clock {
  /** Moves to the next timer and fires it; false when none is set. */
  next(): boolean;
  readonly timers: number;
}

export function virtualClock(start = START): VirtualClock {
  let now = start;
  let order = 0;
  const timers = new Map<number, { at: number; fire: () => void }>();
  return {
    now: () => now,
    setTimer(delayMs, fire) {
      const id = ++order;
      timers.set(id, { at: now + Math.max(delayMs, 0), fire });
      return { cancel: () => timers.delete(id) };
    },
    next() {
      const [first] = [...timers].sort(([a, x], [b, y]) => x.at - y.at || a - b);
      if (!first) return false;
      timers.delete(first[0]);
      now = Math.max(now, first[1].at);
      first[1].fire();
      return true;
    },
    get timers() {
      return timers.size;
    },
  };
}

export type TestFunction = (payload: Json, attempt: number) => Json | LambdaResult | Promise<Json | LambdaResult>;

/** A function that fails as a Lambda does. */
export const throws = (error: string, message = 'it failed'): LambdaResult => ({
  error,
  cause: JSON.stringify({ errorType: error, errorMessage: message, trace: [] }),
});

export interface World {
  engine: Engine;
  clock: VirtualClock;
  database: Database;
  /** Names of the functions called, in order. */
  calls: string[];
  /** Creates the machine and starts it. */
  start(definition: JsonObject, input?: Json, name?: string): Promise<string>;
  /** As `start`, then runs until the end, moving the clock when nothing else happens. */
  run(definition: JsonObject, input?: Json): Promise<Finished>;
  finish(executionArn: string): Promise<Finished>;
  history(executionArn: string): HistoryEvent[];
}

export interface Finished extends ExecutionDescription {
  result: Json;
  events: HistoryEvent[];
  types: string[];
}

export interface WorldOptions extends Partial<Omit<EngineOptions, 'clock' | 'database'>> {
  functions?: { [name: string]: TestFunction };
  database?: Database;
  clock?: VirtualClock;
}

/** Lets everything happen that needs no timer. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 60; i++) await new Promise((resolve) => setImmediate(resolve));
}

export function world(options: WorldOptions = {}): World {
  const { functions = {}, ...rest } = options;
  const database = options.database ?? openDatabase({ path: ':memory:' });
  const clock = options.clock ?? virtualClock();
  const calls: string[] = [];
  let count = 0;
  const lambda: EngineOptions['lambda'] = async (call) => {
    const name = call.functionArn.split(':')[6] ?? '';
    calls.push(name);
    const run = functions[name];
    if (!run) return { error: 'Lambda.ResourceNotFoundException', cause: `Function not found: ${name}` };
    const result = await run(call.payload, call.attempt);
    return typeof result === 'object' && result !== null && !Array.isArray(result) && 'error' in result && 'cause' in result
      ? (result as LambdaResult)
      : { payload: result as Json };
  };
  const uuid = (): string => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`;
  const engine = createEngine({ clock, database, ids: { uuid, random: () => 0.5 }, accountId: ACCOUNT, lambda, ...rest });

  const here: World = {
    engine,
    clock,
    database,
    calls,
    async start(definition, input = {}, name) {
      const machine = await engine.createStateMachine({
        name: `machine-${++count}`,
        definition: JSON.stringify({ QueryLanguage: 'JSONata', ...definition }),
      });
      const started = await engine.startExecution({
        stateMachineArn: machine.stateMachineArn,
        input: JSON.stringify(input),
        ...(name === undefined ? {} : { name }),
      });
      return started.executionArn;
    },
    async run(definition, input) {
      return here.finish(await here.start(definition, input));
    },
    async finish(arn) {
      for (let turns = 0; engine.describeExecution(arn).status === 'RUNNING'; turns++) {
        if (turns > 2000) throw new Error(`The execution does not end: ${JSON.stringify(here.history(arn).at(-1))}`);
        await settle();
        if (engine.describeExecution(arn).status === 'RUNNING' && !clock.next())
          throw new Error(`The execution waits for nothing: ${JSON.stringify(here.history(arn).at(-1))}`);
      }
      const described = engine.describeExecution(arn);
      const events = here.history(arn);
      return {
        ...described,
        result: described.output === null ? null : JSON.parse(described.output),
        events,
        types: events.map(({ type }) => type),
      };
    },
    history(arn) {
      const events: HistoryEvent[] = [];
      let nextToken: string | undefined;
      do {
        const page = engine.getHistory({ executionArn: arn, maxResults: 1000, ...(nextToken === undefined ? {} : { nextToken }) });
        events.push(...page.items);
        nextToken = page.nextToken;
      } while (nextToken !== undefined);
      return events;
    },
  };
  return here;
}

export const functionArn = (name: string): string => `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${name}`;

/** A Task on lambda:invoke that gives the function's own result. */
export function invoke(name: string, payload: Json, more: JsonObject = {}): JsonObject {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: { FunctionName: functionArn(name), Payload: payload },
    Output: '{% $states.result.Payload %}',
    ...more,
  };
}

/** A machine of states that follow each other, in the order given. */
export function sequence(states: JsonObject): JsonObject {
  const names = Object.keys(states);
  const linked = names.map((name, i) => {
    const state = states[name] as JsonObject;
    const ends = ['Succeed', 'Fail', 'Choice'].includes(String(state['Type']));
    const way: JsonObject =
      ends || 'Next' in state || 'End' in state ? {} : i === names.length - 1 ? { End: true } : { Next: names[i + 1] ?? '' };
    return [name, { ...state, ...way }];
  });
  return { StartAt: names[0] ?? '', States: Object.fromEntries(linked) };
}

/** The ids are 1, 2, 3 ... and every event names an earlier one. */
export function isGapFree(events: HistoryEvent[]): boolean {
  return events.every((event, i) => event.id === i + 1 && event.previousEventId < event.id);
}
