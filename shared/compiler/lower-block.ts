// Blocks: parallel and foreach. A settling block lets every branch end, collects `{o, e}` reports, and a Choice after the join decides.

import type { Json, JsonObject } from '../json.ts';
import { NEVER_LET_GO } from '../protocol/errors.ts';
import type { ForeachStep, ParallelStep, Step } from '../workflow/index.ts';
import { type Block, childSequences, namesMade, stepsWithin } from './analyse.ts';
import { type AslState, addAssign, type NamedState, statesObject } from './asl.ts';
import { type Exit, goOn, type Lowered, leave } from './exit.ts';
import { conditionCode, expressionCode, wrap } from './expression/index.ts';
import { caughtFailure, madeFailure } from './failure-exit.ts';
import {
  type Collected,
  declareNames,
  type Frame,
  ITEM_NUMBER,
  innerFrame,
  type Place,
  placeInside,
  placeOfItem,
  type Reading,
} from './frame.ts';
import { COLLECTED_BYTES, largestForeach, SMALLEST_BUDGET } from './limits.ts';
import { expression, joinErrorCode } from './runtime-code.ts';
import { type Context, type Overrides, scopeOf } from './scope.ts';
import { RESULT, type Site } from './site.ts';

const ITEM = '$states.context.Map.Item.Value';
const INDEX = '$states.context.Map.Item.Index';

export function lowerParallel(site: Site<ParallelStep>): Lowered {
  const { context, frame, step, place } = site;
  const settle = context.analysis.settling.has(step.id);
  const results = Math.max(1, stepsWithin(step.branches.flatMap((branch) => branch.steps)).filter(makesResult).length);
  const branches: Json[] = [];
  const names = new Map<string, Reading>();
  for (const [i, branch] of step.branches.entries()) {
    const label = `${step.id}.${i + 1}`;
    const end = endState(`${label} (end)`);
    const inner = innerFrame(frame, context.variables, {
      kind: 'branch',
      settle,
      failEnd: end.use,
      place: placeInside(place, i + 1),
      ...blockFields(frame, step, place, settle),
      budget: Math.min(frame.budget, Math.floor(COLLECTED_BYTES / results)),
    });
    declareNames(inner, branch.steps, context.variables, context.analysis, `b${step.number}_${i + 1}_`);
    const exit: Exit = { kind: 'end', output: (overrides) => report(context, inner, overrides), through: end.use, terminal: true };
    const body = context.lowerSequence(context, inner, branch.steps, inner.place, exit);
    const states = [...body.states];
    let { enter } = body;
    if (branch.when) {
      const condition = expression(conditionCode(branch.when, scopeOf(context, inner, inner.place)));
      const skipped = goOn({ ...exit, output: () => ({}) });
      const choice: AslState = {
        Type: 'Choice',
        Choices: [{ Condition: condition, ...goOn(enter) }],
        Output: skipped.Output,
        Default: skipped.Next,
      };
      states.unshift([`${label} (when)`, choice]);
      enter = { kind: 'goto', state: `${label} (when)`, callsStep: false };
    }
    branches.push(machine(enter, [...states, ...end.states()], `${label} (empty)`));
    for (const name of inner.variables.keys()) names.set(name, { code: `$states.result[${i}].o.${fieldName(name)}`, total: false });
  }
  const state: AslState = { Type: 'Parallel', Branches: branches };
  return finishBlock(site, state, settle, names);
}

export function lowerForeach(site: Site<ForeachStep>): Lowered {
  const { context, frame, step, place } = site;
  const settle = context.analysis.settling.has(step.id);
  const end = endState(`${step.id}.n (end)`);
  const isRead = step.output !== null && (context.analysis.mentioned.has(step.output) || readsWhole(context, step.output));
  const collects = isRead || (frame.collected?.steps.has(step) ?? false);
  const inner = innerFrame(frame, context.variables, {
    kind: 'iteration',
    settle,
    failEnd: end.use,
    place,
    ...blockFields(frame, step, place, settle),
  });
  const outside: Frame = { ...inner, names: new Map(inner.names) };
  const itemPlace = placeOfItem(inner.place, INDEX);
  inner.place = itemPlace;
  inner.direct.set(ITEM_NUMBER, codeOfLast(itemPlace));
  for (const name of ['item', step.as]) inner.direct.set(name, ITEM);
  inner.direct.set('index', INDEX);
  for (const [name, code] of inner.direct) if (name !== ITEM_NUMBER) inner.names.set(name, { code, total: true });
  declareNames(inner, step.steps, context.variables, context.analysis, `i${step.number}_`);
  inner.collected = collects ? collectedResults(context, frame, outside, step) : null;
  const exit: Exit = {
    kind: 'end',
    output: (overrides) => itemReport(collects ? (overrides.get(RESULT)?.code ?? 'null') : null, settle),
    through: end.use,
    terminal: true,
  };
  const body = context.lowerSequence(context, inner, step.steps, itemPlace, exit);
  const states = withPrelude(inner, body, `${step.id}.n (item)`);
  const processor = {
    ProcessorConfig: { Mode: 'INLINE' },
    ...machine(states.enter, [...states.states, ...end.states()], `${step.id}.n (empty)`),
  };
  const state: AslState = {
    Type: 'Map',
    Items: itemsValue(site, collects),
    MaxConcurrency: step.concurrency,
    ItemProcessor: processor,
  };
  const names = new Map<string, Reading>();
  if (step.output !== null) names.set(step.output, { code: listCode(collects, settle), total: true });
  return finishBlock(site, state, settle, names);
}

