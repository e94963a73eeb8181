// A sub-workflow: one Task that runs it and waits. And the Task that loads its result where a value in it was stored for its size.
//
//   W1. What the child stored lies below the child's prefix, with the paths that the child reads: the parent may use none of it as it is.
//   W2. A small result takes no transition more: the way to the load is an expression that fails on a stored value, and its Catch.

import type { Json, JsonObject } from '../json.ts';
import { FUNCTION_GONE, RETRYABLE } from '../protocol/errors.ts';
import type { Retry, WorkflowStep } from '../workflow/index.ts';
import type { AslState, NamedState } from './asl.ts';
import { catchers, type Lowered, leave } from './exit.ts';
import { jsonataString, templateCode, templateValue, wrap } from './expression/index.ts';
import { caughtFailure } from './failure-exit.ts';
import { placeCode, placeValue } from './frame.ts';
import { lookedAtLetGo } from './let-go.ts';
import { longestUndoSeconds } from './limits.ts';
import { letGo, messageHead, shapeFields, undoSpec } from './lower-call.ts';
import { childNameCode, deadlineCode, expression, RUN_ID_CODE } from './runtime-code.ts';
import { scopeOf, stepFunction } from './scope.ts';
import { LAMBDA_RETRIER, retrier } from './service-config.ts';
import { assignField, assignments, type Site } from './site.ts';

/** AWS's default for a Task without TimeoutSeconds, and its largest value. */
const LONGEST_TASK_SECONDS = 99_999_999;
/** The step function waits 20 s for the child's record, and has as long for the value. */
const LOAD_SECONDS = 60;
/** The end of the child may have to be found by the sweep of every minute. */
const LOAD_RETRY: Retry = { attempts: 8, backoff: 'exponential', initialMs: 2_000, maxMs: 30_000 };

/** What the name of a loading state ends in. */
export const LOAD = ' (load)';

const RESULT = '$states.result.Output';
/**
 * The child's result, and a failure where a stored value stands in it. Data from outside never have the key, for it is escaped, and within a text
 * its quotes are. A text that is just the word takes the way of a stored value too: it comes out of it as it was.
 */
const USABLE_RESULT = `$contains($string([${RESULT}]), '"$stored"') ? $error("a value of the result was stored for its size") : ${RESULT}`;

/** Runs another workflow and waits for it. Deadline, parent and place travel in the reserved key of its input. */
export function lowerWorkflow(site: Site<WorkflowStep>): Lowered {
  const { context, frame, step, place, exit } = site;
  const { assign, overrides } = assignments(site, { code: RESULT, total: false });
  const child = context.children.get(step.workflow);
  const seconds = child
    ? Math.min(LONGEST_TASK_SECONDS, Math.ceil(child.timeoutMs / 1000) + longestUndoSeconds(child) + 60)
    : LONGEST_TASK_SECONDS;
  const goesOn = step.onError === 'continue' ? lookedAtLetGo(site, letGo(site)) : null;
  const caught = catchers(caughtFailure(context, frame, step), goesOn?.catcher ?? null);
  const state: AslState = {
    Type: 'Task',
    Resource: 'arn:aws:states:::states:startExecution.sync:2',
    TimeoutSeconds: seconds,
    Arguments: {
      StateMachineArn: context.substitutions.placeholder('workflow', step.workflow),
      Name: expression(childNameCode(placeCode(place))),
      Input: childInput(site),
    },
    ...assignField(exit, assign),
    Catch: caught,
  };
  leave(state, exit, overrides, expression(RESULT));
  const states: NamedState[] = [[step.id, state]];
  const variable = resultVariable(site);
  if (variable !== null) {
    const load = loadState(site, caught);
    state.Assign = { ...(state.Assign as JsonObject | undefined), [variable]: expression(USABLE_RESULT) };
    state.Catch = [{ ErrorEquals: ['States.QueryEvaluationError'], Next: load[0] }, ...(caught ?? [])];
    states.push(load);
  }
  return { enter: { kind: 'goto', state: step.id, callsStep: false }, states: [...states, ...(goesOn?.states ?? [])] };
}

/** The variable that takes the result; null where nobody can read it. The last state of a scope assigns it only to look at it. */
function resultVariable({ context, frame, step }: Site<WorkflowStep>): string | null {
  if (step.output !== null) return frame.variables.get(step.output) ?? step.output;
  return frame.collected?.steps.has(step) ? context.variables.take('result') : null;
}

/** Goes on as the step itself does, with what the step function makes of the child's result. */
function loadState(site: Site<WorkflowStep>, caught: Json[] | undefined): NamedState {
  const { context, exit } = site;
  const result = '$states.result.Payload';
  const { assign, overrides } = assignments(site, { code: result, total: true });
  const state: AslState = {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    TimeoutSeconds: LOAD_SECONDS,
    Arguments: { FunctionName: stepFunction(context), Payload: { ...messageHead('load', site), ...shapeFields(site) } },
    ...assignField(exit, assign),
    Retry: [LAMBDA_RETRIER, ...retrier([...RETRYABLE, ...FUNCTION_GONE], LOAD_RETRY)],
    // A copy: the first state of a scope gets assignments added to its own.
    Catch: structuredClone(caught),
  };
  leave(state, exit, overrides, expression(result));
  return [`${site.step.id}${LOAD}`, state];
}

function childInput({ context, frame, step, place }: Site<WorkflowStep>): Json {
  const link: JsonObject = {
    parent: { run: expression(RUN_ID_CODE), at: placeValue(place), step: step.id },
    deadline: expression(deadlineCode(context.workflow.timeoutMs)),
    ...(step.compensate ? { undo: undoSpec(context, frame, place, step.compensate, step.output) } : {}),
  };
  if (step.input === null) return { $maestro: link };
  const scope = scopeOf(context, frame, place);
  const given = templateValue(step.input, scope);
  if (step.input.kind === 'object' && typeof given === 'object' && given !== null && !Array.isArray(given)) {
    return { ...given, $maestro: link };
  }
  const code = templateCode(step.input, scope);
  const values = jsonCode(link);
  return wrap(`($i := ${code}; $merge([$type($i) = "object" ? $i : {"value": $i}, {"$maestro": ${values}}]))`);
}

/** A template value as one JSONata expression: `{% code %}` leaves stand for themselves, everything else is constant. */
function jsonCode(value: Json): string {
  if (typeof value === 'string') return value.startsWith('{%') ? `(${value.slice(2, -2).trim()})` : jsonataString(value);
  if (Array.isArray(value)) return `[${value.map(jsonCode).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${jsonataString(key)}: ${jsonCode(inner)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value);
}
