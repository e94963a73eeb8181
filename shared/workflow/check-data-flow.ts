// Which names an expression can see where it stands, and which functions and built-ins it may use there.
//
//   F1. A step sees what was made before it in its own list and in the lists around it.
//   F2. Branches of a parallel block and of a switch do not see each other; what they make is visible after the block.
//   F3. What is made inside a foreach is visible inside it only.
//   F4. A name that only some branches of a switch make is visible after it with a warning (null otherwise). A branch that ends in `fail` does not count.
//   F5. An undo sees what its own step sees, its own output, and `.error`.

import type { CheckContext } from './check-context.ts';
import { checkExpression, type Names, type Rules } from './check-expression.ts';
import type { Maker } from './check-names.ts';
import type { Compensate, Expr, Service, Step, SwitchStep, Template, TextPart } from './model.ts';
import { createScope } from './scope-chain.ts';
import { compensateOf, innerLists, namesMadeBy } from './walk.ts';

interface Flow {
  context: CheckContext;
  makers: ReadonlyMap<string, Maker[]>;
}

/** Checks every expression of the workflow in the scope where it stands. */
export function checkDataFlow(context: CheckContext, makers: ReadonlyMap<string, Maker[]>): void {
  const flow: Flow = { context, makers };
  const names: Names = createScope();
  checkList(flow, context.workflow.steps, names, []);
  checkTemplate(flow, context.workflow.output, { names, step: null, parents: [] });
  const used = usedServices(context);
  for (const service of Object.values(context.workflow.services))
    if (!used.has(service.name)) checkServiceUse(flow, service, { names: createScope(), step: null, parents: [] });
}

function usedServices({ workflow }: CheckContext): Set<string> {
  const used = new Set<string>();
  const collect = (steps: readonly Step[]): void => {
    for (const step of steps) {
      if (step.kind === 'call') used.add(step.service);
      const compensate = compensateOf(step);
      if (compensate !== null) used.add(compensate.service);
      for (const { steps: inner } of innerLists(step)) collect(inner);
    }
  };
  collect(workflow.steps);
  return used;
}

/** Checks a list in order and adds what it makes to `names`. */
function checkList(flow: Flow, steps: readonly Step[], names: Names, parents: readonly Step[]): void {
  for (const step of steps) {
    const rules: Rules = { names, step, parents };
    if (step.when !== null) checkExpr(flow, step.when, rules);
    checkKind(flow, step, rules);
    for (const name of namesMadeBy(step)) names.set(name, 'always');
    const compensate = compensateOf(step);
    if (compensate !== null) checkUndo(flow, compensate, rules);
  }
}

function checkKind(flow: Flow, step: Step, rules: Rules): void {
  const inside = [...rules.parents, step];
  switch (step.kind) {
    case 'call':
      checkParts(flow, step.method?.text ?? [], rules);
      checkTemplate(flow, step.input, { ...rules, parseJson: true, callbackUrl: step.await === 'callback' });
      checkServiceUse(flow, flow.context.workflow.services[step.service], rules);
      return;
    case 'parallel': {
      const made: Names[] = [];
      for (const branch of step.branches) {
        if (branch.when !== null) checkExpr(flow, branch.when, rules);
        const names: Names = createScope(rules.names);
        checkList(flow, branch.steps, names, inside);
        made.push(names);
      }
      for (const names of made) for (const [name, certainty] of names.own()) rules.names.set(name, certainty);
      return;
    }
    case 'foreach': {
      checkExpr(flow, step.items, rules);
      const names: Names = createScope(rules.names);
      for (const name of ['item', 'index', step.as]) names.set(name, 'always');
      checkList(flow, step.steps, names, inside);
      return;
    }
    case 'switch':
      checkSwitch(flow, step, rules, inside);
      return;
    case 'wait':
      if (step.until !== null) checkExpr(flow, step.until, rules);
      return;
    case 'set':
      for (const [, value] of step.values) checkTemplate(flow, value, { ...rules, parseJson: true, now: true });
      return;
    case 'checkpoint':
      checkTemplate(flow, step.title, rules);
      checkTemplate(flow, step.prompt, rules);
      return;
    case 'workflow':
      checkTemplate(flow, step.input, rules);
      return;
    case 'emit':
      checkTemplate(flow, step.detailType, rules);
      checkTemplate(flow, step.detail, rules);
      return;
    case 'fail':
      checkTemplate(flow, step.message, rules);
  }
}

function checkSwitch(flow: Flow, step: SwitchStep, rules: Rules, inside: readonly Step[]): void {
  const ways: Names[] = [];
  for (const branch of step.cases) {
    if (branch.when !== null) checkExpr(flow, branch.when, rules);
    const names: Names = createScope(rules.names);
    checkList(flow, branch.steps, names, inside);
    if (!endsInFail(branch.steps)) ways.push(names);
  }
  // Without a last branch that always holds, the run may pass the switch by.
  if (step.cases.at(-1)?.when !== null) ways.push(createScope(rules.names));
  const merged = new Map<string, 'always' | 'sometimes'>();
  for (const way of ways) {
    for (const [name, certainty] of way.own()) {
      const everywhere = certainty === 'always' && ways.every((other) => other.get(name) === 'always');
      merged.set(name, everywhere ? 'always' : 'sometimes');
    }
  }
  for (const [name, certainty] of merged) rules.names.set(name, certainty);
}

function endsInFail(steps: readonly Step[]): boolean {
  return steps.some((step) => step.kind === 'fail' && step.when === null);
}

/** `rules.names` has the step's own output by now. */
function checkUndo(flow: Flow, compensate: Compensate, rules: Rules): void {
  const undo: Rules = { ...rules, undo: true };
  checkParts(flow, compensate.method?.text ?? [], undo);
  checkTemplate(flow, compensate.input, undo);
  checkServiceUse(flow, flow.context.workflow.services[compensate.service], rules);
}

/** Headers and endpoint of a service are resolved at each call: what they use must be visible there. */
function checkServiceUse(flow: Flow, service: Service | undefined, rules: Rules): void {
  if (service === undefined) return;
  const header: Rules = { ...rules, parseJson: true, outside: true, service: service.name };
  for (const [, value] of service.headers) checkParts(flow, value, header);
  checkParts(flow, service.endpoint, { ...header, parseJson: false });
}

function checkParts(flow: Flow, parts: readonly TextPart[], rules: Rules): void {
  for (const part of parts) if (typeof part !== 'string') checkExpr(flow, part, rules);
}

function checkTemplate(flow: Flow, template: Template | null, rules: Rules): void {
  if (template === null || template.kind === 'literal') return;
  if (template.kind === 'expr') checkExpr(flow, template.expr, { ...rules, whole: true });
  else if (template.kind === 'text') checkParts(flow, template.parts, rules);
  else if (template.kind === 'list') for (const item of template.items) checkTemplate(flow, item, rules);
  else for (const [, value] of template.entries) checkTemplate(flow, value, rules);
}

function checkExpr(flow: Flow, expr: Expr, rules: Rules): void {
  checkExpression(flow.context, flow.makers, expr, rules);
}