/** Assign, Catch, the join's Choice, and the way on: the same for both kinds of block. `names`: how the results read in the block's own Assign. */
function finishBlock(site: Site<Block>, state: AslState, settle: boolean, names: ReadonlyMap<string, Reading>): Lowered {
  const { context, frame, step, place, exit } = site;
  const failed = caughtFailure(context, frame, step);
  // Documentation and recordings differ on whether States.ALL catches a join that is too large: it is named.
  if (failed)
    state.Catch = [
      { ErrorEquals: ['States.DataLimitExceeded'], ...failed },
      { ErrorEquals: ['States.ALL'], ...failed },
    ];
  const overrides: Overrides = new Map([...names, ...resultOf(step, names)]);
  const joined = scopeOf(context, frame, place, overrides);
  const assign: JsonObject = {};
  for (const name of names.keys()) {
    const path = { kind: 'path' as const, root: name, steps: [], span: step.span };
    assign[frame.variables.get(name) ?? name] = wrap(expressionCode(path, joined));
  }
  if (!settle) {
    if (exit.kind === 'goto' && Object.keys(assign).length > 0) state.Assign = assign;
    leave(state, exit, overrides);
    return { enter: { kind: 'goto', state: step.id, callsStep: false }, states: [[step.id, state]] };
  }
  const failure = frame.kind === 'root' ? context.failure : context.variables.take('failure');
  assign[failure] = expression(joinErrorCode(step.onError === 'continue' ? NEVER_LET_GO : null));
  state.Assign = assign;
  state.Next = `${step.id} (join)`;
  const { fields, states } = madeFailure(context, frame, step, `$${failure}`, frame.kind === 'root');
  const after = goOn(exit, new Map(resultOf(step, new Map([...names.keys()].map((name) => [name, frame.names.get(name) as Reading])))));
  const join: AslState = {
    Type: 'Choice',
    Choices: [{ Condition: expression(`$${failure} != null`), ...fields }],
    ...(after.Output === undefined ? {} : { Output: after.Output }),
    Default: after.Next,
  };
  return {
    enter: { kind: 'goto', state: step.id, callsStep: false },
    states: [[step.id, state], [`${step.id} (join)`, join], ...states],
  };
}

/** The block's own result for a foreach around it: a foreach's list; a parallel has none. */
function resultOf(step: Block, names: ReadonlyMap<string, Reading>): [string, Reading][] {
  const reading = step.kind === 'foreach' && step.output !== null ? names.get(step.output) : undefined;
  return reading ? [[RESULT, reading]] : [];
}

function blockFields(frame: Frame, step: Block, place: Place, settle: boolean): Pick<Frame, 'blocks' | 'stops' | 'letGo'> {
  const lets = step.onError === 'continue';
  return {
    blocks: settle ? [...frame.blocks, place] : frame.blocks,
    stops: lets ? [] : settle ? [...frame.stops, place] : frame.stops,
    letGo: frame.letGo || lets,
  };
}

/** `{o: what was made}`, or `{}` where nothing is. */
function report(context: Context, frame: Frame, overrides: Overrides): Json {
  const scope = scopeOf(context, frame, frame.place, overrides);
  const made: JsonObject = {};
  for (const name of frame.variables.keys()) {
    made[name] = wrap(expressionCode({ kind: 'path', root: name, steps: [], span: { start: 0, end: 0 } }, scope));
  }
  return Object.keys(made).length > 0 ? { o: made } : {};
}

function itemReport(resultCode: string | null, settle: boolean): Json {
  if (resultCode === null) return {};
  return settle ? { o: wrap(resultCode) } : wrap(resultCode);
}

