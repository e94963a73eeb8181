// Ids, outputs, `set` names and `as`: unique, not reserved, and where each name is made (which later passes explain mistakes with).

import type { CheckContext } from './check-context.ts';
import type { Span, Step } from './model.ts';
import { RESERVED_NAMES, WORKFLOW_NAME } from './patterns.ts';
import { createScope, type ScopeChain } from './scope-chain.ts';
import { valueSpan } from './sources.ts';
import { innerLists, namesMadeBy, walkSteps } from './walk.ts';
import { childOf, entryOf } from './yaml-tree.ts';

/** A step that makes a name, with the blocks around it, outermost first. */
export interface Maker {
  step: Step;
  parents: readonly Step[];
}

/** Checks every name of the file. */
export function checkNames(context: CheckContext): { makers: ReadonlyMap<string, Maker[]> } {
  const makers = new Map<string, Maker[]>();
  const ids = new Map<string, Step>();
  const { workflow, sources, reporter } = context;
  if (WORKFLOW_NAME.test(workflow.name) && workflow.name.endsWith('-undo')) {
    reporter.report(
      'MST1110',
      nameSpan(context),
      'the name of a workflow must not end in "-undo"',
      'the undo machine of a workflow is called so',
    );
  }
  walkSteps(workflow.steps, (step, parents) => {
    const other = ids.get(step.id);
    if (other === undefined) ids.set(step.id, step);
    else reportDuplicateId(context, step, other);
    for (const name of namesMadeBy(step)) {
      if (RESERVED_NAMES.has(name) || name === '__proto__')
        reporter.report(
          'MST2011',
          madeSpan(context, step, name),
          `"${name}" is a built-in and cannot be made by a step`,
          'choose another name',
        );
      makers.set(name, [...(makers.get(name) ?? []), { step, parents }]);
    }
    if (step.kind === 'foreach' && step.as !== 'item' && RESERVED_NAMES.has(step.as)) {
      reporter.report(
        'MST2011',
        valueSpan(sources, step, 'as'),
        `"${step.as}" is a built-in and cannot name the item`,
        'choose another name',
      );
    }
  });
  checkMadeOnce(context, workflow.steps, createScope());
  return { makers };
}

/** Where a step makes a name: the value of `output`, or the key in `set`. */
export function madeSpan({ sources }: Pick<CheckContext, 'sources'>, step: Step, name: string): Span {
  if (step.kind !== 'set') return valueSpan(sources, step, 'output');
  return entryOf(childOf(sources.get(step) ?? null, 'set'), name)?.keySpan ?? step.span;
}

function nameSpan(context: CheckContext): Span {
  return childOf(context.root, 'name')?.span ?? context.root.span;
}

function reportDuplicateId(context: CheckContext, step: Step, other: Step): void {
  const { sources, reporter } = context;
  const given = childOf(sources.get(step) ?? null, 'id');
  const message = `the id "${step.id}" is already that of step ${other.number} of the file`;
  reporter.report(
    'MST2009',
    valueSpan(sources, step, 'id'),
    message,
    given === null
      ? `steps without an id are called step_<n>: give this one an id, or rename the other`
      : 'ids are unique in the file: rename one of the two',
  );
}

/** Names of a list of steps, and of what is in them; `taken` are those made before it, in the order of the file. */
function checkMadeOnce(context: CheckContext, steps: readonly Step[], taken: ScopeChain<Step>): void {
  for (const step of steps) {
    if (step.kind === 'switch') {
      const cases = step.cases.map(({ steps: inner }) => {
        const own = createScope(taken);
        checkMadeOnce(context, inner, own);
        return own;
      });
      for (const own of cases) for (const [name, maker] of own.own()) taken.set(name, maker);
    } else {
      if (step.kind === 'foreach' && step.as !== 'item') checkAs(context, step, taken);
      for (const { steps: inner } of innerLists(step)) checkMadeOnce(context, inner, taken);
    }
    for (const name of namesMadeBy(step)) {
      const other = taken.get(name);
      if (other === undefined) taken.set(name, step);
      else {
        const hint = 'a name is made once, except in several branches of one switch: choose another';
        context.reporter.report('MST2010', madeSpan(context, step, name), `"${name}" is already made by step "${other.id}"`, hint);
      }
    }
  }
}

function checkAs(context: CheckContext, step: Extract<Step, { kind: 'foreach' }>, taken: ScopeChain<Step>): void {
  let clash = taken.get(step.as);
  walkSteps(step.steps, (inner) => {
    if (namesMadeBy(inner).includes(step.as) || (inner.kind === 'foreach' && inner.as === step.as)) clash ??= inner;
  });
  if (clash === undefined) return;
  const message = `"${step.as}" names the item here and is also made by step "${clash.id}"`;
  context.reporter.report('MST2010', valueSpan(context.sources, step, 'as'), message, 'choose another name for `as`');
}
