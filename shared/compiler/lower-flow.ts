// Steps without a service: switch, wait, set, fail.

import type { Json, JsonObject } from '../json.ts';
import type { FailStep, SetStep, SwitchStep, WaitStep } from '../workflow/index.ts';
import { type AslState, type NamedState, statesObject } from './asl.ts';
import { catchers, type Exit, goOn, type Lowered, leave } from './exit.ts';
import { conditionCode, expressionCode, jsonataString, templateCode, templateValue, wrap } from './expression/index.ts';
import { caughtFailure, madeFailure } from './failure-exit.ts';
import type { Reading } from './frame.ts';
import { expression, madeErrorCode, pastDeadlineCode, secondsLeftCode } from './runtime-code.ts';
import { scopeOf } from './scope.ts';
import { assignField, isFoldable, readsAny, type Site, skip } from './site.ts';

/** One Choice. Leading `set` steps of a case are the rule's Assign. */
export function lowerSwitch(site: Site<SwitchStep>): Lowered {
  const { context, frame, step, place, exit } = site;
  const rules: Json[] = [];
  const states: NamedState[] = [];
  let otherwise: { assign: JsonObject; enter: Exit; overrides: Map<string, Reading> } = { assign: {}, enter: exit, overrides: new Map() };
  if (step.when) {
    const skipped = skip(site);
    const condition = wrap(`$not(${conditionCode(step.when, scopeOf(context, frame, place))})`);
    const { Assign: _unread, ...fields } = skipped.fields;
    rules.push({ Condition: condition, ...fields, Next: skipped.next });
  }
  for (const [i, one] of step.cases.entries()) {
    const casePlace = [...place.slice(0, -1), ...appendCase(place.at(-1), i + 1)];
    const leading = leadingSets(one.steps);
    const { assign, overrides } = setAssignments(site, leading);
    const body = context.lowerSequence(context, frame, one.steps.slice(leading.length), casePlace, exit, leading.length + 1);
    states.push(...body.states);
    if (one.when === null) {
      otherwise = { assign, enter: body.enter, overrides };
      continue;
    }
    const condition = wrap(conditionCode(one.when, scopeOf(context, frame, place)));
    rules.push({
      Condition: condition,
      ...assignField({ kind: 'goto', state: '', callsStep: false }, assign),
      ...goOn(body.enter, overrides),
    });
  }
  const last = goOn(otherwise.enter, otherwise.overrides);
  const state: AslState = { Type: 'Choice', Choices: rules, Default: last.Next };
  if (Object.keys(otherwise.assign).length > 0) state.Assign = otherwise.assign;
  if (last.Output !== undefined) state.Output = last.Output;
  return { enter: { kind: 'goto', state: step.id, callsStep: false }, states: [[step.id, state], ...states] };
}

function appendCase(last: string | { code: string } | undefined, number: number): (string | { code: string })[] {
  const text = `.${String(number).padStart(4, '0')}`;
  return typeof last === 'string' ? [last + text] : last ? [last, text] : [text];
}

/** `set` steps at the beginning that can be assigned together. */
function leadingSets(steps: SwitchStep['cases'][number]['steps']): SetStep[] {
  const sets: SetStep[] = [];
  const names = new Set<string>();
  for (const step of steps) {
    if (step.kind !== 'set' || step.when || !isFoldable(step) || readsAny(step, names)) break;
    sets.push(step);
    for (const [name] of step.values) names.add(name);
  }
  return sets;
}

function setAssignments(site: Site, sets: readonly SetStep[]): { assign: JsonObject; overrides: Map<string, Reading> } {
  const { context, frame, place } = site;
  const assign: JsonObject = {};
  const overrides = new Map<string, Reading>();
  for (const set of sets) {
    const scope = scopeOf(context, frame, place);
    for (const [name, value] of set.values) {
      assign[frame.variables.get(name) ?? name] = templateValue(value, scope);
      overrides.set(name, { code: `(${templateCode(value, scope)})`, total: true });
    }
  }
  return { assign, overrides };
}

/**
 * A `set` of its own: a Pass; with `when`, a Choice that assigns; where it can fail, the work is done in a Parallel of one branch, because a Pass
 * has no Catch.
 */
export function lowerSet(site: Site<SetStep>): Lowered {
  const { context, frame, step, place, exit, folded } = site;
  if (!isFoldable(step)) return lowerFailingSet(site);
  const { assign, overrides } = setAssignments(site, [step, ...folded]);
  if (step.when) {
    const skipped = skip(site);
    const condition = wrap(conditionCode(step.when, scopeOf(context, frame, place)));
    const choice: AslState = {
      Type: 'Choice',
      Choices: [{ Condition: condition, ...assignField(exit, assign), ...goOn(exit, overrides) }],
      ...skipped.fields,
      Default: skipped.next,
    };
    return { enter: { kind: 'goto', state: step.id, callsStep: false }, states: [[step.id, choice]] };
  }
  const state: AslState = { Type: 'Pass', ...assignField(exit, assign) };
  leave(state, exit, overrides);
  return { enter: { kind: 'goto', state: step.id, callsStep: false }, states: [[step.id, state]] };
}