/** The list of the items' results, in order. One-element lists and results that are lists themselves need care in JSONata. */
function listCode(collects: boolean, settle: boolean): string {
  if (!collects) return '[]';
  if (!settle) return '$states.result';
  return (
    '($r := $states.result; $n := $count($r); $v := function($x) { $exists($x.o) ? $x.o : null }; ' +
    '$n = 0 ? [] : $n > 1 ? $map($r, $v) : ($w := $v($r[0]); $type($w) = "array" ? [[$w]] : [$w]))'
  );
}

function itemsValue({ context, frame, step, place }: Site<ForeachStep>, collects: boolean): Json {
  const list = expressionCode(step.items, scopeOf(context, frame, place));
  const events = largestForeach(context.workflow, step);
  const most = collects ? Math.min(events, Math.floor(COLLECTED_BYTES / SMALLEST_BUDGET)) : events;
  const tooMany =
    most < events
      ? `foreach ${step.id}: at most ${most} items where its output is read; leave the output away or split the list`
      : `foreach ${step.id}: at most ${most} items fit into one run's history of 25,000 events; split the list or use a workflow step`;
  return wrap(
    `($l := ${list}; $type($l) = "array" ? ($count($l) > ${most} ? $error("${tooMany}") : $l) : $l = null ? [] : ` +
      `$error("foreach ${step.id}: expected a list"))`,
  );
}

/** Puts the iteration's prelude into its first state, or a Pass before it where that is a block. */
function withPrelude(frame: Frame, body: Lowered, name: string): Lowered {
  if (frame.prelude.size === 0 || body.enter.kind !== 'goto') return body;
  const assign: JsonObject = {};
  for (const [variable, code] of frame.prelude) assign[variable] = expression(code);
  const { state: entry } = body.enter;
  const first = body.states.find(([known]) => known === entry)?.[1];
  if (first && first.Type !== 'Parallel' && first.Type !== 'Map' && first.Type !== 'Succeed' && first.Type !== 'Fail') {
    addAssign(first, assign);
    return body;
  }
  const pass: AslState = { Type: 'Pass', Assign: assign, Next: entry };
  return { enter: { kind: 'goto', state: name, callsStep: false }, states: [[name, pass], ...body.states] };
}

/** A branch or iteration as a machine; one without a state gets a Pass. */
function machine(enter: Exit, states: readonly NamedState[], emptyName: string): JsonObject {
  if (enter.kind === 'goto') return { StartAt: enter.state, States: statesObject(states) };
  const pass: AslState = { Type: 'Pass' };
  leave(pass, enter);
  return { StartAt: emptyName, States: statesObject([[emptyName, pass], ...states]) };
}

/** The Succeed that a branch ends in when its last state cannot end it; made when first used. */
function endState(name: string): { use: () => string; states: () => NamedState[] } {
  let used = false;
  return {
    use: () => {
      used = true;
      return name;
    },
    states: () => (used ? [[name, { Type: 'Succeed' }]] : []),
  };
}

/** The steps whose result is an item's result: the last one, and through a switch the last of each case. */
function resultSteps(steps: readonly Step[]): Step[] {
  const last = steps.at(-1);
  if (!last) return [];
  return last.kind === 'switch' ? [last, ...childSequences(last).flatMap(resultSteps)] : [last];
}

/** `outside`: the iteration's scope without its own item, where the list's length can be computed again. */
function collectedResults(context: Context, frame: Frame, outside: Frame, step: ForeachStep): Collected {
  const around = frame.collected?.steps.has(step) ? frame.collected : null;
  const own = step.output === null ? [] : (context.analysis.reads.get(step.output) ?? []);
  const length = `$count(${expressionCode(step.items, scopeOf(context, outside, outside.place))})`;
  return {
    steps: new Set(resultSteps(step.steps)),
    paths: [...own, ...(around?.paths ?? [])],
    divisors: [...(around?.divisors ?? []), length],
  };
}

/** Without an `output:` of the file, every output is part of the run's result. */
function readsWhole(context: Context, name: string | null): boolean {
  return name !== null && context.workflow.output === null && context.workflow.steps.flatMap(namesMade).includes(name);
}

function makesResult(step: Step): boolean {
  return namesMade(step).length > 0 && step.kind !== 'parallel' && step.kind !== 'switch';
}

function fieldName(name: string): string {
  return /^(?:and|or|in|true|false|null)$/.test(name) ? `\`${name}\`` : name;
}

function codeOfLast(place: Place): string {
  const last = place.at(-1);
  return typeof last === 'object' ? last.code : '';
}
