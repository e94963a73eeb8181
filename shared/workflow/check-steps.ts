// Rules within one step, whatever stands around it.

import type { CheckContext } from './check-context.ts';
import { checkRetryOrder } from './check-services.ts';
import { formatDuration } from './duration.ts';
import type { CallStep, CheckpointStep, FailStep, Step, SwitchStep } from './model.ts';
import { MAX_CALL_MS } from './schema.ts';
import { headSpan, keySpan, valueSpan } from './sources.ts';
import { compensateOf, innerLists, walkSteps } from './walk.ts';
import { childOf, entryOf, itemsOf } from './yaml-tree.ts';

/** Checks every step by itself, and that none stands behind a `fail`. */
export function checkSteps(context: CheckContext): void {
  checkReachable(context, context.workflow.steps);
  walkSteps(context.workflow.steps, (step) => {
    for (const { steps } of innerLists(step)) checkReachable(context, steps);
    checkStep(context, step);
  });
}

function checkStep(context: CheckContext, step: Step): void {
  const { sources, reporter } = context;
  const node = sources.get(step) ?? null;
  const compensate = compensateOf(step);
  if (step.irreversible && compensate !== null) {
    reporter.report(
      'MST2202',
      keySpan(sources, step, 'irreversible'),
      `step "${step.id}" says that it has no undo, and has one`,
      'remove `irreversible` or `compensate`',
    );
  }
  checkRetryOrder(context, step);
  if (compensate !== null) {
    checkRetryOrder(context, compensate);
    if (!compensate.onUnknown && step.kind !== 'workflow') {
      const message = `if it stays unknown whether "${step.id}" was performed, this undo is not run and the run ends compensation_failed`;
      reporter.report(
        'MST2902',
        keySpan(sources, step, 'compensate'),
        message,
        'add `on_unknown: true` if the undo is safe to run for something that never happened',
      );
    }
  }
  if ((step.kind === 'call' || step.kind === 'workflow') && step.onError === 'fail' && entryOf(node, 'default') !== null) {
    reporter.report('MST2206', keySpan(sources, step, 'default'), 'this default is never used', 'add `on_error: continue`, or remove it');
  }
  if (step.kind === 'call') checkCall(context, step);
  if (step.kind === 'switch') checkSwitch(context, step);
  if (step.kind === 'checkpoint') checkCheckpoint(context, step);
  if (step.kind === 'fail') checkFail(context, step);
  if (step.kind === 'wait' && step.waitMs !== null && step.until !== null) {
    reporter.report('MST1108', keySpan(sources, step, 'until'), 'a step has one kind, found "wait" and "until"', 'keep one of the two');
  }
  if (step.kind === 'parallel') hintAtParallel(context, step);
}

function checkCall({ sources, reporter }: CheckContext, step: CallStep): void {
  if (step.await === 'callback' && entryOf(sources.get(step) ?? null, 'timeout') === null) {
    reporter.report(
      'MST2203',
      keySpan(sources, step, 'await'),
      `step "${step.id}" waits for a callback without an end`,
      'add for example "timeout: 24h"; up to a year (8760h)',
    );
  }
  if (step.await === null && step.timeoutMs !== null && step.timeoutMs > MAX_CALL_MS) {
    const message = `"timeout": a call takes at most ${formatDuration(MAX_CALL_MS)}, found ${formatDuration(step.timeoutMs)}`;
    reporter.report('MST1107', valueSpan(sources, step, 'timeout'), message, 'let a slow service answer later with `await: callback`');
  }
  for (const [index, path] of (step.select ?? []).entries()) {
    if (path.length > 0 && path.every((part) => part !== '')) continue;
    const item = itemsOf(sources.get(step) ?? null, 'select')[index];
    reporter.report('MST2214', item?.span ?? step.span, 'a path in `select` has an empty part', 'write names joined by dots: a.b');
  }
}

