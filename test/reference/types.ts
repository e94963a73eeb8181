// What goes into the reference and what comes out of it.

import type { Clock } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import type { Workflow } from '../../shared/workflow/model.ts';

/** One request as the reference would make it. `run` and `place` and `kind` and `attempt` say which one it is. */
export interface ReferenceCall {
  workflow: string;
  /** Places of the `workflow` steps that led to this run, joined with `/`; empty for the first run. */
  run: string;
  kind: 'do' | 'undo';
  step: string;
  place: string;
  /** 0 on the first try. */
  attempt: number;
  service: string;
  method: string;
  input: Json;
  /** Epoch ms of the virtual clock. */
  atMs: number;
}

/** A block without anything to undo that ended at its first failure. What else began in it in that very moment may or may not have begun. */
export interface Cut {
  run: string;
  place: string;
  atMs: number;
}

/** What a service does with a request: how it ends, and after how many ms. */
export interface Answer {
  outcome: 'done' | 'not_performed' | 'unknown';
  value?: Json;
  /** The name of the error, unless it is done. */
  error?: 'Maestro.ServiceUnavailable' | 'Maestro.ServiceTimeout' | 'Maestro.ServiceRejected';
  takesMs: number;
}

export interface ReferenceOptions {
  clock: Clock;
  children: ReadonlyMap<string, Workflow>;
  /** A pure function of which call it is. */
  answer: (call: ReferenceCall) => Answer;
  /** Every request, in the order in which they were made; filled while the run goes on. */
  calls: ReferenceCall[];
  /** Filled while the run goes on. */
  cuts?: Cut[];
  /** Told of every step (and branch) that is reached: null when `when` passed it over, the items of a foreach, the case of a switch (1-based; 0: none), else 1. */
  onStep?: (place: string, fact: number | null, run: string) => void;
  /** What pauses between tries are multiplied with (the engine draws it; here it is fixed). */
  jitter: number;
}

export interface ReferenceResult {
  status: 'completed' | 'failed' | 'compensated' | 'compensation_failed';
  output: Json;
  error: { step: string; error: string } | null;
  /** Places, in the order in which they were undone. */
  undone: string[];
  /** Places whose undo failed. */
  left: string[];
  /** Places with an undo that may have been performed and that nobody undid. */
  unresolved: string[];
  /** Places that were reached and have no undo on purpose. */
  irreversible: string[];
}
