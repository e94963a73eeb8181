// One execution: its numbers, its threads, and what it has to write at the end of this turn.

import type { Clock, Timer } from '../../shared/clock.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import type { Machine, Region } from './definition/types.ts';
import { StateError } from './errors.ts';
import { type Entry, failureDetails, PayloadIndex, readEntries } from './history.ts';
import { type Payload, textOf } from './payload.ts';
import type { Runtime } from './runtime.ts';
import { type Flow, Thread, type ThreadEnd } from './thread.ts';
import type { ExecutionStatus, StateMachineType } from './types.ts';
import { walk } from './walk.ts';

/** Events of one execution (AWS: hard quota); the last one is the execution's end. */
export const MAX_EVENTS = 25_000;

export interface ExecutionStart {
  id: number;
  arn: string;
  name: string;
  machineArn: string;
  machineName: string;
  type: StateMachineType;
  machine: Machine;
  roleArn: string;
  input: Payload;
  /** Epoch ms. */
  started: number;
}

export interface ExecutionEnd {
  status: ExecutionStatus;
  stopped: number;
  output: string | null;
  error: string | null;
  cause: string | null;
}

export class Execution {
  readonly start: ExecutionStart;
  readonly runtime: Runtime;
  /** The parts of the context object that do not change. */
  readonly context: JsonObject;
  readonly root: Thread;
  /** Epoch ms of the newest entry. */
  now: number;
  /** Length of the JSON texts of all variables in scope anywhere. */
  variableBytes = 0;
  end: ExecutionEnd | undefined;
  index: PayloadIndex | undefined;
  #clock: Clock;
  #lastEvent = 0;
  #lastThread = 0;
  #pending = '';
  #recorded: Map<number, Entry[]> | undefined;
  #timeout: Timer | undefined;

  constructor(start: ExecutionStart, runtime: Runtime, journal?: string[]) {
    this.start = start;
    this.runtime = runtime;
    this.#clock = runtime.clock;
    this.now = start.started;
    this.context = {
      Execution: {
        Id: start.arn,
        Input: start.input.value,
        Name: start.name,
        RoleArn: start.roleArn,
        StartTime: new Date(start.started).toISOString(),
        RedriveCount: 0,
      },
      StateMachine: { Id: start.machineArn, Name: start.machineName },
    };
    start.input.at = 1;
    if (journal) this.#load(journal);
    this.root = new Thread(this, 0, undefined, 0);
  }

  /** Runs until everything waits, or the end. */
  run(): void {
    const { machine, started, input } = this.start;
    if (this.#lastEvent === 0) this.write(0, 'ExecutionStarted', () => `"input^":1,"roleArn":${JSON.stringify(this.start.roleArn)}`, 0);
    else this.#skipStarted();
    if (machine.timeoutSeconds !== undefined) {
      this.#timeout = this.#clock.setTimer(started + machine.timeoutSeconds * 1000 - this.#clock.now(), () => this.timeOut());
    }
    this.root.start(machine, input);
    this.#recorded = undefined;
    this.index = undefined;
  }

  // The journal

  /** Writes an event; its id. @throws StateError when the history is full */
  write(thread: number, type: string, details: (id: number) => string, previous: number): number {
    if (this.end) throw new StateError('States.Runtime', 'The execution has ended', { fatal: true });
    if (this.#lastEvent >= MAX_EVENTS - 1 && !type.startsWith('Execution')) {
      throw new StateError('States.Runtime', `The execution reached the maximum number of history events (${MAX_EVENTS}).`, {
        fatal: true,
      });
    }
    const id = ++this.#lastEvent;
    this.now = this.#clock.now();
    this.#append(`[${id},${previous},"${type}",${this.now},${thread},{${details(id)}}]`);
    return id;
  }

  note(thread: number, type: string, details: string): void {
    this.#append(`[0,0,"${type}",${this.#clock.now()},${thread},{${details}}]`);
  }

  /** What was collected since the last call, as one row; undefined when nothing was. */
  takePending(): string | undefined {
    if (this.#pending === '') return undefined;
    const row = this.#pending;
    this.#pending = '';
    return row;
  }

  #append(entry: string): void {
    if (this.#pending === '') {
      this.#pending = entry;
      this.runtime.collect(this);
    } else this.#pending += `,${entry}`;
  }

  clockNow(): number {
    return this.#clock.now();
  }

  newThreads(count: number): number {
    const first = this.#lastThread + 1;
    this.#lastThread += count;
    return first;
  }

  // Replay

  #load(rows: string[]): void {
    const index = new PayloadIndex(this.start.input.value);
    const recorded = new Map<number, Entry[]>();
    for (const row of rows) {
      for (const entry of readEntries(row)) {
        index.add(entry);
        this.#lastEvent = Math.max(this.#lastEvent, entry.id);
        this.#lastThread = Math.max(this.#lastThread, entry.thread, lastThreadOf(entry));
        const list = recorded.get(entry.thread);
        if (list) list.push(entry);
        else recorded.set(entry.thread, [entry]);
      }
    }
    this.index = index;
    this.#recorded = recorded;
  }

  #skipStarted(): void {
    if (this.root.peek()?.type === 'ExecutionStarted') {
      this.root.take();
      this.root.cursor = 0;
    }
  }

  takeRecorded(thread: number): Entry[] | undefined {
    const entries = this.#recorded?.get(thread);
    this.#recorded?.delete(thread);
    return entries;
  }

  walk(thread: Thread, region: Region, input: Payload): Flow<Payload> {
    return walk(thread, region, input);
  }

  // The end

  finish(end: ThreadEnd): void {
    if (this.end) return;
    const previous = 'error' in end && end.error.fatal ? this.#lastEvent : this.root.cursor;
    if ('output' in end) {
      const output = textOf(end.output);
      this.write(0, 'ExecutionSucceeded', () => '"~output":true', previous);
      this.#close({ status: 'SUCCEEDED', output, error: null, cause: null });
    } else {
      const { error, reason } = end.error;
      this.write(0, 'ExecutionFailed', () => failureDetails(error, reason), previous);
      this.#close({ status: 'FAILED', output: null, error, cause: reason ?? null });
    }
  }

  /** The machine's own TimeoutSeconds: no Catch runs. */
  timeOut(): void {
    if (this.end) return;
    this.root.kill();
    // As measured on AWS: the event names the error and follows nothing, DescribeExecution has neither error nor cause.
    this.write(0, 'ExecutionTimedOut', () => '"error":"States.Timeout"', 0);
    this.#close({ status: 'TIMED_OUT', output: null, error: null, cause: null });
  }

  abort(error: string | null, cause: string | null): void {
    if (this.end) return;
    this.root.kill();
    this.write(0, 'ExecutionAborted', () => failureDetails(error, cause), 0);
    this.#close({ status: 'ABORTED', output: null, error, cause });
  }

  /** Lets go of timers and calls without an end: another process will go on. */
  suspend(): void {
    this.#timeout?.cancel();
    this.root.kill();
  }

  #close(end: Omit<ExecutionEnd, 'stopped'>): void {
    this.#timeout?.cancel();
    this.root.kill();
    this.end = { ...end, stopped: this.now };
    this.runtime.ended(this);
  }
}

function lastThreadOf(entry: Entry): number {
  const threads: Json | undefined = entry.details['~threads'];
  return Array.isArray(threads) ? Number(threads[0]) + Number(threads[1]) - 1 : 0;
}
