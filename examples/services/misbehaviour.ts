// Rules that make a demo service misbehave, on command.

import { z } from 'zod';

/**
 * What a service can do wrong:
 * - `fail`: HTTP 503, gRPC UNAVAILABLE; nothing is done.
 * - `reject`: HTTP 422, gRPC `success: false`; nothing is done. `status` chooses another HTTP status.
 * - `stall`: never answers; nothing is done.
 * - `lose_answer`: does it, then breaks the connection (gRPC: UNAVAILABLE, which is what a broken stream looks like to the caller).
 * - `delay`: does it and answers `delay_ms` later.
 */
export const misbehaviourSchema = z.strictObject({
  /** An operation's name, `step:<step id>`, or `*` for all. */
  match: z.string().min(1),
  mode: z.enum(['fail', 'reject', 'stall', 'lose_answer', 'delay']),
  /** HTTP only: the status of `fail` and `reject`. */
  status: z.number().int().min(400).max(599).optional(),
  message: z.string().optional(),
  /** ms; for `delay`. */
  delay_ms: z.number().int().min(0).max(600_000).default(100),
  /** How many calls it holds for; left out: all until the next reset. */
  times: z.number().int().min(1).optional(),
  /** How many matching calls are let through first. */
  skip: z.number().int().min(0).default(0),
});

export type Misbehaviour = z.infer<typeof misbehaviourSchema>;
/** A rule as it is given: defaults may be left out. */
export type MisbehaviourInput = z.input<typeof misbehaviourSchema>;

export interface MisbehaviourRules {
  /** Adds a rule. Throws a ZodError when it is not one. */
  add(rule: MisbehaviourInput): void;
  /** The first rule that holds for this call; counts the call. */
  take(operation: string, step: string | null): Misbehaviour | null;
  clear(): void;
}

/** An empty rule book. Rules are tried in the order they were added. */
export function misbehaviourRules(): MisbehaviourRules {
  let rules: { rule: Misbehaviour; toSkip: number; left: number }[] = [];
  return {
    add(input) {
      const rule = misbehaviourSchema.parse(input);
      rules.push({ rule, toSkip: rule.skip, left: rule.times ?? Number.POSITIVE_INFINITY });
    },
    take(operation, step) {
      for (const entry of rules) {
        if (entry.left === 0 || !matches(entry.rule.match, operation, step)) continue;
        if (entry.toSkip > 0) {
          entry.toSkip -= 1;
          continue;
        }
        entry.left -= 1;
        return entry.rule;
      }
      return null;
    },
    clear() {
      rules = [];
    },
  };
}

function matches(match: string, operation: string, step: string | null): boolean {
  return match === '*' || match === operation || (step !== null && match === `step:${step}`);
}
