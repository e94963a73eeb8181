// Tasks that are not calls: checkpoint, sub-workflow, emit.

import type { Json, JsonObject } from '../json.ts';
import { MESSAGE_VERSION } from '../protocol/step-message.ts';
import type { CheckpointStep, EmitStep, Template, WorkflowStep } from '../workflow/index.ts';
import type { AslState, NamedState } from './asl.ts';
import { caughtCode } from './caught-error.ts';
import { catchers, goOn, type Lowered, leave } from './exit.ts';
import { jsonataString, literalValue, templateCode, templateValue, wrap } from './expression/index.ts';
import { caughtFailure } from './failure-exit.ts';
import { placeCode, placeValue } from './frame.ts';
import { lookedAtLetGo } from './let-go.ts';
import { longestUndoSeconds } from './limits.ts';
import { letGo, messageHead, recordFields, undoSpec, waitSecondsCode } from './lower-call.ts';
import { childNameCode, deadlineCode, expression, RUN_ID_CODE } from './runtime-code.ts';
import { type Context, scopeOf, stepFunction } from './scope.ts';
import { LAMBDA_RETRIER } from './service-config.ts';
import { assignField, assignments, type Site } from './site.ts';

/** Source of every event that a workflow emits. */
const EVENT_SOURCE = 'maestro';
/** AWS's default for a Task without TimeoutSeconds, and its largest value. */
const LONGEST_TASK_SECONDS = 99_999_999;

/** Waits for a person: a Task on the checkpoint function that ends when its token is answered. */
export function lowerCheckpoint(site: Site<CheckpointStep>): Lowered {
  const { context, frame, step, place, exit } = site;
  const scope = scopeOf(context, frame, place);
  const { assign, overrides } = assignments(site, { code: '$states.result', total: true });
  const message: JsonObject = {
    v: MESSAGE_VERSION,
    op: 'checkpoint',
    run: context.shared.run(),
    step: step.id,
    at: placeValue(place),
    token: '{% $states.context.Task.Token %}',
    limit: context.workflow.timeoutMs,
    entered: '{% $states.context.State.EnteredTime %}',
    title: templateValue(step.title, scope),
    ...(step.prompt ? { prompt: templateValue(step.prompt, scope) } : {}),
    ...(step.options ? { options: literalValue(step.options) } : {}),
    ...(step.fields ? { fields: literalValue(step.fields as unknown as Json) } : {}),
    allow: [...step.allow],
    timeout: Math.ceil(step.timeoutMs / 1000),
    onTimeout: step.onTimeout,
    ...(step.default !== null ? { default: literalValue(step.default) } : {}),
  };
  const state: AslState = {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
    TimeoutSeconds: waitSecondsCode(context, step.timeoutMs),
    Arguments: { FunctionName: context.substitutions.placeholder('checkpoint'), Payload: message },
    ...assignField(exit, assign),
    Retry: [LAMBDA_RETRIER],
  };
  const caught = checkpointCatchers(site);
  if (caught.list.length > 0) state.Catch = caught.list;
  leave(state, exit, overrides);
  return { enter: { kind: 'goto', state: step.id, callsStep: false }, states: [[step.id, state], ...caught.states] };
}

/** A timeout does what `on_timeout` says, unless it is the run's deadline; anything else is a failure of the step. */
function checkpointCatchers(site: Site<CheckpointStep>): { list: Json[]; states: NamedState[] } {
  const { context, frame, step, exit } = site;
  const failed = caughtFailure(context, frame, step);
  const goesOn = step.onError === 'continue' ? lookedAtLetGo(site, letGo(site)) : null;
  const rest = catchers(failed, goesOn?.catcher ?? null) ?? [];
  const states = goesOn?.states ?? [];
  if (step.onTimeout === 'continue') {
    const answer: Json = { decision: null, answer: step.default, by: null, at: null };
    const span = step.span;
    const code = templateCode({ kind: 'literal', value: answer, span }, scopeOf(context, frame, site.place));
    const { assign, overrides } = assignments(site, { code, total: true });
    const timedOut = lookedAtLetGo(site, { ...assignField(exit, assign), ...goOn(exit, overrides) }, 'timeout');
    return { list: [{ ErrorEquals: ['States.Timeout'], ...timedOut.catcher }, ...rest], states: [...timedOut.states, ...states] };
  }
  if (step.onTimeout === 'reject' && failed) {
    const rejected = caughtFailure(context, frame, step, rejectedCode(caughtCode(context, step)));
    return { list: [{ ErrorEquals: ['States.Timeout'], ...rejected }, ...rest], states };
  }
  return { list: rest, states };
}

