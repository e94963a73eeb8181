// Values that every message repeats. The machine's first state assigns them to variables, and later states name the variable: a
// saga of 500 steps would not fit into the 1 MB of a definition otherwise.
//
//   V1. The first state itself, and what runs inside it, cannot read them: while it is lowered `early` is set and values stand in full.
//   V2. Only constants and the context object: nothing here can fail or depend on a step.

import type { Json, JsonObject } from '../json.ts';
import type { Step } from '../workflow/index.ts';
import type { VariableNames } from './frame.ts';
import { expression, RUN_REF } from './runtime-code.ts';

export class SharedValues {
  early = false;
  readonly #variables: VariableNames;
  readonly #used = new Map<string, { variable: string; value: Json }>();

  constructor(variables: VariableNames) {
    this.#variables = variables;
  }

  /** The step function's ARN: 95 characters after substitution. */
  stepFunction(placeholder: string): Json {
    return this.#value('step', placeholder);
  }

  /** `RunRef`. */
  run(): Json {
    return this.#value('run', RUN_REF);
  }

  /** A service's configuration without templates. */
  service(name: string, value: Json): Json {
    return this.#value(`service_${name.replace(/\W/g, '_')}`, value, name);
  }

  /** What the first state has to assign. */
  assign(): JsonObject {
    const assign: JsonObject = {};
    for (const { variable, value } of this.#used.values()) assign[variable] = value;
    return assign;
  }

  #value(wanted: string, value: Json, key = wanted): Json {
    if (this.early) return value;
    let known = this.#used.get(key);
    if (!known) {
      known = { variable: this.#variables.take(wanted), value };
      this.#used.set(key, known);
    }
    return expression(`$${known.variable}`);
  }
}

/** True when the state made first for this step would read the values before it assigns them. */
export function readsBeforeAssigned(step: Step): boolean {
  return step.when === null && step.kind !== 'switch' && step.kind !== 'set';
}
