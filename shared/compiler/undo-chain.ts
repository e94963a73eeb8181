// The undo, drawn as states: one chain from the last undoable step back to the first, shared by every failure and entered where it
// happened. The record, not the chain, decides what is done: a state of the chain only says "undo this place".
//
//   C1. The order is reverse file order; a foreach from its last item. Branches and cases are flattened: their places are constant.
//   C2. No undo stops the others: every state catches its own failure and goes on.

import type { Json, JsonObject } from '../json.ts';
import { FUNCTION_GONE, LAMBDA_TRANSIENT, RETRYABLE } from '../protocol/errors.ts';
import { MESSAGE_VERSION } from '../protocol/step-message.ts';
import { compensateOf, type ForeachStep, type Step } from '../workflow/index.ts';
import { childSequences, isUndoable } from './analyse.ts';
import { type AslState, type NamedState, statesObject } from './asl.ts';
import { literalValue, wrap } from './expression/index.ts';
import { type Place, placeInside, placeValue } from './frame.ts';
import { BREAKER_WAIT_SECONDS, UNDO_RETRY } from './limits.ts';
import { type Context, serviceOf, stepFunction } from './scope.ts';
import { LAMBDA_RETRIER, retrier } from './service-config.ts';

const REPORT = 'undo (report)';
export const FAILED = '(failed)';

type Node = { step: Step; place: Place } | { step: ForeachStep; place: Place; body: Node[] };

/** Where a failure at step number `last` enters the chain: at the last undoable step up to it. */
export function undoEntry(context: Context, last: number): string {
  if (!context.analysis.hasChain) return FAILED;
  const node = chainNodes(context).findLast(({ step }) => step.number <= last);
  return node ? entryName(node) : REPORT;
}

/** How a chain reads the run and the error: from its own execution, or handed in to the machine `<name>-undo`. */
export interface ChainSource {
  run: Json;
  stepFunction: Json;
  errorCode: string;
  /** The last state: a Fail with the report (the run's own chain), or the report itself (`<name>-undo`). */
  ends: 'failed' | 'report';
}

/** The run's own chain. */
export function ownChain(context: Context): ChainSource {
  return { run: context.shared.run(), stepFunction: stepFunction(context), errorCode: `$${context.failure}`, ends: 'failed' };
}

/** The chain of `<name>-undo`: `{run, error}` is its input. */
export function handedIn(context: Context): ChainSource {
  return {
    run: '{% $states.context.Execution.Input.run %}',
    stepFunction: context.substitutions.placeholder('step'),
    errorCode: '$states.context.Execution.Input.error',
    ends: 'report',
  };
}

/** All states of the chain in the order in which they run, and the last ones. */
export function undoChain(context: Context, source: ChainSource): NamedState[] {
  return [...chainStates(context, chainNodes(context), source, REPORT), ...lastStates(context, source)];
}

/** The first state of the whole chain. */
export function chainStart(context: Context): string {
  const last = chainNodes(context).at(-1);
  return last ? entryName(last) : REPORT;
}

// ---- nodes

const known = new WeakMap<Context, Node[]>();

function chainNodes(context: Context): Node[] {
  let nodes = known.get(context);
  if (!nodes) known.set(context, (nodes = nodesOf(context.workflow.steps, [])));
  return nodes;
}

function nodesOf(steps: readonly Step[], place: Place): Node[] {
  return steps.flatMap((step, i): Node[] => {
    const at = placeInside(place, i + 1);
    if (step.kind === 'foreach') {
      const body = nodesOf(step.steps, ITEM_PLACE);
      return body.length > 0 ? [{ step, place: at, body }] : [];
    }
    const inside = childSequences(step).flatMap((inner, n) => nodesOf(inner, placeInside(at, n + 1)));
    return isUndoable(step) ? [{ step, place: at }] : inside;
  });
}

/** In the undo of a foreach the Map's item is the whole place of an item, so that nested ones need no variables. */
const ITEM_PLACE: Place = [{ code: '$states.context.Map.Item.Value' }];