function checkSwitch({ sources, reporter }: CheckContext, step: SwitchStep): void {
  const nodes = itemsOf(sources.get(step) ?? null, 'switch');
  for (const [index, branch] of step.cases.entries()) {
    const node = nodes[index];
    if (node?.kind !== 'map' || branch.when !== null) continue;
    const span = node.entries[0]?.keySpan ?? branch.span;
    if (index < step.cases.length - 1)
      reporter.report(
        'MST2205',
        span,
        'a branch without `when` always holds, so those after it are never reached',
        'add `when`, or move it to the end',
      );
    else if (index === 0)
      reporter.report(
        'MST2205',
        span,
        'a switch with one branch needs a `when` on it',
        'add `when`, or write the steps without the switch',
      );
  }
}

function checkCheckpoint({ sources, reporter }: CheckContext, step: CheckpointStep): void {
  const node = childOf(sources.get(step) ?? null, 'checkpoint');
  const report = (key: string, message: string, hint: string): void => {
    const entry = entryOf(node, key);
    if (entry !== null) reporter.report('MST2204', entry.keySpan, message, hint);
  };
  if (step.onTimeout !== 'continue')
    report('default', '`default` is the answer when time runs out and the run goes on', 'add `on_timeout: continue`, or remove it');
  const answers = step.allow.includes('respond') || step.allow.includes('edit');
  for (const key of answers ? [] : ['options', 'fields']) {
    const entry = entryOf(node, key);
    const message = `\`${key}\` say what can be answered, and \`allow\` has neither respond nor edit`;
    if (entry !== null) reporter.report('MST2216', entry.keySpan, message, 'add respond to `allow`, or remove it');
  }
  if (new Set(step.allow).size < step.allow.length) report('allow', '`allow` lists a decision twice', 'list each once');
  const values = (step.options ?? []).map(({ value }) => value);
  if (new Set(values).size < values.length) report('options', 'two options have the same value', 'give each its own value');
}

function checkFail({ sources, reporter }: CheckContext, step: FailStep): void {
  const node = childOf(childOf(sources.get(step) ?? null, 'fail'), 'error');
  if (step.error === '' || node === null) return;
  if (/^(?:Maestro|States|Lambda|Sandbox|Runtime)\./.test(step.error))
    reporter.report(
      'MST2215',
      node.span,
      `error names that begin with ${step.error.split('.')[0]}. are taken`,
      'choose a name of your own',
    );
  else if (!/^[A-Za-z][A-Za-z0-9_.]{0,79}$/.test(step.error))
    reporter.report(
      'MST2215',
      node.span,
      'this is not the name of an error',
      'letters, digits, dots and underscores, at most 80: OutOfStock',
    );
}

function checkReachable({ sources, reporter }: CheckContext, steps: readonly Step[]): void {
  const end = steps.findIndex((step) => step.kind === 'fail' && step.when === null);
  const next = end === -1 ? undefined : steps[end + 1];
  if (next !== undefined)
    reporter.report(
      'MST2210',
      headSpan(sources, next),
      `step "${next.id}" is never reached: "${steps[end]?.id}" before it ends the run`,
      'give the `fail` step a `when`, or remove what follows',
    );
}

/** The question whether one check that is down should take the others with it is worth asking wherever nothing has to be undone. */
function hintAtParallel({ sources, reporter }: CheckContext, step: Step & { kind: 'parallel' }): void {
  if (step.onError === 'continue') return;
  const calls = step.branches.flatMap(({ steps }) => (steps.length === 1 && steps[0]?.kind === 'call' ? steps[0] : []));
  const exposed = calls.filter((call) => call.compensate === null && call.onError === 'fail' && !call.irreversible);
  if (exposed.length === 0 || step.branches.length < 2) return;
  const names = exposed.map(({ id }) => `"${id}"`).join(', ');
  reporter.report(
    'MST2901',
    keySpan(sources, step, 'parallel'),
    `if ${exposed.length === 1 ? names : `one of ${names}`} fails, the whole block fails`,
    'add `on_error: continue` to a call whose result the run can do without',
  );
}
