// A workflow as both drawings see it: boxes, blocks of branches, and the undos in file order.

import type { Expr, Method, Step, Template, Workflow } from '../workflow/index.ts';

/** A box of the drawing. */
export interface StepNode {
  kind: 'step';
  id: string;
  /** What it does, such as `payments: POST /charge`. */
  detail: string;
  /** The condition on which it runs. */
  when: string | null;
  /** What its undo does; null where it has none. */
  undo: string | null;
  irreversible: boolean;
}

/** A step with steps inside. */
export interface BlockNode {
  kind: 'block';
  id: string;
  block: 'parallel' | 'foreach' | 'switch';
  detail: string;
  when: string | null;
  branches: { label: string | null; nodes: GraphNode[] }[];
}

export type GraphNode = StepNode | BlockNode;

export interface Outline {
  title: string;
  nodes: GraphNode[];
}

/**
 * Makes the outline.
 * @param text the file's text: conditions are shown as the author wrote them
 */
export function outline(workflow: Workflow, text: string): Outline {
  const source = (expr: Expr): string => text.slice(expr.span.start, expr.span.end).replace(/\s+/g, ' ').trim();
  return { title: `${workflow.name} ${workflow.version}`, nodes: workflow.steps.map((step) => node(step, source)) };
}

/** All steps below some nodes that have an undo, in file order. */
export function undoable(nodes: readonly GraphNode[]): StepNode[] {
  return nodes.flatMap((each) =>
    each.kind === 'block' ? each.branches.flatMap((branch) => undoable(branch.nodes)) : each.undo === null ? [] : [each],
  );
}

function node(step: Step, source: (expr: Expr) => string): GraphNode {
  const when = step.when ? source(step.when) : null;
  const nodes = (steps: readonly Step[]): GraphNode[] => steps.map((inner) => node(inner, source));
  switch (step.kind) {
    case 'parallel':
      return {
        kind: 'block',
        block: 'parallel',
        id: step.id,
        detail: 'all at once',
        when,
        branches: step.branches.map((branch) => ({ label: branch.when ? source(branch.when) : null, nodes: nodes(branch.steps) })),
      };
    case 'foreach':
      return {
        kind: 'block',
        block: 'foreach',
        id: step.id,
        detail: `for each ${step.as} in ${source(step.items)}, ${step.concurrency === 1 ? 'one at a time' : `${step.concurrency} at once`}`,
        when,
        branches: [{ label: null, nodes: nodes(step.steps) }],
      };
    case 'switch':
      return {
        kind: 'block',
        block: 'switch',
        id: step.id,
        detail: 'the first that holds',
        when,
        branches: step.cases.map((each) => ({ label: each.when ? source(each.when) : 'else', nodes: nodes(each.steps) })),
      };
    default:
      return {
        kind: 'step',
        id: step.id,
        detail: detail(step, source),
        when,
        undo: undoDetail(step, source),
        irreversible: step.irreversible,
      };
  }
}

type PlainStep = Exclude<Step, { kind: 'parallel' | 'foreach' | 'switch' }>;

function detail(step: PlainStep, source: (expr: Expr) => string): string {
  switch (step.kind) {
    case 'call':
      return `${step.service}: ${methodText(step.method, source)}${step.await === 'callback' ? ', answered later' : ''}`;
    case 'wait':
      return step.until ? `wait until ${source(step.until)}` : `wait ${(step.waitMs ?? 0) / 1000}s`;
    case 'set':
      return `set ${step.values.map(([name]) => name).join(', ')}`;
    case 'checkpoint':
      return `ask: ${templateText(step.title, source)}`;
    case 'workflow':
      return `workflow ${step.workflow}`;
    case 'emit':
      return `emit ${templateText(step.detailType, source)}`;
    case 'fail':
      return `fail: ${step.error}`;
  }
}

function undoDetail(step: PlainStep, source: (expr: Expr) => string): string | null {
  if (step.kind === 'workflow' && !step.compensate) return `undo of workflow ${step.workflow}`;
  const compensate = 'compensate' in step ? step.compensate : null;
  return compensate && `${compensate.service}: ${methodText(compensate.method, source)}`;
}

function methodText(method: Method | null, source: (expr: Expr) => string): string {
  if (!method) return 'invoke';
  const text = method.text.map((part) => (typeof part === 'string' ? part : `{${source(part)}}`)).join('');
  return method.verb ? `${method.verb} ${text}` : text;
}

function templateText(template: Template, source: (expr: Expr) => string): string {
  if (template.kind === 'literal') return typeof template.value === 'string' ? template.value : JSON.stringify(template.value);
  if (template.kind === 'expr') return `{${source(template.expr)}}`;
  if (template.kind === 'text') return template.parts.map((part) => (typeof part === 'string' ? part : `{${source(part)}}`)).join('');
  return '…';
}