function entryName(node: Node): string {
  return 'body' in node ? `undo ${node.step.id} (page)` : `undo ${node.step.id}`;
}

function chainStates(context: Context, nodes: readonly Node[], source: ChainSource, after: string): NamedState[] {
  const states: NamedState[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as Node;
    const before = nodes[i - 1];
    const next = before ? entryName(before) : after;
    if ('body' in node) states.push(...foreachStates(context, node, source, next));
    else if (node.step.kind === 'workflow') states.push(...childStates(context, node, source, next));
    else states.push([entryName(node), undoState(context, node, source, next)]);
  }
  return states;
}

// ---- states

/** Sends `{op: undo, …}` and goes on, whatever comes of it. */
function undoState(context: Context, { step, place }: Node, source: ChainSource, next: string): AslState {
  const compensate = compensateOf(step);
  const retry = compensate?.retry ?? UNDO_RETRY;
  const service = compensate ? serviceOf(context, compensate.service) : null;
  const timeoutMs = compensate?.timeoutMs ?? service?.timeoutMs ?? 30_000;
  const payload: JsonObject = {
    ...chainMessage('undo', step, place, source),
    ...(retry.attempts === UNDO_RETRY.attempts ? {} : { attempts: retry.attempts }),
  };
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    TimeoutSeconds: Math.ceil(timeoutMs / 1000) + 30 + Math.ceil((compensate?.retry?.maxMs ?? service?.retry.maxMs ?? 30_000) / 1000),
    Arguments: { FunctionName: source.stepFunction, Payload: payload },
    Retry: undoRetriers(context, retry, service?.breaker?.openMs),
    Catch: [{ ErrorEquals: ['States.ALL'], Next: next }],
    Next: next,
  };
}

/** An open breaker is waited for without using up the tries; an Express run has no time for that. */
function undoRetriers(context: Context, retry: Parameters<typeof retrier>[1], openMs: number | undefined): Json[] {
  const rest = retrier([...RETRYABLE, ...FUNCTION_GONE, ...LAMBDA_TRANSIENT], retry);
  if (context.workflow.execution === 'express') return rest;
  const interval = Math.max(1, Math.min(60, Math.ceil((openMs ?? 30_000) / 1000)));
  return [
    {
      ErrorEquals: ['Maestro.CircuitOpen'],
      IntervalSeconds: interval,
      MaxAttempts: Math.ceil(BREAKER_WAIT_SECONDS / interval),
      BackoffRate: 1,
    },
    ...rest,
  ];
}

function chainMessage(op: string, step: Step, place: Place, source: ChainSource): JsonObject {
  return { v: MESSAGE_VERSION, op, run: source.run, step: step.id, at: placeValue(place), error: wrap(source.errorCode) };
}

/**
 * A child run: the step function looks at its record and says whether its undo machine has to run. A `compensate` of the step's own (it
 * travelled in the child's link) is performed by the step function instead.
 */
function childStates(context: Context, node: Node, source: ChainSource, next: string): NamedState[] {
  const { step } = node;
  if (step.kind !== 'workflow') return [];
  const name = entryName(node);
  const ask = undoState(context, node, source, next);
  const args = ask.Arguments as JsonObject;
  const machine = context.substitutions.placeholder('workflow', step.workflow);
  args.Payload = { ...(args.Payload as JsonObject), op: 'child', machine };
  if (step.compensate) return [[name, ask]];
  ask.Output = '{% $states.result.Payload %}';
  ask.Next = `${name} (child)`;
  const decide: AslState = {
    Type: 'Choice',
    Choices: [{ Condition: '{% $states.input.start = true %}', Next: `${name} (run)` }],
    Default: next,
  };
  const run: AslState = {
    Type: 'Task',
    Resource: 'arn:aws:states:::states:startExecution.sync:2',
    TimeoutSeconds: 99_999_999,
    Arguments: { StateMachineArn: context.substitutions.placeholder('undo', step.workflow), Input: '{% $states.input.input %}' },
    Catch: [{ ErrorEquals: ['States.ALL'], Next: next }],
    Next: next,
  };
  return [
    [name, ask],
    [`${name} (child)`, decide],
    [`${name} (run)`, run],
  ];
}

