// A call: one Task on the step function. And the undo request that travels with it.

import type { Json, JsonObject } from '../json.ts';
import { FUNCTION_GONE, RETRYABLE } from '../protocol/errors.ts';
import { toPointer } from '../protocol/pointer.ts';
import { MESSAGE_VERSION } from '../protocol/step-message.ts';
import type { CallStep, Compensate, EmitStep, Expr, Retry, Service, Step, Template, WorkflowStep } from '../workflow/index.ts';
import type { AslState } from './asl.ts';
import { catchers, goOn, type Lowered, leave } from './exit.ts';
import { expressionCode, literalValue, templateCode, templateValue, textCode, wrap } from './expression/index.ts';
import { caughtFailure } from './failure-exit.ts';
import { type Frame, type Place, placeValue } from './frame.ts';
import { lookedAtLetGo } from './let-go.ts';
import { COLLECTED_BYTES, DEFAULT_BUDGET, SMALLEST_BUDGET } from './limits.ts';
import { deadlineCode } from './runtime-code.ts';
import { type Context, isLate, lateScope, readsLate, scopeOf, serviceOf, stepFunction } from './scope.ts';
import { LAMBDA_RETRIER, methodFields, retrier, serviceValue } from './service-config.ts';
import { assignField, assignments, type Site } from './site.ts';

/** The step function answers its own time limit; a Task's fires only when the function is gone. */
const TASK_GRACE_SECONDS = 30;

export function lowerCall(site: Site<CallStep>): Lowered {
  const { context, frame, step, exit } = site;
  const isCallback = step.await === 'callback';
  const result = { code: isCallback ? '$states.result' : '$states.result.Payload', total: true };
  const { assign, overrides } = assignments(site, result);
  const service = serviceOf(context, step.service);
  const retry = step.retry ?? service.retry;
  const goesOn = step.onError === 'continue' ? lookedAtLetGo(site, letGo(site)) : null;
  const state: AslState = {
    Type: 'Task',
    Resource: `arn:aws:states:::lambda:invoke${isCallback ? '.waitForTaskToken' : ''}`,
    TimeoutSeconds: isCallback ? waitSecondsCode(context, step.timeoutMs ?? 0) : taskSeconds(step.timeoutMs ?? service.timeoutMs, retry),
    Arguments: { FunctionName: stepFunction(context), Payload: callMessage(site) },
    ...assignField(exit, assign),
    Retry: [LAMBDA_RETRIER, ...retrier(isCallback ? RETRYABLE : [...RETRYABLE, ...FUNCTION_GONE], retry)],
    Catch: catchers(caughtFailure(context, frame, step), goesOn?.catcher ?? null),
  };
  leave(state, exit, overrides, wrap(result.code));
  return { enter: { kind: 'goto', state: step.id, callsStep: true }, states: [[step.id, state], ...(goesOn?.states ?? [])] };
}

/** The catcher of a failure that is let go: the output is the default, and the run goes on. */
export function letGo(site: Site<CallStep | Extract<Site['step'], { kind: 'workflow' | 'checkpoint' }>>): JsonObject {
  const { exit, step } = site;
  const { assign, overrides } = assignments(site, { code: defaultCode(step.default), total: true });
  const { Next, Output } = goOn(exit, overrides);
  return {
    ...assignField(exit, assign),
    ...(Output !== undefined ? { Output } : { Output: wrap(defaultCode(step.default)) }),
    Next,
  };
}

function defaultCode(value: Json): string {
  const span = { start: 0, end: 0 };
  return templateCode({ kind: 'literal', value, span }, { root: () => ({ code: 'null', steps: [], total: true }), uuid: () => 'null' });
}

function taskSeconds(timeoutMs: number, retry: { attempts: number; maxMs: number }): number {
  return Math.ceil(timeoutMs / 1000) + TASK_GRACE_SECONDS + (retry.attempts > 1 ? Math.ceil(retry.maxMs / 1000) : 0);
}

