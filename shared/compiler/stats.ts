// How large a definition is and how many transitions a run of it takes: what Step Functions bills.

import type { Json, JsonObject } from '../json.ts';
import { LOAD } from './lower-workflow.ts';
import { FAILED } from './undo-chain.ts';

export interface Stats {
  /** States of the definition, nested ones and the undo chain included. */
  states: number;
  /** Bytes of UTF-8 after substitution (placeholders counted as an ARN of 95 characters). */
  bytes: number;
  /** Transitions of a run that succeeds. `max` is null where the length of a list decides; `perItem` then says how many an item adds at most. */
  transitions: { min: number; max: number | null };
  perItem: { [foreachId: string]: { min: number; max: number | null } };
  /** Transitions of the whole undo chain when everything has to be undone once (a foreach counted as one item). */
  undoTransitions: number;
}

/** `${Step}` becomes an ARN of about this many characters at deployment. */
const ARN_CHARACTERS = 95;

type Range = { min: number; max: number | null };
type States = { [name: string]: JsonObject };

/** Counts a finished definition. */
export function statsOf(definition: JsonObject): Stats {
  const perItem: { [foreachId: string]: Range } = {};
  const states = definition.States as States;
  const text = JSON.stringify(definition);
  const placeholders = text.match(/\$\{[A-Za-z0-9]+\}/g) ?? [];
  const grown = placeholders.reduce((sum, found) => sum + ARN_CHARACTERS - found.length, 0);
  return {
    states: countStates(definition),
    bytes: new TextEncoder().encode(text).length + grown,
    transitions: happyPath(definition.StartAt as string, states, perItem),
    perItem,
    undoTransitions: Object.keys(states).filter((name) => name.startsWith('undo ') || name === FAILED).length,
  };
}

/** All states, nested ones included. */
function countStates(machine: JsonObject): number {
  let count = 0;
  for (const state of Object.values(machine.States as States)) {
    count++;
    for (const inner of nested(state)) count += countStates(inner);
  }
  return count;
}

function nested(state: JsonObject): JsonObject[] {
  if (Array.isArray(state.Branches)) return state.Branches as JsonObject[];
  return state.ItemProcessor === undefined ? [] : [state.ItemProcessor as JsonObject];
}

/** From a state to the end, without failures: a rule that leads into the undo, to a failed report or to a Fail is none of a happy run. */
function happyPath(start: string, states: States, perItem: { [id: string]: Range }): Range {
  const known = new Map<string, Range | null>();
  const visit = (name: string): Range | null => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const result = from(name);
    known.set(name, result);
    return result;
  };
  const from = (name: string): Range | null => {
    const state = states[name];
    if (!state || state.Type === 'Fail' || name.startsWith('undo ') || name === FAILED) return null;
    const own = add({ min: 1, max: 1 }, insideOf(name, state, perItem));
    if (state.Type === 'Choice') {
      const rules = state.Choices as JsonObject[];
      const ways = [...rules.filter((rule) => !isFailedReport(rule.Output)).map((rule) => rule.Next), state.Default];
      const ends = ways.map((next) => visit(next as string)).filter((range) => range !== null);
      if (ends.length === 0) return null;
      return add(own, { min: Math.min(...ends.map((range) => range.min)), max: largest(ends.map((range) => range.max)) });
    }
    if (isFailedReport(state.Output)) return null;
    const next = state.End === true || state.Type === 'Succeed' ? { min: 0, max: 0 } : visit(state.Next as string);
    if (next === null) return null;
    const load = loadedBy(state);
    // A large result is loaded first, then the run goes on as it does with a small one.
    const most = load === null ? next.max : (visit(load)?.max ?? null);
    return add(own, { min: next.min, max: most });
  };
  return visit(start) ?? { min: 0, max: 0 };
}

/** The state that loads a sub-workflow's result when it is large: the one catcher on a happy way. */
function loadedBy(state: JsonObject): string | null {
  const [first] = Array.isArray(state.Catch) ? (state.Catch as JsonObject[]) : [];
  return typeof first?.Next === 'string' && first.Next.endsWith(LOAD) ? first.Next : null;
}

/** Transitions inside a Parallel or Map. */
function insideOf(name: string, state: JsonObject, perItem: { [id: string]: Range }): Range {
  if (state.Type === 'Parallel') {
    return (state.Branches as JsonObject[])
      .map((branch) => happyPath(branch.StartAt as string, branch.States as States, perItem))
      .reduce(add, { min: 0, max: 0 });
  }
  if (state.Type !== 'Map') return { min: 0, max: 0 };
  const body = state.ItemProcessor as JsonObject;
  perItem[name] = happyPath(body.StartAt as string, body.States as States, perItem);
  return { min: 0, max: null };
}

function add(a: Range, b: Range): Range {
  return { min: a.min + b.min, max: a.max === null || b.max === null ? null : a.max + b.max };
}

function largest(values: (number | null)[]): number | null {
  return values.some((value) => value === null) ? null : Math.max(...(values as number[]));
}

/** `{o, e}`: the report of a branch that failed. */
function isFailedReport(output: Json | undefined): boolean {
  return (
    typeof output === 'object' &&
    output !== null &&
    !Array.isArray(output) &&
    'e' in output &&
    Object.keys(output).every((key) => key === 'e' || key === 'o')
  );
}
