// State transitions of a run that goes well, counted by the table of the compiler's mapping, not by the definition.

import { itemPlace, stepPlace } from '../../shared/protocol/place.ts';
import type { Step, Workflow } from '../../shared/workflow/index.ts';
import { blockSettles } from '../reference/settling.ts';

/** What is known of each step that was reached, by place: `ReferenceOptions.onStep`. */
export type Facts = ReadonlyMap<string, number | null>;

/** Steps whose state can show the output of a `set` behind them. */
const TAKES_SETS = new Set<Step['kind']>(['call', 'checkpoint', 'workflow']);

/** Counts a whole run. */
export function countTransitions(workflow: Workflow, facts: Facts): number {
  return countSequence(workflow, workflow.steps, '', facts, 'end');
}

/** What comes after a sequence: the end of a run, branch or item; a state that calls the step function; or another state. */
type After = 'end' | 'call' | 'other';

function countSequence(workflow: Workflow, steps: readonly Step[], place: string, facts: Facts, after: After): number {
  let count = 0;
  const groups = folded(steps);
  for (const [n, { step, index }] of groups.entries()) {
    const next = groups[n + 1]?.step;
    const then: After = next ? (next.kind === 'call' && next.when === null ? 'call' : 'other') : after;
    count += countStep(workflow, step, stepPlace(place, index + 1), facts, then);
  }
  return count;
}

/** The steps that have a state: a `set` goes into the call before it, or into the `set` before it, unless it reads what that one makes. */
function folded(steps: readonly Step[]): { step: Step; index: number }[] {
  const kept: { step: Step; index: number }[] = [];
  for (const [index, step] of steps.entries()) {
    const base = kept.at(-1)?.step;
    const fits =
      step.kind === 'set' && step.when === null && base && base.when === null && (TAKES_SETS.has(base.kind) || base.kind === 'set');
    if (!fits || (step.kind === 'set' && readsSetsBefore(step, steps, index))) kept.push({ step, index });
  }
  return kept;
}

/** True when a `set` reads a name of a `set` directly before it: one state cannot assign both. */
function readsSetsBefore(step: Extract<Step, { kind: 'set' }>, steps: readonly Step[], index: number): boolean {
  const made: string[] = [];
  for (let i = index - 1; i >= 0; i--) {
    const before = steps[i];
    if (before?.kind !== 'set') break;
    made.push(...before.values.map(([name]) => name));
  }
  const text = JSON.stringify(step.values);
  return made.some((name) => text.includes(`"root":"${name}"`));
}

function countStep(workflow: Workflow, step: Step, place: string, facts: Facts, after: After): number {
  const fact = facts.get(place);
  if (fact === undefined) throw new Error(`${step.id} at ${place}: it was not reached`);
  // A Choice cannot end anything: what leaves by one goes through a Succeed.
  const throughSucceed = after === 'end' ? 1 : 0;
  const asks = step.when ? 1 : 0;
  if (fact === null) return 1 + throughSucceed;
  switch (step.kind) {
    case 'call':
    case 'workflow':
    case 'checkpoint':
    case 'emit':
      return asks + 1;
    case 'set':
      return step.when ? 1 + throughSucceed : 1;
    case 'wait':
      return asks + 1 + (after === 'call' ? 0 : 1 + throughSucceed);
    case 'switch': {
      const taken = step.cases[fact - 1];
      return 1 + (taken ? countSequence(workflow, taken.steps, stepPlace(place, fact), facts, after) : throughSucceed);
    }
    case 'parallel': {
      const inside = step.branches.map((branch, i) => {
        const branchPlace = stepPlace(place, i + 1);
        if (facts.get(branchPlace) === null) return 2;
        return (branch.when ? 1 : 0) + countSequence(workflow, branch.steps, branchPlace, facts, 'end');
      });
      return asks + 1 + sum(inside) + joined(workflow, step, throughSucceed);
    }
    case 'foreach': {
      const inside = Array.from(
        { length: fact },
        (_, i) => countSequence(workflow, step.steps, itemPlace(place, i), facts, 'end') + leadingPass(step),
      );
      return asks + 1 + sum(inside) + joined(workflow, step, throughSucceed);
    }
    case 'fail':
      throw new Error(`${step.id}: a run that goes well does not fail`);
  }
}

function joined(workflow: Workflow, block: Step, throughSucceed: number): number {
  return blockSettles(workflow, block) ? 1 + throughSucceed : 0;
}

/** An iteration whose first step is itself a block begins with a Pass that names the item for it. */
function leadingPass(step: Extract<Step, { kind: 'foreach' }>): number {
  const first = step.steps[0];
  return first && first.when === null && (first.kind === 'parallel' || first.kind === 'foreach') ? 1 : 0;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, one) => total + one, 0);
}
