// The shapes of the Amazon States Language that the compiler emits, and the order in which their keys are printed.

import type { Json, JsonObject } from '../json.ts';

export interface AslState {
  Type: 'Task' | 'Parallel' | 'Map' | 'Choice' | 'Wait' | 'Pass' | 'Succeed' | 'Fail';
  [field: string]: Json | undefined;
}

export type NamedState = [name: string, state: AslState];

/** Fields of a state in the order a reader wants them. Anything not listed would be a bug. */
const FIELD_ORDER = [
  'Type',
  'Comment',
  'Condition',
  'ErrorEquals',
  'Resource',
  'TimeoutSeconds',
  'Arguments',
  'Items',
  'MaxConcurrency',
  'ItemProcessor',
  'Branches',
  'Choices',
  'Seconds',
  'Error',
  'Cause',
  'Assign',
  'Output',
  'Retry',
  'Catch',
  'Default',
  'Next',
  'End',
];

/** A machine (or a branch of one) from its states in order. */
export function statesObject(states: readonly NamedState[]): JsonObject {
  const result: JsonObject = {};
  for (const [name, state] of states) result[name] = ordered(state);
  return result;
}

/** Adds assignments to a state on every way out of it: its own, its rules, its catchers. */
export function addAssign(state: AslState, assign: JsonObject): void {
  const add = (target: { [key: string]: Json | undefined }): void => {
    target.Assign = { ...(target.Assign as JsonObject | undefined), ...assign };
  };
  add(state);
  for (const field of ['Choices', 'Catch']) {
    const rules = state[field];
    if (Array.isArray(rules)) for (const rule of rules) add(rule as JsonObject);
  }
}

function ordered(state: AslState): JsonObject {
  const result: JsonObject = {};
  for (const field of FIELD_ORDER) {
    const value = state[field];
    if (value !== undefined) result[field] = value;
  }
  return result;
}