/** `min(own, left)` in whole seconds, at least 1: for tasks that wait for an answer. */
export function waitSecondsCode(context: Context, timeoutMs: number): Json {
  const left = `$ceil((${deadlineCode(context.workflow.timeoutMs)} - $millis()) / 1000)`;
  return wrap(`$max([1, $min([${Math.ceil(timeoutMs / 1000)}, ${left}])])`);
}

/** `CallMessage` as a template. */
function callMessage(site: Site<CallStep>): JsonObject {
  const { context, frame, step, place } = site;
  const scope = scopeOf(context, frame, place);
  const service = serviceOf(context, step.service);
  const { template: input, at: callbackAt } = takeOutCallbackUrl(step.input);
  const attempts = (step.retry ?? service.retry).attempts;
  return {
    ...messageHead('call', site),
    service: serviceValue(context, service, scope),
    ...methodFields(step.method, (expr) => wrap(expressionCode(expr, scope))),
    ...(input ? { input: templateValue(input, scope) } : {}),
    ...(step.timeoutMs !== null && step.await === null ? { timeout: step.timeoutMs } : {}),
    ...(attempts > 1 ? retryMaxField(step.retry, service) : {}),
    ...recordFields(site, step.compensate, attempts),
    ...(step.select ? { select: step.select.map((path) => literalValue(toPointer(path))) } : {}),
    ...(step.await ? { token: '{% $states.context.Task.Token %}' } : {}),
    ...(callbackAt.length > 0 ? { callbackAt: callbackAt.map((path) => literalValue(toPointer(path))) } : {}),
  };
}

/** What every message of a forward step begins with. */
export function messageHead(op: string, { context, step, place }: Pick<Site, 'context' | 'step' | 'place'>): JsonObject {
  return {
    v: MESSAGE_VERSION,
    op,
    run: context.shared.run(),
    step: step.id,
    at: placeValue(place),
    limit: context.workflow.timeoutMs,
  };
}

/** What the record of a step needs: its undo, how much of the result to keep, which blocks it stands in. */
export function recordFields(site: Site<CallStep | EmitStep>, compensate: Compensate | null, attempts: number): JsonObject {
  const { context, frame, step, place } = site;
  const output = step.kind === 'call' ? step.output : null;
  const lets = step.onError === 'continue';
  const stops = lets ? [] : frame.stops;
  return {
    ...(compensate ? { undo: undoSpec(context, frame, place, compensate, output) } : {}),
    ...shapeFields(site),
    ...(lets || frame.letGo ? { onError: 'continue' } : {}),
    ...(attempts > 1 ? { attempt: '{% $states.context.State.RetryCount %}', attempts } : {}),
    ...(frame.blocks.length > 0 ? { blocks: frame.blocks.map(placeValue) } : {}),
    ...(stops.length > 0 ? { stops: stops.map(placeValue) } : {}),
    ...(step.irreversible ? { irreversible: true } : {}),
  };
}

/** How a result may stand in the state: what is kept of one that is too large, and what is too large. An event has none. */
export function shapeFields(site: Site<CallStep | EmitStep | WorkflowStep>): JsonObject {
  const { frame, step } = site;
  if (step.kind === 'emit') return {};
  const keep = keptPaths({ ...site, step });
  return { ...(keep ? { keep: keep.map((path) => literalValue(toPointer(path))) } : {}), ...budgetField(frame, step) };
}

/** The paths that later templates read of this step's result; undefined where all of it is read. */
function keptPaths({ context, frame, step }: Site<CallStep | WorkflowStep>): string[][] | undefined {
  const paths = step.output === null ? [] : [...(context.analysis.reads.get(step.output) ?? [])];
  if (frame.collected?.steps.has(step)) paths.push(...frame.collected.paths);
  return paths.some((path) => path.length === 0) ? undefined : paths;
}