/** A checkpoint that nobody answered in time is rejected. */
function rejectedCode(caught: string): string {
  return `($x := ${caught}; $x.error = "States.Timeout" ? $merge([$x, {"error": "Maestro.Rejected", "cause": "nobody answered in time"}]) : $x)`;
}

/** Runs another workflow and waits for it. Deadline, parent and place travel in the reserved key of its input. */
export function lowerWorkflow(site: Site<WorkflowStep>): Lowered {
  const { context, frame, step, place, exit } = site;
  const { assign, overrides } = assignments(site, { code: '$states.result.Output', total: false });
  const child = context.children.get(step.workflow);
  const seconds = child
    ? Math.min(LONGEST_TASK_SECONDS, Math.ceil(child.timeoutMs / 1000) + longestUndoSeconds(child) + 60)
    : LONGEST_TASK_SECONDS;
  const goesOn = step.onError === 'continue' ? lookedAtLetGo(site, letGo(site)) : null;
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
    Catch: catchers(caughtFailure(context, frame, step), goesOn?.catcher ?? null),
  };
  leave(state, exit, overrides, '{% $states.result.Output %}');
  return { enter: { kind: 'goto', state: step.id, callsStep: false }, states: [[step.id, state], ...(goesOn?.states ?? [])] };
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

/** An event on the bus: straight to EventBridge, or through the step function where it can be undone. */
export function lowerEmit(site: Site<EmitStep>): Lowered {
  const { context, frame, step, exit, place } = site;
  const scope = scopeOf(context, frame, place);
  const text = (template: Template): Json => {
    const code = templateCode(template, scope);
    return template.kind === 'literal' ? templateValue(template, scope) : wrap(`$string(${code})`);
  };
  const throughStep = step.compensate !== null;
  const state: AslState = throughStep
    ? {
        Type: 'Task',
        Resource: 'arn:aws:states:::lambda:invoke',
        TimeoutSeconds: 60,
        Arguments: {
          FunctionName: stepFunction(context),
          Payload: {
            ...messageHead('emit', site),
            source: EVENT_SOURCE,
            detailType: text(step.detailType),
            detail: templateValue(step.detail, scope),
            ...recordFields(site, step.compensate, 1),
          },
        },
        Retry: [LAMBDA_RETRIER],
      }
    : {
        Type: 'Task',
        Resource: 'arn:aws:states:::events:putEvents',
        TimeoutSeconds: 60,
        Arguments: { Entries: [eventEntry(context, text(step.detailType), templateValue(step.detail, scope))] },
        Retry: [
          {
            ErrorEquals: ['EventBridge.InternalException', 'EventBridge.ThrottlingException'],
            IntervalSeconds: 1,
            MaxAttempts: 3,
            BackoffRate: 2,
            JitterStrategy: 'FULL',
          },
        ],
      };
  const goesOn = step.onError === 'continue' ? goOn(exit) : null;
  state.Catch = catchers(caughtFailure(context, frame, step), goesOn);
  leave(state, exit);
  return { enter: { kind: 'goto', state: step.id, callsStep: throughStep }, states: [[step.id, state]] };
}

function eventEntry(context: Context, detailType: Json, detail: Json): JsonObject {
  return { EventBusName: context.substitutions.placeholder('bus'), Source: EVENT_SOURCE, DetailType: detailType, Detail: detail };
}
