// What the compiler has to know about a file before it lowers the first step. Pure reading; nothing here makes states.
//
//   A1. Steps are numbered in file order, nested ones included, so "before" is a smaller number.
//   A2. A block settles when something before or inside it can be undone or let go. A block that does not settle holds only such blocks.

import {
  allSteps,
  compensateOf,
  type Expr,
  innerLists,
  namesAfter,
  type PathStep,
  type Step,
  type Template,
  type Workflow,
  walkExpr,
} from '../workflow/index.ts';

export type Block = Extract<Step, { kind: 'parallel' | 'foreach' }>;

/** True for a step that a chain has a state for: it declares an undo, or it is a child run (which has its own). */
export function isUndoable(step: Step): boolean {
  if (step.irreversible) return false;
  return step.kind === 'workflow' || compensateOf(step) !== null;
}

/** The sequences directly inside a step: branches, cases, the body of a foreach. */
export function childSequences(step: Step): (readonly Step[])[] {
  return innerLists(step).map((list) => list.steps);
}

/** The largest step number within a step, itself included. */
export function lastNumber(step: Step): number {
  return Math.max(...stepsWithin([step]).map((inner) => inner.number));
}

/** Every step of these, nested ones included, in file order. */
export function stepsWithin(steps: readonly Step[]): Step[] {
  return allSteps({ steps: [...steps] });
}

/** Names that a step makes in the scope that it stands in. */
export function namesMade(step: Step): string[] {
  return namesAfter([step]);
}

export interface Analysis {
  /** Ids of blocks that settle before anything is undone. */
  settling: ReadonlySet<string>;
  /** Names that may be unassigned where they are read: made in a case of a switch. */
  maybeUnassigned: ReadonlySet<string>;
  /** Output name → the paths that templates read of it. A missing name is not read at all; `[]` among the paths is the whole value. */
  reads: ReadonlyMap<string, readonly string[][]>;
  /** Names that some template reads at all, if only to pass the whole value on. */
  mentioned: ReadonlySet<string>;
  /** Step numbers with a state in the chain, ascending. */
  undoable: readonly number[];
  /** True where a chain (or at least its report) exists: something can be undone, or has to be listed. */
  hasChain: boolean;
  /** Number of outputs made anywhere in the file. */
  outputs: number;
}

export function analyse(workflow: Workflow): Analysis {
  const steps = allSteps(workflow);
  const undoable = steps.filter(isUndoable).map((step) => step.number);
  const lettingGo = steps.filter((step) => step.onError === 'continue').map((step) => step.number);
  const matters = [...undoable, ...lettingGo];
  const settling = new Set<string>();
  for (const step of steps) {
    if (step.kind !== 'parallel' && step.kind !== 'foreach') continue;
    const last = lastNumber(step);
    if (matters.some((number) => number <= last)) settling.add(step.id);
  }
  const maybeUnassigned = new Set<string>();
  for (const step of steps) if (step.kind === 'switch') for (const name of namesMade(step)) maybeUnassigned.add(name);
  return {
    settling,
    maybeUnassigned,
    ...collectReads(workflow),
    undoable,
    hasChain: undoable.length > 0 || steps.some((step) => step.irreversible),
    outputs: steps.filter((step) => 'output' in step && step.output !== null).length,
  };
}

// ---- reads

function collectReads(workflow: Workflow): Pick<Analysis, 'reads' | 'mentioned'> {
  const reads = new Map<string, string[][]>();
  const mentioned = new Set<string>();
  const foreachOutputs = new Set<string>();
  const inner = new Map<string, string>();
  for (const step of allSteps(workflow)) {
    if (step.kind !== 'foreach' || step.output === null) continue;
    foreachOutputs.add(step.output);
    const last = step.steps.at(-1);
    if (last && 'output' in last && last.output !== null) inner.set(step.output, last.output);
  }
  const add = (name: string, path: string[]): void => {
    mentioned.add(name);
    const known = reads.get(name) ?? [];
    if (known.some((one) => one.length <= path.length && one.every((part, i) => part === path[i]))) return;
    reads.set(name, [...known.filter((one) => !path.every((part, i) => part === one[i])), path]);
  };
  const expr = (e: Expr, own: string | null): void => {
    eachPath(e, (root, steps) => {
      if (root === own) return;
      const path: string[] = [];
      for (const [i, step] of steps.entries()) {
        if (step.kind === 'name') path.push(step.name);
        else if (i === 0 && foreachOutputs.has(root)) continue;
        else break;
      }
      add(root, path);
    });
  };
  /** `loads`: a whole value standing alone is loaded by the reader, so it is not a read. */
  const template = (t: Template | null, loads: boolean, own: string | null = null): void => {
    if (t === null) return;
    switch (t.kind) {
      case 'literal':
        return;
      case 'expr':
        if (loads && t.expr.kind === 'path' && t.expr.steps.length === 0) mentioned.add(t.expr.root);
        else expr(t.expr, own);
        return;
      case 'text':
        for (const part of t.parts) if (typeof part !== 'string') expr(part, own);
        return;
      case 'list':
        for (const item of t.items) template(item, loads, own);
        return;
      case 'object':
        for (const [, value] of t.entries) template(value, loads, own);
    }
  };
  const parts = (texts: readonly (string | Expr)[], own: string | null = null): void => {
    for (const part of texts) if (typeof part !== 'string') expr(part, own);
  };
  for (const service of Object.values(workflow.services)) {
    parts(service.endpoint);
    for (const [, value] of service.headers) parts(value);
  }
  for (const step of allSteps(workflow)) {
    if (step.when) expr(step.when, null);
    const undo = compensateOf(step);
    if (undo) {
      const own = 'output' in step ? step.output : null;
      if (undo.method) parts(undo.method.text, own);
      template(undo.input, true, own);
    }
    readsOfStep(step, { expr: (e) => expr(e, null), template, parts });
  }
  template(workflow.output, true);
  for (const [output, last] of inner) for (const path of reads.get(output) ?? []) add(last, path);
  return { reads, mentioned };
}

interface Reader {
  expr(e: Expr): void;
  template(t: Template | null, loads: boolean): void;
  parts(texts: readonly (string | Expr)[]): void;
}

function readsOfStep(step: Step, read: Reader): void {
  switch (step.kind) {
    case 'call':
      if (step.method) read.parts(step.method.text);
      return read.template(step.input, true);
    case 'parallel':
    case 'switch':
      for (const { when } of innerLists(step)) if (when) read.expr(when);
      return;
    case 'foreach':
      return read.expr(step.items);
    case 'wait':
      if (step.until) read.expr(step.until);
      return;
    case 'set':
      return step.values.forEach(([, value]) => read.template(value, false));
    case 'checkpoint':
      read.template(step.title, false);
      return read.template(step.prompt, false);
    case 'workflow':
      return read.template(step.input, false);
    case 'emit':
      read.template(step.detailType, false);
      return read.template(step.detail, false);
    case 'fail':
      return read.template(step.message, false);
  }
}

/** Calls `visit` for every path of an expression, those inside indexes included. */
export function eachPath(e: Expr, visit: (root: string, steps: PathStep[]) => void): void {
  walkExpr(e, (inner) => {
    if (inner.kind === 'path') visit(inner.root, inner.steps);
  });
}
