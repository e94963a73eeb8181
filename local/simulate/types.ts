// What a simulation is given and what it gives back.

import type { CallOutcome, CallRequest } from '../../shared/calls/types.ts';
import type { Json } from '../../shared/json.ts';
import type { RunStatus, StepRecord } from '../../shared/runs/index.ts';
import type { Workflow } from '../../shared/workflow/index.ts';
import type { HistoryEvent } from '../engine/index.ts';

/** One request as the service gets it. */
export interface MockRequest {
  /** Counts the requests of the simulation from 0. */
  number: number;
  workflow: string;
  runId: string;
  /** Places of the `workflow` steps that led from the first run to this one, joined with `/`; empty for the first run. */
  run: string;
  kind: 'do' | 'undo';
  step: string;
  place: string;
  /** Item numbers of the foreach blocks around the step, outermost first. */
  items: number[];
  /** 0 on the first try. A request that is sent again after a crash has the number of the one that was lost. */
  attempt: number;
  /** The idempotency key. */
  key: string;
  service: string;
  /** HTTP: the path; gRPC: the name. */
  method: string;
  verb: string | null;
  input: Json;
  /** ms of virtual time since the run began. */
  atMs: number;
  request: CallRequest;
}

/** What the service does with it. */
export interface MockReply {
  outcome: CallOutcome;
  /** ms of virtual time until the answer; default 0. Longer than the call's time limit: the answer is lost, the outcome unknown. */
  takesMs?: number;
  /** The process is killed: before the request left it, or when the service had done it and nothing was recorded yet. */
  kill?: 'before' | 'after';
}

/** A request with what became of it. `lost`: the process was killed meanwhile. */
export interface SimulatedCall extends Omit<MockRequest, 'request'> {
  ended: CallOutcome['outcome'] | 'lost' | 'running';
  error: string | null;
  /** True when the service did what it was asked, whatever the caller learned of it; null: nobody knows. */
  performed: boolean | null;
}

/** What waits for an answer from outside: a checkpoint or a callback. */
export interface TokenRequest {
  kind: 'checkpoint' | 'callback';
  step: string;
  place: string;
  items: number[];
  runId: string;
}

/** The answer, or `null`: nobody answers, and the time limit passes. */
export type TokenReply = { takesMs?: number } & ({ output: Json } | { error: string; message: string });

export interface SimulateOptions {
  workflow: Workflow;
  /** Workflows that it starts, directly or through others. */
  children?: readonly Workflow[];
  input: Json;
  /** Decides every request. Called in the order in which requests are sent. */
  mock: (request: MockRequest) => MockReply;
  /** Decides every checkpoint and callback; default: nobody answers. */
  answerToken?: (request: TokenRequest) => TokenReply | null;
  /** Epoch ms at which the run starts; default 2026-01-01T00:00:00Z. */
  startMs?: number;
  /** What the engine draws for its jitter, from 0 up to 1; default 0.5. A fixed number, so that pauses can be foretold. */
  jitter?: number;
}

/** A run of the simulation: the first one and those that its `workflow` steps started. */
export interface SimulatedRun {
  /** As in `MockRequest`. */
  run: string;
  id: string;
  workflow: string;
  status: RunStatus;
}

/** A step's record with the run that it belongs to. */
export interface SimulatedStep extends StepRecord {
  run: string;
}

export interface SimulatedError {
  step: string | null;
  error: string;
  message: string;
}

export interface Simulation {
  status: RunStatus;
  output: Json;
  error: SimulatedError | null;
  /** Every request, in the order in which they were sent. */
  calls: SimulatedCall[];
  /** The runs, the first one first. */
  runs: SimulatedRun[];
  /** Steps of all runs, by run and place. */
  steps: SimulatedStep[];
  /** Ids of the first run's steps that `when` passed over, in file order, once per item. */
  skipped: string[];
  /** What the undo's report says: `{status, step, message, undone, left, unresolved, …}`; null where there was none. */
  report: Json;
  /** The first run's history, its last execution's. */
  history: HistoryEvent[];
  /** State transitions of the first run: its `…StateEntered` events. */
  transitions: number;
  /** Times that the process was killed. */
  kills: number;
  /** ms of virtual time from the start to the end. */
  tookMs: number;
}
