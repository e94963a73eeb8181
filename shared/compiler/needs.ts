// What a definition calls, as data: whoever deploys it grants exactly this and fills in the placeholders.

import type { Substitution } from './substitute.ts';

/** Collects placeholders while states are made. The same thing gets the same placeholder. */
export class Substitutions {
  readonly #known = new Map<string, Substitution>();

  /** `${Step}` and the like. */
  placeholder(kind: Substitution['kind'], workflow?: string): string {
    for (const [name, known] of this.#known) if (known.kind === kind && known.workflow === workflow) return `\${${name}}`;
    const base = { step: 'Step', checkpoint: 'Checkpoint', bus: 'Bus', workflow: 'Workflow', undo: 'Undo' }[kind];
    const same = [...this.#known.values()].filter((known) => known.kind === kind).length;
    const name = workflow === undefined ? base : `${base}${same + 1}`;
    this.#known.set(name, workflow === undefined ? { kind } : { kind, workflow });
    return `\${${name}}`;
  }

  toJSON(): { [placeholder: string]: Substitution } {
    return Object.fromEntries(this.#known);
  }
}
