// What a run of a workflow uses on its happy path: transitions, invocations, time. Lists are given a length, or leave the most open.

import type { Range, RunUse } from '../../shared/compiler/cost/index.ts';
import type { Stats } from '../../shared/compiler/index.ts';
import { allSteps, compensateOf, type Step, type Workflow } from '../../shared/workflow/index.ts';

const NOTHING: Range = { min: 0, max: 0 };

/** @param items length of every list that a foreach goes over; null: unknown, so the least is none and the most is open */
export function runUse(workflow: Workflow, stats: Stats, items: number | null): RunUse {
  const loading = loadingSteps(workflow);
  const calls = inSequence(workflow.steps, (step) => invocations(step, loading), items);
  return {
    transitions: add(
      items === null ? stats.transitions : { min: stats.transitions.min, max: withoutItems(workflow, stats) },
      itemTransitions(workflow.steps, stats, items),
    ),
    calls,
    expressAllowed: mayBeExpress(workflow),
  };
}

/** Express has no waiting for an answer, and may run a step twice. */
export function mayBeExpress(workflow: Workflow): boolean {
  const steps = allSteps(workflow);
  if (steps.some((step) => step.kind === 'checkpoint' || step.kind === 'workflow' || (step.kind === 'call' && step.await !== null)))
    return false;
  const undoing = steps.flatMap((step) => compensateOf(step)?.service ?? []);
  return undoing.every((service) => workflow.services[service]?.idempotent === true);
}

/** Invocations of the step function or the checkpoint function that a step itself makes. */
function invocations(step: Step, loading: ReadonlySet<Step>): Range {
  const always = step.kind === 'call' || step.kind === 'checkpoint' || (step.kind === 'emit' && step.compensate !== null) ? 1 : 0;
  return { min: always, max: always + (loading.has(step) ? 1 : 0) };
}

/** Sub-workflows whose result is read, if only in what a foreach collects: it is loaded where it is large. */
function loadingSteps(workflow: Workflow): Set<Step> {
  const loading = new Set<Step>();
  for (const step of allSteps(workflow)) {
    const read = 'output' in step && step.output !== null;
    if (step.kind === 'workflow' && read) loading.add(step);
    if (step.kind !== 'foreach' || !read) continue;
    for (const inner of allSteps({ steps: step.steps })) if (inner.kind === 'workflow') loading.add(inner);
  }
  return loading;
}

/** Adds up a quantity of each step over a list of steps. */
function inSequence(steps: readonly Step[], own: (step: Step) => Range, items: number | null): Range {
  return steps.map((step) => ofStep(step, own, items)).reduce(add, NOTHING);
}

function ofStep(step: Step, own: (step: Step) => Range, items: number | null): Range {
  const always = withBlocks(step, own, items);
  return step.when ? { min: 0, max: always.max } : always;
}

function withBlocks(step: Step, own: (step: Step) => Range, items: number | null): Range {
  switch (step.kind) {
    case 'parallel':
      return step.branches.map(({ when, steps }) => maybe(when !== null, inSequence(steps, own, items))).reduce(add, NOTHING);
    case 'switch': {
      const cases = step.cases.map(({ steps }) => inSequence(steps, own, items));
      const hasElse = step.cases.some(({ when }) => when === null);
      return { min: hasElse ? Math.min(...cases.map(({ min }) => min)) : 0, max: largest(cases) };
    }
    case 'foreach': {
      const body = inSequence(step.steps, own, items);
      if (items !== null) return { min: body.min * items, max: body.max === null ? null : body.max * items };
      return { min: 0, max: body.max === 0 ? 0 : null };
    }
    default:
      return own(step);
  }
}

function maybe(conditional: boolean, range: Range): Range {
  return conditional ? { min: 0, max: range.max } : range;
}

function largest(ranges: readonly Range[]): number | null {
  return ranges.some(({ max }) => max === null) ? null : Math.max(0, ...ranges.map(({ max }) => max ?? 0));
}

function add(a: Range, b: Range): Range {
  return { min: a.min + b.min, max: a.max === null || b.max === null ? null : a.max + b.max };
}

/** The most without the items: the statistics leave it open where there is a foreach, and it is the least where nothing depends on a condition. */
function withoutItems(workflow: Workflow, { transitions }: Stats): number | null {
  if (transitions.max !== null) return transitions.max;
  const conditional = allSteps(workflow).some((step) => step.when !== null || step.kind === 'switch');
  if (conditional) return null;
  const loading = loadingSteps(workflow);
  const loads = inSequence(workflow.steps, (step) => ({ min: 0, max: loading.has(step) ? 1 : 0 }), 0);
  return loads.max === null ? null : transitions.min + loads.max;
}

/** Transitions inside the iterations, for lists of a given length. */
function itemTransitions(steps: readonly Step[], stats: Stats, items: number | null): Range {
  if (items === null) return NOTHING;
  const own = (step: Step, times: number): Range => {
    if (step.kind !== 'foreach') return inner(step, times);
    const each = stats.perItem[step.id] ?? NOTHING;
    return add({ min: each.min * times * items, max: (each.max ?? each.min) * times * items }, inner(step, times * items));
  };
  const inner = (step: Step, times: number): Range =>
    listsOf(step)
      .flat()
      .map((below) => own(below, times))
      .reduce(add, NOTHING);
  return steps.map((step) => own(step, 1)).reduce(add, NOTHING);
}

function listsOf(step: Step): (readonly Step[])[] {
  if (step.kind === 'parallel') return step.branches.map(({ steps }) => steps);
  if (step.kind === 'switch') return step.cases.map(({ steps }) => steps);
  return step.kind === 'foreach' ? [step.steps] : [];
}