function budgetField(frame: Frame, step: Step): { budget?: Json } {
  if (!frame.collected?.steps.has(step)) return frame.budget === DEFAULT_BUDGET ? {} : { budget: frame.budget };
  const divisor = frame.collected.divisors.map((code) => `$max([1, ${code}])`).join(' * ');
  return { budget: wrap(`$max([${SMALLEST_BUDGET}, $min([${frame.budget}, $floor(${COLLECTED_BYTES} / (${divisor}))])])`) };
}

/** The service's is in its configuration. */
function retryMaxField(own: Retry | null, service: Service): { retryMax?: number } {
  return own === null || own.maxMs === service.retry.maxMs ? {} : { retryMax: own.maxMs };
}

/** `UndoSpec` as a template: what only the answer or the failure knows is `$late`. */
export function undoSpec(context: Context, frame: Frame, place: Place, compensate: Compensate, ownOutput: string | null): JsonObject {
  const now = scopeOf(context, frame, place);
  const service = serviceOf(context, compensate.service);
  return {
    service: serviceValue(context, service, now),
    ...methodFields(compensate.method, (expr) => lateExpr(context, frame, place, expr, ownOutput)),
    ...(compensate.input ? { input: lateTemplate(context, frame, place, compensate.input, ownOutput) } : {}),
    ...(compensate.timeoutMs !== null ? { timeout: compensate.timeoutMs } : {}),
    ...retryMaxField(compensate.retry, service),
    ...(compensate.onUnknown ? { onUnknown: true } : {}),
  };
}

function lateTemplate(context: Context, frame: Frame, place: Place, template: Template, ownOutput: string | null): Json {
  if (!isLate(template, ownOutput)) return templateValue(template, scopeOf(context, frame, place));
  switch (template.kind) {
    case 'expr':
      return lateExpr(context, frame, place, template.expr, ownOutput);
    case 'text':
      return late(context, frame, place, ownOutput, (scope) => textCode(template.parts, scope));
    case 'list':
      return template.items.map((item) => lateTemplate(context, frame, place, item, ownOutput));
    case 'object': {
      // A key that the substitution would touch makes the whole object one late expression.
      if (template.entries.some(([key]) => key.includes('${'))) {
        return late(context, frame, place, ownOutput, (scope) => templateCode(template, scope));
      }
      const object: JsonObject = {};
      for (const [key, value] of template.entries) {
        const lowered = lateTemplate(context, frame, place, value, ownOutput);
        Object.defineProperty(object, key, { value: lowered, enumerable: true, configurable: true, writable: true });
      }
      return object;
    }
    case 'literal':
      return templateValue(template, scopeOf(context, frame, place));
  }
}

function lateExpr(context: Context, frame: Frame, place: Place, expr: Expr, ownOutput: string | null): Json {
  if (!readsLate(expr, ownOutput)) return wrap(expressionCode(expr, scopeOf(context, frame, place)));
  return late(context, frame, place, ownOutput, (scope) => expressionCode(expr, scope));
}

function late(
  context: Context,
  frame: Frame,
  place: Place,
  ownOutput: string | null,
  generate: (scope: ReturnType<typeof lateScope>) => string,
): Json {
  const scope = lateScope(context, frame, place, ownOutput);
  const code = generate(scope);
  const { bind, error } = scope.used;
  return { $late: code, ...(Object.keys(bind).length > 0 ? { bind } : {}), ...(error ? { error: true } : {}) };
}

/** `callback.url` cannot be known here: null in its place, and where it stands. */
function takeOutCallbackUrl(template: Template | null): { template: Template | null; at: (string | number)[][] } {
  const at: (string | number)[][] = [];
  const walk = (t: Template, path: (string | number)[]): Template => {
    switch (t.kind) {
      case 'expr':
        if (t.expr.kind !== 'callback_url') return t;
        at.push(path);
        return { kind: 'literal', value: null, span: t.span };
      case 'list':
        return { ...t, items: t.items.map((item, i) => walk(item, [...path, i])) };
      case 'object':
        return { ...t, entries: t.entries.map(([key, value]) => [key, walk(value, [...path, key])]) };
      default:
        return t;
    }
  };
  return { template: template && walk(template, []), at };
}