/** Pages of item places, last first, each undone by the chain of the foreach's own steps. */
function foreachStates(context: Context, node: Extract<Node, { body: Node[] }>, source: ChainSource, next: string): NamedState[] {
  const { step, place, body } = node;
  const first = body.at(-1);
  if (!first) return [];
  const label = `undo ${step.id}`;
  const done = `${label} (item)`;
  const items = chainStates(context, body, source, done);
  const page: AslState = {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    TimeoutSeconds: 60,
    Arguments: { FunctionName: source.stepFunction, Payload: chainMessage('page', step, place, source) },
    Output: '{% $states.result.Payload %}',
    Retry: [LAMBDA_RETRIER, ...retrier(FUNCTION_GONE, UNDO_RETRY)],
    Catch: [{ ErrorEquals: ['States.ALL'], Next: next }],
    Next: `${label} (items)`,
  };
  const map: AslState = {
    Type: 'Map',
    Items: '{% $states.input.items %}',
    MaxConcurrency: 1,
    ItemProcessor: {
      ProcessorConfig: { Mode: 'INLINE' },
      StartAt: entryName(first),
      States: statesObject([...items, [done, { Type: 'Succeed', Output: {} }]]),
    },
    Output: '{% $states.input %}',
    Catch: [{ ErrorEquals: ['States.ALL'], Next: next }],
    Next: `${label} (more)`,
  };
  const more: AslState = {
    Type: 'Choice',
    Choices: [{ Condition: '{% $states.input.more = true %}', Next: `${label} (page)` }],
    Default: next,
  };
  return [
    [`${label} (page)`, page],
    [`${label} (items)`, map],
    [`${label} (more)`, more],
  ];
}

function lastStates(context: Context, source: ChainSource): NamedState[] {
  const { workflow } = context;
  const report: AslState = {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    TimeoutSeconds: 60,
    Arguments: {
      FunctionName: source.stepFunction,
      Payload: {
        v: MESSAGE_VERSION,
        op: 'report',
        run: source.run,
        workflow: workflow.name,
        version: literalValue(workflow.version),
        error: wrap(source.errorCode),
      },
    },
    Output: '{% $states.result.Payload %}',
    Retry: [LAMBDA_RETRIER, ...retrier(FUNCTION_GONE, UNDO_RETRY)],
  };
  if (source.ends === 'report') return [[REPORT, { ...report, End: true }]];
  const fallback = { error: wrap(errorNameCode(source.errorCode)), cause: wrap(failedCauseCode(source.errorCode)) };
  report.Catch = [{ ErrorEquals: ['States.ALL'], Output: fallback, Next: FAILED }];
  report.Next = FAILED;
  return [
    [REPORT, report],
    [FAILED, { Type: 'Fail', Error: '{% $states.input.error %}', Cause: '{% $states.input.cause %}' }],
  ];
}

/** The end of a machine that has nothing to undo. */
export function failedState(context: Context): NamedState {
  const code = `$${context.failure}`;
  return [FAILED, { Type: 'Fail', Error: wrap(errorNameCode(code)), Cause: wrap(failedCauseCode(code)) }];
}

/** An error's name, whatever was caught: SendTaskFailure may leave it out. */
function errorNameCode(errorCode: string): string {
  return `($n := ${errorCode}.error; $type($n) = "string" ? $n : "Maestro.Lost")`;
}

/** A Fail's Cause where there is no report: 30,000 characters at most, as AWS cuts at 32,768. */
function failedCauseCode(errorCode: string): string {
  return (
    `($e := ${errorCode}; $string({"status": "failed", "step": $e.step, "message": $type($e.cause) = "string" ? $substring($e.cause, 0, 14000) : "", ` +
    '"undone": [], "left": [], "unresolved": []}))'
  );
}
