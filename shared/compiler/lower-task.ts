// Tasks that are not calls: checkpoint and emit.

import type { Json, JsonObject } from '../json.ts';
import { MESSAGE_VERSION } from '../protocol/step-message.ts';
import type { CheckpointStep, EmitStep, Template } from '../workflow/index.ts';
import type { AslState, NamedState } from './asl.ts';
import { caughtCode } from './caught-error.ts';
import { catchers, goOn, type Lowered, leave } from './exit.ts';
import { literalValue, templateCode, templateValue, wrap } from './expression/index.ts';
import { caughtFailure } from './failure-exit.ts';
import { placeValue } from './frame.ts';
import { lookedAtLetGo } from './let-go.ts';
import { letGo, messageHead, recordFields, waitSecondsCode } from './lower-call.ts';
import { type Context, scopeOf, stepFunction } from './scope.ts';
import { LAMBDA_RETRIER } from './service-config.ts';
import { assignField, assignments, type Site } from './site.ts';

/** Source of every event that a workflow emits. */
const EVENT_SOURCE = 'maestro';

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
