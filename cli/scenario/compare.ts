// What was expected against what came: one line for each difference, with the place of it.

import type { Json } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { type CallRef, formatCallRef } from './call-ref.ts';

/** A call or undo as it was seen: all its tries together. */
export interface SeenCall {
  step: string;
  items: number[];
  /** undefined where it is not known from outside (a real child workflow's). */
  input: Json | undefined;
  attempts: number;
}

/** Characters of a value in a message. */
const SHOWN = 200;

/** Differences between two JSON values, each with its path. */
export function compareValues(expected: Json, found: Json, path: string): string[] {
  if (Array.isArray(expected) && Array.isArray(found)) {
    const length = Math.max(expected.length, found.length);
    return Array.from({ length }, (_, i) => compareMembers(expected[i], found[i], `${path}[${i}]`)).flat();
  }
  if (isJsonObject(expected) && isJsonObject(found)) {
    const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
    return names.flatMap((name) => compareMembers(own(expected, name), own(found, name), `${path}.${name}`));
  }
  return expected === found ? [] : [`${path}: expected ${shown(expected)}, found ${shown(found)}`];
}

function compareMembers(expected: Json | undefined, found: Json | undefined, path: string): string[] {
  if (expected === undefined) return [`${path}: found ${shown(found)}, expected no such entry`];
  if (found === undefined) return [`${path}: expected ${shown(expected)}, found no such entry`];
  return compareValues(expected, found, path);
}

/** Differences between expected and seen calls, entry by entry. */
export function compareCalls(expected: readonly CallRef[], seen: readonly SeenCall[], what: 'calls' | 'undos'): string[] {
  const length = Math.max(expected.length, seen.length);
  for (let i = 0; i < length; i++) {
    const wanted = expected[i];
    const found = seen[i];
    if (wanted && found && names(wanted, found)) continue;
    // Entries after the first that is another one would only repeat that it is.
    return [
      `${what}[${i}]: expected ${wanted ? formatCallRef(wanted) : 'no further one'}, found ${found ? formatCallRef(found) : 'none'}`,
      `  expected: ${expected.map(formatCallRef).join(', ') || 'none'}`,
      `  found:    ${seen.map(formatCallRef).join(', ') || 'none'}`,
    ];
  }
  return expected.flatMap((wanted, i) => {
    const found = seen[i];
    return found ? compareDetails(wanted, found, `${what}[${i}] (${formatCallRef(found)})`) : [];
  });
}

function names(wanted: CallRef, found: SeenCall): boolean {
  if (wanted.step !== found.step) return false;
  return (
    wanted.items.length === 0 || (wanted.items.length === found.items.length && wanted.items.every((item, i) => item === found.items[i]))
  );
}

function compareDetails(wanted: CallRef, found: SeenCall, path: string): string[] {
  const problems: string[] = [];
  if (wanted.attempts !== undefined && wanted.attempts !== found.attempts) {
    problems.push(`${path}.attempts: expected ${wanted.attempts}, found ${found.attempts}`);
  }
  if (wanted.input === undefined) return problems;
  if (found.input === undefined)
    return [...problems, `${path}.input: what a workflow of its own was given is not seen; give this step a mock`];
  const input = found.input;
  if (!isJsonObject(wanted.input) || !isJsonObject(input)) return [...problems, ...compareValues(wanted.input, input, `${path}.input`)];
  return [
    ...problems,
    ...Object.entries(wanted.input).flatMap(([name, value]) => compareMembers(value, own(input, name), `${path}.input.${name}`)),
  ];
}

/** Differences between two lists of step ids. */
export function compareSteps(expected: readonly string[], found: readonly string[], what: string): string[] {
  if (expected.length === found.length && expected.every((step, i) => step === found[i])) return [];
  return [`${what}: expected ${expected.join(', ') || 'none'}, found ${found.join(', ') || 'none'}`];
}

function own(object: { [key: string]: Json }, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
