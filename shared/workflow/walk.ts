// Walking over steps and expressions, in file order.

import { stepPlace } from '../protocol/place.ts';
import type { Compensate, Expr, Step, Template, TextPart, Workflow } from './model.ts';

/** A list of steps within a step: a foreach's, a branch's, a case's. */
export interface StepList {
  when: Expr | null;
  steps: readonly Step[];
}

/** The lists of steps directly inside a step; empty for steps that are no blocks. */
export function innerLists(step: Step): readonly StepList[] {
  if (step.kind === 'parallel') return step.branches;
  if (step.kind === 'switch') return step.cases;
  return step.kind === 'foreach' ? [{ when: null, steps: step.steps }] : [];
}

/**
 * Visits every step in file order, a block before what is in it.
 *
 * @param visit gets the step, the blocks around it (outermost first) and its static place: positions in sequences and numbers of branches as
 *   in `shared/protocol/place.ts`, without item numbers (a foreach adds those at run time)
 */
export function walkSteps(steps: readonly Step[], visit: (step: Step, parents: readonly Step[], place: string) => void): void {
  walkList(steps, [], '', visit);
}

function walkList(
  steps: readonly Step[],
  parents: readonly Step[],
  prefix: string,
  visit: (step: Step, parents: readonly Step[], place: string) => void,
): void {
  for (const [index, step] of steps.entries()) {
    const place = stepPlace(prefix, index + 1);
    visit(step, parents, place);
    for (const [number, { steps: inner }] of innerLists(step).entries()) {
      walkList(inner, [...parents, step], step.kind === 'foreach' ? place : stepPlace(place, number + 1), visit);
    }
  }
}

/** Every step of a workflow in file order. */
export function allSteps(workflow: Pick<Workflow, 'steps'>): Step[] {
  const found: Step[] = [];
  walkSteps(workflow.steps, (step) => found.push(step));
  return found;
}

/** The undo of a step, for the kinds that can have one. */
export function compensateOf(step: Step): Compensate | null {
  return step.kind === 'call' || step.kind === 'workflow' || step.kind === 'emit' ? step.compensate : null;
}

/** Names that a step itself makes: its output or its `set` names. Names of steps inside it are not among them. */
export function namesMadeBy(step: Step): string[] {
  if (step.kind === 'set') return step.values.map(([name]) => name);
  return 'output' in step && step.output !== null ? [step.output] : [];
}

/** Names that are visible after a list of steps: made by them or inside their blocks, but not inside a foreach. In file order. */
export function namesAfter(steps: readonly Step[]): string[] {
  const names = new Set<string>();
  for (const step of steps) {
    for (const name of namesMadeBy(step)) names.add(name);
    if (step.kind !== 'foreach') for (const { steps: inner } of innerLists(step)) for (const name of namesAfter(inner)) names.add(name);
  }
  return [...names];
}

/** Named outputs in scope at the end of the workflow, in file order: what the run's result holds where the file has no `output`. `set` names are not outputs. */
export function topLevelOutputs(workflow: Pick<Workflow, 'steps'>): string[] {
  const names = new Set<string>();
  const collect = (steps: readonly Step[]): void => {
    for (const step of steps) {
      if (step.kind !== 'set') for (const name of namesMadeBy(step)) names.add(name);
      if (step.kind !== 'foreach') for (const { steps: inner } of innerLists(step)) collect(inner);
    }
  };
  collect(workflow.steps);
  return [...names];
}

/** Visits an expression and everything in it, outer before inner. */
export function walkExpr(expr: Expr, visit: (expr: Expr) => void): void {
  visit(expr);
  for (const child of childExprs(expr)) walkExpr(child, visit);
}

function childExprs(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'path':
      return expr.steps.flatMap((step) => (step.kind === 'index' ? [step.index] : []));
    case 'call':
      return expr.args;
    case 'unary':
      return [expr.operand];
    case 'binary':
      return [expr.left, expr.right];
    case 'conditional':
      return [expr.test, expr.yes, expr.no];
    case 'list':
      return expr.items;
    case 'object':
      return expr.entries.map(([, value]) => value);
    default:
      return [];
  }
}

/** The expressions of a template or of a text's parts, each whole; `alone` where an expression is all of a value or of the braces of a text. */
export function templateExprs(template: Template | null): Expr[] {
  if (template === null) return [];
  switch (template.kind) {
    case 'literal':
      return [];
    case 'expr':
      return [template.expr];
    case 'text':
      return partExprs(template.parts);
    case 'list':
      return template.items.flatMap(templateExprs);
    case 'object':
      return template.entries.flatMap(([, value]) => templateExprs(value));
  }
}

/** The expressions among a text's parts. */
export function partExprs(parts: readonly TextPart[]): Expr[] {
  return parts.filter((part) => typeof part !== 'string');
}
