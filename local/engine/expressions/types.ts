// What an expression sees and what it is once compiled.

import type { Json } from '../../../shared/json.ts';

/** The variables in scope; an inner scope's prototype is its outer scope. */
export type Variables = { [name: string]: Json };

/** What `$states` is in the field that is being evaluated. */
export interface StatesObject {
  input: Json;
  context: Json;
  result?: Json;
  errorOutput?: Json;
}

export interface Env {
  vars: Variables;
  states: StatesObject;
  /** Epoch ms: one moment for everything that is evaluated together. */
  now: number;
}

/** What the extra functions need from the outside. */
export interface ExpressionServices {
  uuid(): string;
  /** At least 0, less than 1. */
  random(): number;
}

/** One JSONata expression. Throws (or rejects with) whatever jsonata throws. */
export interface Expression {
  /** The text between `{%` and `%}`, trimmed: as AWS shows it in causes. */
  readonly text: string;
  /** Compiled: `evaluate` gives a promise only where an evaluation is left to jsonata. */
  readonly fast: boolean;
  /** The value as jsonata would give it, or a promise of it. */
  evaluate(env: Env): unknown;
}
