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

/** @param free how many steps at the beginning have no state of their own */
function countSequence(workflow: Workflow, steps: readonly Step[], place: string, facts: Facts, after: After, free = 0): number {
  let count = 0;
  const groups = folded(steps, free);
  for (const [n, { step, index }] of groups.entries()) {
    const next = groups[n + 1]?.step;
    const then: After = next ? (next.kind === 'call' && next.when === null ? 'call' : 'other') : after;
    count += countStep(workflow, step, stepPlace(place, index + 1), facts, then);
  }
  return count;
}

/** The steps that have a state: a `set` goes into the call before it, or into the `set` before it, unless it reads what is set there too. */
function folded(steps: readonly Step[], free: number): { step: Step; index: number }[] {
  const kept: { step: Step; index: number }[] = [];
  let made: string[] = [];
  for (const [index, step] of steps.entries()) {
    if (index < free) continue;
    const base = kept.at(-1)?.step;
    const takes = base && base.when === null && (TAKES_SETS.has(base.kind) || base.kind === 'set');
    if (takes && step.kind === 'set' && step.when === null && !readsAny(step, made)) {
      made.push(...step.values.map(([name]) => name));
      continue;
    }
    kept.push({ step, index });
    made = step.kind === 'set' ? step.values.map(([name]) => name) : [];
  }
  return kept;
}

/** `set` steps at the beginning of a switch case: the Choice assigns them. */
function leadingSets(steps: readonly Step[]): number {
  const made: string[] = [];
  for (const [index, step] of steps.entries()) {
    if (step.kind !== 'set' || step.when !== null || readsAny(step, made)) return index;
    made.push(...step.values.map(([name]) => name));
  }
  return steps.length;
}

/** One state cannot assign a name and read its new value. */
function readsAny(step: Extract<Step, { kind: 'set' }>, names: readonly string[]): boolean {
  const text = JSON.stringify(step.values);
  return names.some((name) => text.includes(`"root":"${name}"`));
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
      const free = taken ? leadingSets(taken.steps) : 0;
      if (!taken || free === taken.steps.length) return 1 + throughSucceed;
      return 1 + countSequence(workflow, taken.steps, stepPlace(place, fact), facts, after, free);
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

/** An iteration whose first step is itself a block begins with a Pass that names the item for it, if anything in that block needs it. */
function leadingPass({ steps, as }: Extract<Step, { kind: 'foreach' }>): number {
  const [first] = steps;
  if (!first || first.when !== null || (first.kind !== 'parallel' && first.kind !== 'foreach')) return 0;
  const text = JSON.stringify(first.kind === 'parallel' ? first.branches : first.steps);
  // A call's place holds the item's number.
  return ['"kind":"call"', '"kind":"workflow"', '"kind":"checkpoint"', '"root":"item"', '"root":"index"', `"root":"${as}"`].some((part) =>
    text.includes(part),
  )
    ? 1
    : 0;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, one) => total + one, 0);
}