function lowerFailingSet(site: Site<SetStep>): Lowered {
  const { context, frame, step, place, exit } = site;
  const scope = scopeOf(context, frame, place);
  const values: JsonObject = {};
  for (const [name, value] of step.values) values[name] = templateValue(value, scope);
  const inner: NamedState = [`${step.id} (set)`, { Type: 'Pass', Output: values, End: true }];
  const assign: JsonObject = {};
  const overrides = new Map<string, Reading>();
  for (const [name] of step.values) {
    const code = `$states.result[0].\`${name}\``;
    assign[frame.variables.get(name) ?? name] = expression(code);
    overrides.set(name, { code, total: true });
  }
  const nulls = skip(site);
  const failed = caughtFailure(context, frame, step);
  const state: AslState = {
    Type: 'Parallel',
    Branches: [{ StartAt: inner[0], States: statesObject([inner]) }],
    ...assignField(exit, assign),
    Catch: catchers(failed, step.onError === 'continue' ? { ...nulls.fields, Next: nulls.next } : null),
  };
  leave(state, exit, overrides);
  const states: NamedState[] = [[step.id, state]];
  if (step.when === null) return { enter: { kind: 'goto', state: step.id, callsStep: false }, states };
  const name = `${step.id} (when)`;
  const choice: AslState = {
    Type: 'Choice',
    Choices: [{ Condition: wrap(conditionCode(step.when, scope)), Next: step.id }],
    ...nulls.fields,
    Default: nulls.next,
  };
  return { enter: { kind: 'goto', state: name, callsStep: false }, states: [[name, choice], ...states] };
}

/** A Wait, cut at the deadline; where no call follows that would look at the deadline, a Choice does. */
export function lowerWait(site: Site<WaitStep>): Lowered {
  const { context, frame, step, place, exit } = site;
  const limit = context.workflow.timeoutMs;
  const left = secondsLeftCode(limit);
  const checked = exit.kind === 'goto' && exit.callsStep ? { enter: exit, states: [] } : deadlineChoice(site);
  let state: AslState;
  if (step.until === null) {
    state = { Type: 'Wait', Seconds: wrap(`$max([0, $min([${Math.ceil((step.waitMs ?? 0) / 1000)}, ${left}])])`) };
  } else {
    const until = expressionCode(step.until, scopeOf(context, frame, place));
    const seconds = wrap(`$max([0, $min([$ceil(($toMillis(${until}) - $millis()) / 1000), ${left}])])`);
    const inner: NamedState = [`${step.id} (wait)`, { Type: 'Wait', Seconds: seconds, End: true }];
    const goesOn = step.onError === 'continue' ? { ...goOn(checked.enter) } : null;
    state = {
      Type: 'Parallel',
      Branches: [{ StartAt: inner[0], States: statesObject([inner]) }],
      Catch: catchers(caughtFailure(context, frame, step), goesOn),
    };
  }
  leave(state, checked.enter);
  return { enter: { kind: 'goto', state: step.id, callsStep: false }, states: [[step.id, state], ...checked.states] };
}

function deadlineChoice(site: Site<WaitStep>): Lowered {
  const { context, frame, step, exit } = site;
  const code = madeErrorCode(step.id, '"Maestro.DeadlineExceeded"', jsonataString('the run was past its deadline when the wait ended'));
  const { fields, states } = madeFailure(context, frame, step, code);
  const after = goOn(exit);
  const state: AslState = {
    Type: 'Choice',
    Choices: [{ Condition: wrap(pastDeadlineCode(context.workflow.timeoutMs)), ...fields }],
    ...(after.Output === undefined ? {} : { Output: after.Output }),
    Default: after.Next,
  };
  const name = `${step.id} (deadline)`;
  return { enter: { kind: 'goto', state: name, callsStep: false }, states: [[name, state], ...states] };
}

/** Assigns the error and enters the undo; a Fail alone where there is nothing to undo and nobody to report to. */
export function lowerFail(site: Site<FailStep>): Lowered {
  const { context, frame, step, place } = site;
  const message = step.message ? textOf(templateCode(step.message, scopeOf(context, frame, place))) : '""';
  const error = jsonataString(step.error);
  const enter: Exit = { kind: 'goto', state: step.id, callsStep: false };
  const { fields, states } = madeFailure(context, frame, step, madeErrorCode(step.id, error, message));
  const state: AslState = { Type: 'Pass', ...fields };
  return { enter, states: [[step.id, state], ...states] };
}

/** A value as text: null is empty, anything but text is JSON. */
function textOf(code: string): string {
  return `($m := ${code}; $type($m) = "string" ? $m : $m = null ? "" : $string($m))`;
}
