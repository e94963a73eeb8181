// What an expression is refused for at creation: text that does not parse, `$states` members that a field does not have, bare names,
// `$$`. (Recorded on AWS by a third party; see the facts of the design, 1.4.)

import jsonata from 'jsonata';
import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';
import { expressionText } from './expressions/index.ts';

interface Report {
  report(code: string, message: string, path: string): void;
}

/** Fields that hold other states, or no expressions. */
const SKIPPED = new Set([
  'Type',
  'Comment',
  'Next',
  'End',
  'Resource',
  'QueryLanguage',
  'Retry',
  'Branches',
  'ItemProcessor',
  'Iterator',
  'Default',
]);
const HAS_RESULT = new Set(['Task', 'Parallel', 'Map']);

/** Checks every expression of one state. */
export function checkReferences(type: string, state: JsonObject, path: string, check: Report): void {
  for (const [field, value] of Object.entries(state)) {
    if (SKIPPED.has(field)) continue;
    const isExit = field === 'Output' || field === 'Assign';
    const members = new Set(['input', 'context', ...(isExit && HAS_RESULT.has(type) ? ['result'] : [])]);
    if (field !== 'Catch') checkValue(value, `${path}/${field}`, members, check);
    else for (const [i, catcher] of (Array.isArray(value) ? value : []).entries()) checkCatcher(catcher, `${path}/Catch[${i}]`, check);
  }
}

function checkCatcher(catcher: Json, path: string, check: Report): void {
  if (!isJsonObject(catcher)) return;
  const members = new Set(['input', 'context', 'errorOutput']);
  for (const field of ['Output', 'Assign'])
    if (catcher[field] !== undefined) checkValue(catcher[field], `${path}/${field}`, members, check);
}

function checkValue(value: Json, path: string, members: Set<string>, check: Report): void {
  const text = expressionText(value);
  if (text !== undefined) return checkText(text, path, members, check);
  if (Array.isArray(value)) for (const [i, item] of value.entries()) checkValue(item, `${path}[${i}]`, members, check);
  else if (isJsonObject(value)) for (const [key, item] of Object.entries(value)) checkValue(item, `${path}/${key}`, members, check);
}

function checkText(text: string, path: string, members: Set<string>, check: Report): void {
  let ast: Node;
  try {
    ast = jsonata(text).ast() as unknown as Node;
  } catch (error) {
    const said = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : 'it does not parse';
    return check.report('INVALID_JSONATA_EXPRESSION', said, path);
  }
  walk(ast, true, (message) => check.report('UNSUPPORTED_JSONATA_EXPRESSION', message, path), members);
}

/** A node of jsonata's tree: its published type lacks half of it. */
interface Node {
  type: string;
  value?: unknown;
  [key: string]: unknown;
}

/** `top`: a bare name here would be read from the input document, which does not exist. */
function walk(node: Node, top: boolean, refuse: (message: string) => void, members: Set<string>): void {
  if (node.type === 'path') return walkPath(node, top, refuse, members);
  if (top && node.type === 'name') refuse(`Reference to '${String(node.value)}' at the top level is not supported.`);
  if (node.type === 'variable' && node.value === '$') refuse("Reference to '$$' is not supported.");
  // `a ~> |path|update|`: the pattern and the update are read in the context of what flows in.
  const inside = node.type === 'transform' ? false : top;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'predicate' || key === 'stages' || key === 'group' || key === 'terms')
      each(value, (child) => walk(child, false, refuse, members));
    else if (key !== 'nextFunction') each(value, (child) => walk(child, inside, refuse, members));
  }
}

function walkPath(node: Node, top: boolean, refuse: (message: string) => void, members: Set<string>): void {
  const steps = (Array.isArray(node['steps']) ? node['steps'] : []) as Node[];
  const [head, second] = steps;
  if (head?.type === 'variable' && head.value === 'states' && second?.type === 'name' && !members.has(String(second.value))) {
    refuse(`Field '$states.${String(second.value)}' does not exist.`);
  }
  for (const [i, step] of steps.entries()) walk(step, top && i === 0, refuse, members);
  each(node['group'], (child) => walk(child, false, refuse, members));
}

/** Calls `visit` for every node in a member of a node. */
function each(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) each(item, visit);
  else if (typeof value === 'object' && value !== null) {
    if ('type' in value && typeof value.type === 'string') visit(value as Node);
    else for (const item of Object.values(value)) each(item, visit);
  }
}
