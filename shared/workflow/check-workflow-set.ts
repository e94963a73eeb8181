// What only several files together show: children that are not there, names that stand twice, circles.

import type { Diagnostic } from './diagnostics.ts';
import { CATALOGUE, type DiagnosticCode } from './diagnostics-catalogue.ts';
import type { Span, Workflow } from './model.ts';
import { positionIn } from './parse-workflow.ts';
import { didYouMean } from './suggest.ts';
import { allSteps } from './walk.ts';

interface Call {
  from: Workflow;
  child: string;
  span: Span;
  step: string;
}

/**
 * Checks workflows that are deployed or run together.
 *
 * @param workflows all of them; lines and columns are right for those that `parseWorkflow` made
 * @returns diagnostics in the order of the workflows; each circle is told once, at the call that closes it
 */
export function checkWorkflowSet(workflows: readonly Workflow[]): Diagnostic[] {
  const byName = new Map<string, Workflow>();
  const found: Diagnostic[] = [];
  for (const workflow of workflows) {
    const other = byName.get(workflow.name);
    if (other === undefined) byName.set(workflow.name, workflow);
    else
      found.push(
        diagnostic(
          'MST2303',
          workflow,
          { start: 0, end: 1 },
          `the workflow "${workflow.name}" is also in ${other.file}`,
          'give one of them another `name`',
        ),
      );
  }
  const calls = new Map([...byName].map(([name, workflow]) => [name, callsOf(workflow)]));
  for (const call of [...calls.values()].flat()) {
    if (byName.has(call.child)) continue;
    const hint = didYouMean(call.child, byName.keys()) ?? 'add its file';
    found.push(
      diagnostic(
        'MST2301',
        call.from,
        call.span,
        `step "${call.step}" runs the workflow "${call.child}", which is not among the files`,
        hint,
      ),
    );
  }
  return [...found, ...circles(calls)];
}

function callsOf(workflow: Workflow): Call[] {
  return allSteps(workflow).flatMap((step) =>
    step.kind === 'workflow' ? [{ from: workflow, child: step.workflow, span: step.span, step: step.id }] : [],
  );
}

/** Depth first with a stack of its own, so that a long chain of workflows cannot exhaust the call stack. */
function circles(calls: ReadonlyMap<string, Call[]>): Diagnostic[] {
  const found: Diagnostic[] = [];
  const done = new Set<string>();
  for (const start of calls.keys()) {
    const path: { name: string; next: number }[] = done.has(start) ? [] : [{ name: start, next: 0 }];
    while (path.length > 0) {
      const top = path[path.length - 1];
      if (top === undefined) break;
      const call = calls.get(top.name)?.[top.next++];
      if (call === undefined) {
        done.add(top.name);
        path.pop();
        continue;
      }
      const index = path.findIndex(({ name }) => name === call.child);
      if (index >= 0) {
        const circle = [...path.slice(index).map(({ name }) => name), call.child].join(' → ');
        found.push(
          diagnostic(
            'MST2302',
            call.from,
            call.span,
            `workflows run each other in a circle: ${circle}`,
            'break the circle: a run would never end',
          ),
        );
      } else if (!done.has(call.child) && calls.has(call.child)) path.push({ name: call.child, next: 0 });
    }
  }
  return found;
}

function diagnostic(code: DiagnosticCode, workflow: Workflow, span: Span, message: string, hint: string): Diagnostic {
  const position = positionIn(workflow);
  const from = position(span.start);
  const to = position(span.end);
  return {
    code,
    severity: CATALOGUE[code].severity,
    message,
    hint,
    file: workflow.file,
    line: from.line,
    column: from.column,
    endLine: to.line,
    endColumn: to.column,
    span,
    path: from.path,
  };
}
