// Paths: steps over objects and lists, with filters.

import { isInherited } from '../own-members.ts';
import { BAIL, type Frame, type Node, type Run, Unsupported } from './frame.ts';
import { boolean } from './operators.ts';
import { isSequence, lookup, type Sequence, sequenceOf } from './sequence.ts';

/** Members of a step that carry tuples (`@`, `#`, `%`) or sort. */
const UNSUPPORTED_MEMBERS = ['tuple', 'focus', 'index', 'ancestor', 'group'];

interface Step {
  run: Run;
  /** Set for a plain member name without filters. */
  name: string | undefined;
  isList: boolean;
  filters: Filter[];
}

export type Filter = (value: unknown, frame: Frame) => unknown;

/** Compiles a node of type path. The result still goes through `settleSequence`. */
export function compilePath(node: Node, compile: (node: Node) => Run): Run {
  if (node['tuple'] || node['group']) throw new Unsupported('a path with tuples or groups');
  const sources = node['steps'] as Node[];
  const steps = sources.map((step) => compileStep(step, compile));
  const startsAbsolute = sources[0]?.type === 'variable';
  const keep = node['keepSingletonArray'] === true;
  const general: Run = (input, frame) => keepList(walk(steps, startsAbsolute, input, frame), keep);
  const names = steps.slice(1).map(({ name }) => name);
  const [head] = steps;
  if (!head || !startsAbsolute || head.filters.length > 0 || keep || !names.every((name) => name !== undefined)) return general;
  // The common case: a variable, then names, and no list on the way.
  const last = names.length - 1;
  return (input, frame) => {
    let value = head.run(input, frame);
    if (Array.isArray(value)) return general(input, frame);
    for (let i = 0; i <= last; i++) {
      if (typeof value !== 'object' || value === null) return undefined;
      value = (value as { [key: string]: unknown })[names[i] as string];
      if (Array.isArray(value) && (i < last || isSequence(value))) return general(input, frame);
    }
    if (typeof value === 'function') throw BAIL;
    return value;
  };
}

function compileStep(step: Node, compile: (node: Node) => Run): Step {
  for (const member of UNSUPPORTED_MEMBERS) if (step[member]) throw new Unsupported(`a step with ${member}`);
  if (step.type === 'sort' || step.type === 'parent') throw new Unsupported(`a ${step.type} step`);
  const stages = (step['stages'] ?? []) as Node[];
  const filters = stages.map((stage) => {
    if (stage.type !== 'filter') throw new Unsupported('an index stage');
    return compileFilter(stage['expr'] as Node, compile);
  });
  const plain = step.type === 'name' && filters.length === 0 && !step['predicate'] && !step['keepArray'];
  return { run: compile(step), name: plain ? String(step.value) : undefined, isList: step['consarray'] === true, filters };
}

function walk(steps: Step[], startsAbsolute: boolean, input: unknown, frame: Frame): unknown {
  let current: unknown[] = Array.isArray(input) && !startsAbsolute ? input : sequenceOf(input);
  let result: unknown;
  for (const [i, step] of steps.entries()) {
    result = i === 0 && step.isList ? step.run(current, frame) : take(step, current, frame, i === steps.length - 1);
    if (result === undefined || (Array.isArray(result) && result.length === 0)) break;
    current = Array.isArray(result) ? result : [result];
  }
  return result;
}

/** One step for each item, flattened; the last step leaves a single list as it is. */
function take(step: Step, items: unknown[], frame: Frame, isLast: boolean): unknown {
  const found: unknown[] = [];
  for (const item of items) {
    let value = step.run(item, frame);
    for (const filter of step.filters) value = filter(value, frame);
    if (value !== undefined) found.push(value);
  }
  const [only] = found;
  if (isLast && found.length === 1 && Array.isArray(only) && !isSequence(only)) return only;
  const flat = sequenceOf();
  for (const value of found) {
    if (!Array.isArray(value) || (value as Sequence).cons) flat.push(value);
    else for (const item of value) flat.push(item);
  }
  return flat;
}

function keepList(result: unknown, keep: boolean): unknown {
  if (!keep) return result;
  // jsonata marks the list itself; when that is the caller's own data or nothing at all, jsonata shall do it.
  if (!isSequence(result)) throw BAIL;
  result.keepSingleton = true;
  return result;
}

export function compileFilter(predicate: Node, compile: (node: Node) => Run): Filter {
  if (predicate.type === 'number') {
    const position = Math.floor(Number(predicate.value));
    return (value) => itemAt(value, position);
  }
  const run = compile(predicate);
  return (value, frame) => {
    const items = Array.isArray(value) ? value : [value];
    const kept = sequenceOf();
    for (const [index, item] of items.entries()) {
      const answer = run(item, frame);
      const positions = typeof answer === 'number' ? [answer] : answer;
      if (Array.isArray(positions) && positions.every(isPosition)) {
        for (const position of positions as number[]) {
          const at = Math.floor(position);
          if ((at < 0 ? items.length + at : at) === index) kept.push(item);
        }
      } else if (boolean(answer)) kept.push(item);
    }
    return kept;
  };
}

function isPosition(value: unknown): boolean {
  if (typeof value === 'number' && !Number.isFinite(value)) throw BAIL;
  return typeof value === 'number';
}

function itemAt(value: unknown, position: number): unknown {
  const items = Array.isArray(value) ? value : [value];
  const item: unknown = items[position < 0 ? items.length + position : position];
  if (item === undefined) return sequenceOf();
  return Array.isArray(item) ? item : sequenceOf(item);
}

/** A member of the input, by name. */
export function compileName(name: string): Run {
  if (isInherited(name)) throw new Unsupported('a member that JavaScript objects inherit');
  return (input) => {
    const value = lookup(input, name);
    if (typeof value === 'function') throw BAIL;
    return value;
  };
}
