// The deadline against the waits, and what an Express workflow cannot have (3-compiler, "Express"). What needs the compiled definition is told there.

import type { CheckContext } from './check-context.ts';
import { longestWaitMs } from './deadline.ts';
import { formatDuration, YEAR_MS } from './duration.ts';
import type { Step } from './model.ts';
import { headSpan, keySpan } from './sources.ts';
import { allSteps, compensateOf } from './walk.ts';
import { childOf, entryOf } from './yaml-tree.ts';

/** An Express execution has five minutes; half a minute is kept for its end. */
const EXPRESS_MS = 270_000;

/** Checks deadline and Express rules. */
export function checkLimits(context: CheckContext): void {
  const { workflow, root, reporter } = context;
  const waitsMs = longestWaitMs(workflow.steps);
  const timeout = childOf(root, 'timeout');
  if (timeout !== null && waitsMs > workflow.timeoutMs) {
    reporter.report(
      'MST2208',
      timeout.span,
      `the waits on the longest path take ${formatDuration(waitsMs)}, the workflow has ${formatDuration(workflow.timeoutMs)}`,
      `raise \`timeout\` to more than ${formatDuration(waitsMs)}, or shorten the waits`,
    );
  } else if (workflow.timeoutMs > YEAR_MS) {
    reporter.report(
      'MST2208',
      headSpan(context.sources, workflow.steps[0] ?? { span: root.span }),
      `the waits on the longest path take ${formatDuration(waitsMs)}, and no run takes longer than a year (${formatDuration(YEAR_MS)})`,
      'shorten the waits',
    );
  }
  if (workflow.execution === 'express') checkExpress(context);
}

function checkExpress(context: CheckContext): void {
  const { workflow, root, sources, reporter } = context;
  if (workflow.timeoutMs > EXPRESS_MS) {
    const entry = entryOf(root, 'timeout') ?? entryOf(root, 'execution');
    const found =
      entryOf(root, 'timeout') === null
        ? 'without `timeout` a run may take five minutes'
        : `the timeout is ${formatDuration(workflow.timeoutMs)}`;
    reporter.report(
      'MST2209',
      entry?.value.span ?? root.span,
      `an express run takes at most ${formatDuration(EXPRESS_MS)}, its undo included; ${found}`,
      'say a shorter `timeout`, or use `execution: standard`',
    );
  }
  for (const step of allSteps(workflow)) {
    const kind = step.kind === 'call' && step.await !== null ? 'callback' : step.kind;
    if (kind === 'callback' || kind === 'checkpoint' || kind === 'workflow') {
      reporter.report(
        'MST2209',
        keySpan(sources, step, kind === 'callback' ? 'await' : kind),
        `an express workflow cannot have a ${kind} step`,
        'use `execution: standard`',
      );
    }
    const service = notIdempotent(context, step);
    if (service !== null) {
      reporter.report(
        'MST2209',
        keySpan(sources, step, 'compensate'),
        `an express workflow may run a call twice, and service "${service}" does not say that this is safe`,
        `add \`idempotent: true\` to "${service}" if it is, or use \`execution: standard\``,
      );
    }
  }
}

/** The first service of a step with an undo that does not promise to be idempotent. */
function notIdempotent({ workflow }: CheckContext, step: Step): string | null {
  const compensate = compensateOf(step);
  if (compensate === null) return null;
  const names = [...(step.kind === 'call' ? [step.service] : []), compensate.service];
  return names.find((name) => workflow.services[name]?.idempotent === false) ?? null;
}
