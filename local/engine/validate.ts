// What CreateStateMachine refuses a definition for: only rules with a recorded or documented refusal (and JSONPath, which this engine
// does not run). One function, `validateDefinition`, from text to a list of issues.

import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';
import { parseResource } from './definition/resource.ts';
import type { DefinitionIssue } from './definition/types.ts';
import { type CompileExpression, expressionText } from './expressions/index.ts';
import type { StateMachineType } from './types.ts';
import { checkReferences } from './validate-expressions.ts';

/** AWS: 1 MB, hard. */
const MAX_DEFINITION_BYTES = 1_048_576;
const MAX_STATE_NAME = 80;
const TYPES = new Set(['Task', 'Parallel', 'Map', 'Choice', 'Wait', 'Pass', 'Succeed', 'Fail']);
const ENDS_ITSELF = new Set(['Succeed', 'Fail', 'Choice']);
const CAN_RECOVER = new Set(['Task', 'Parallel', 'Map']);
/** Fields of JSONPath states. */
const JSONPATH_FIELDS = [
  'InputPath',
  'OutputPath',
  'ResultPath',
  'Parameters',
  'ResultSelector',
  'ItemsPath',
  'SecondsPath',
  'TimestampPath',
  'TimeoutSecondsPath',
  'HeartbeatSecondsPath',
  'ErrorPath',
  'CausePath',
  'MaxConcurrencyPath',
];
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

export interface ValidationContext {
  compile: CompileExpression;
  type: StateMachineType;
}

interface Check extends ValidationContext {
  issues: DefinitionIssue[];
  names: Set<string>;
  jsonata: boolean;
  report(code: string, message: string, path: string): void;
}

/** @returns the parsed definition where it can be run (no issues), and what it would be refused for */
export function validateDefinition(
  text: string,
  context: ValidationContext,
): { definition: JsonObject | undefined; issues: DefinitionIssue[] } {
  const issues: DefinitionIssue[] = [];
  const report = (code: string, message: string, path: string): void => void issues.push({ code, message, path });
  if (Buffer.byteLength(text) > MAX_DEFINITION_BYTES) report('SCHEMA_VALIDATION_FAILED', 'The definition is larger than 1 MB', '/');
  let definition: Json = null;
  if (text.trim() === '')
    return {
      definition: undefined,
      issues: [{ code: 'SCHEMA_VALIDATION_FAILED', message: 'Definition must be a valid JSON object', path: '/' }],
    };
  try {
    definition = JSON.parse(text);
  } catch (error) {
    report('INVALID_JSON_DESCRIPTION', error instanceof Error ? error.message : 'The definition is not valid JSON', '/');
    return { definition: undefined, issues };
  }
  if (!isJsonObject(definition)) {
    report('SCHEMA_VALIDATION_FAILED', 'Definition must be a valid JSON object', '/');
    return { definition: undefined, issues };
  }
  const language = definition['QueryLanguage'];
  if (language !== undefined && language !== 'JSONata' && language !== 'JSONPath')
    report('SCHEMA_VALIDATION_FAILED', "Field 'QueryLanguage' must be JSONata or JSONPath", '/QueryLanguage');
  const limit = definition['TimeoutSeconds'];
  if (limit !== undefined && (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1))
    report('SCHEMA_VALIDATION_FAILED', "Field 'TimeoutSeconds' must be a positive integer", '/TimeoutSeconds');
  checkRegion(definition, '', { ...context, issues, names: new Set(), jsonata: language === 'JSONata', report });
  return { definition: issues.length === 0 ? definition : undefined, issues };
}

/** The text of InvalidDefinition for these issues. */
export function issuesText(issues: DefinitionIssue[]): string {
  return `Invalid State Machine Definition: '${issues.map(({ code, message, path }) => `${code}: ${message} at ${path}`).join(', ')}'`;
}

function checkRegion(region: JsonObject, path: string, check: Check): void {
  const { States: states, StartAt: start } = region;
  const at = path === '' ? '/' : path;
  const missing = ['States', 'StartAt'].filter((field) => region[field] === undefined);
  if (missing.length > 0) check.report('SCHEMA_VALIDATION_FAILED', `These fields are required: [${missing.join(', ')}]`, at);
  if (start !== undefined && typeof start !== 'string') check.report('SCHEMA_VALIDATION_FAILED', "Field 'StartAt' must be a text", at);
  if (states === undefined) return;
  if (!isJsonObject(states) || Object.keys(states).length === 0) {
    return check.report('SCHEMA_VALIDATION_FAILED', "Field 'States' must be an object with a state", at);
  }
  if (typeof start === 'string' && !Object.hasOwn(states, start)) {
    check.report('MISSING_TRANSITION_TARGET', `Missing 'Next' target: ${start}`, `${path}/StartAt`);
  }
  for (const [name, state] of Object.entries(states)) {
    const place = `${path}/States/${name}`;
    if (check.names.has(name)) check.report('DUPLICATE_STATE_NAME', `The state name '${name}' is used more than once`, place);
    check.names.add(name);
    if (name.length > MAX_STATE_NAME)
      check.report('SCHEMA_VALIDATION_FAILED', `A state name has at most ${MAX_STATE_NAME} characters`, place);
    if (isJsonObject(state)) checkState(state, states, place, check);
    else check.report('SCHEMA_VALIDATION_FAILED', 'A state must be an object', place);
  }
  checkReach(start, states, path, check);
}

/** Every state can be reached and one of them ends the region. */
function checkReach(start: Json | undefined, states: JsonObject, path: string, check: Check): void {
  if (typeof start !== 'string') return;
  const reached = new Set<string>();
  const open = [start];
  let ends = false;
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const state = states[name];
    if (reached.has(name) || !isJsonObject(state)) continue;
    reached.add(name);
    open.push(...targetsOf(state));
    ends ||= state['End'] === true || state['Type'] === 'Succeed' || state['Type'] === 'Fail';
  }
  for (const name of Object.keys(states)) {
    if (!reached.has(name)) check.report('MISSING_TRANSITION_TARGET', `State "${name}" is not reachable.`, `${path}/States/${name}`);
  }
  if (!ends) check.report('MISSING_END_STATE', 'Workflow has no terminal state', path === '' ? '/' : path);
}

function targetsOf(state: JsonObject): string[] {
  const rules = [...listOf(state['Choices']), ...listOf(state['Catch'])].map((rule) => (isJsonObject(rule) ? rule['Next'] : undefined));
  return [state['Next'], state['Default'], ...rules].filter((target): target is string => typeof target === 'string');
}

function checkState(state: JsonObject, siblings: JsonObject, path: string, check: Check): void {
  const type = state['Type'];
  if (typeof type !== 'string' || !TYPES.has(type))
    return check.report('SCHEMA_VALIDATION_FAILED', "Field 'Type' must be one of the state types", `${path}/Type`);
  const language = state['QueryLanguage'];
  if (check.jsonata && language === 'JSONPath')
    check.report('SCHEMA_VALIDATION_FAILED', "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", path);
  else if (!check.jsonata && language !== 'JSONata') {
    const said = 'This engine runs JSONata states only: set QueryLanguage to JSONata for the state machine or the state';
    check.report('UNSUPPORTED_QUERY_LANGUAGE', said, path);
  }
  for (const field of JSONPATH_FIELDS)
    if (state[field] !== undefined) check.report('SCHEMA_VALIDATION_FAILED', `Field '${field}' is not supported`, path);
  for (const target of targetsOf(state))
    if (!Object.hasOwn(siblings, target)) check.report('MISSING_TRANSITION_TARGET', `Missing 'Next' target: ${target}`, `${path}/Next`);
  checkWayOut(type, state, path, check);
  checkRecovery(type, state, path, check);
  if (type === 'Task') checkTask(state, path, check);
  else if (type === 'Choice') checkChoice(state, path, check);
  else if (type === 'Wait') checkWait(state, path, check);
  else if (type === 'Parallel') {
    const branches = listOf(state['Branches']);
    if (branches.length === 0) check.report('SCHEMA_VALIDATION_FAILED', "The field 'Branches' is required and must have a branch", path);
    for (const [i, branch] of branches.entries()) nested(branch, `${path}/Branches[${i}]`, check);
  } else if (type === 'Map') checkMap(state, path, check);
  checkReferences(type, state, path, check);
}

function checkWayOut(type: string, state: JsonObject, path: string, check: Check): void {
  const { Next: next, End: end } = state;
  if (ENDS_ITSELF.has(type)) {
    for (const field of ['Next', 'End'])
      if (state[field] !== undefined) check.report('SCHEMA_VALIDATION_FAILED', `Field '${field}' is not supported`, path);
    return;
  }
  if (next !== undefined && end === true)
    check.report('SCHEMA_VALIDATION_FAILED', "These fields are mutually exclusive: 'Next', 'End'", path);
  else if (typeof next !== 'string' && end !== true)
    check.report('SCHEMA_VALIDATION_FAILED', "One of the fields 'Next' and 'End' is required", path);
}

function checkRecovery(type: string, state: JsonObject, path: string, check: Check): void {
  for (const field of ['Retry', 'Catch']) {
    if (state[field] === undefined) continue;
    if (!CAN_RECOVER.has(type)) {
      check.report('SCHEMA_VALIDATION_FAILED', `Field '${field}' is not supported`, path);
      continue;
    }
    const items = listOf(state[field]);
    for (const [i, item] of items.entries()) {
      const at = `${path}/${field}[${i}]`;
      const errors = isJsonObject(item) ? listOf(item['ErrorEquals']) : [];
      if (errors.length === 0 || errors.some((name) => typeof name !== 'string'))
        check.report('SCHEMA_VALIDATION_FAILED', "The field 'ErrorEquals' is required and must be a list of names", at);
      if (errors.includes('States.ALL') && (errors.length > 1 || i < items.length - 1))
        check.report(
          'SCHEMA_VALIDATION_FAILED',
          "'States.ALL' can only be specified in the last element of the array and must stand alone",
          `${at}/ErrorEquals`,
        );
      if (field === 'Catch' && isJsonObject(item) && typeof item['Next'] !== 'string')
        check.report('SCHEMA_VALIDATION_FAILED', "The field 'Next' is required but was missing", at);
      if (field === 'Retry' && isJsonObject(item)) checkRetrier(item, at, check);
    }
  }
  if (type !== 'Task')
    for (const field of ['TimeoutSeconds', 'HeartbeatSeconds'])
      if (state[field] !== undefined) check.report('SCHEMA_VALIDATION_FAILED', `Field '${field}' is not supported`, path);
}

function checkRetrier(item: JsonObject, path: string, check: Check): void {
  const bounds: [string, number, boolean][] = [
    ['IntervalSeconds', 1, true],
    ['MaxAttempts', 0, true],
    ['BackoffRate', 1, false],
    ['MaxDelaySeconds', 1, true],
  ];
  for (const [field, minimum, whole] of bounds) {
    const value = item[field];
    if (value === undefined) continue;
    if (typeof value !== 'number' || value < minimum || (whole && !Number.isInteger(value))) {
      check.report(
        'SCHEMA_VALIDATION_FAILED',
        `Field '${field}' must be ${whole ? 'an integer' : 'a number'} of at least ${minimum}`,
        `${path}/${field}`,
      );
    }
  }
  const jitter = item['JitterStrategy'];
  if (jitter !== undefined && jitter !== 'FULL' && jitter !== 'NONE')
    check.report('SCHEMA_VALIDATION_FAILED', "Field 'JitterStrategy' must be FULL or NONE", `${path}/JitterStrategy`);
}

function checkTask(state: JsonObject, path: string, check: Check): void {
  const arn = state['Resource'];
  if (typeof arn !== 'string') return check.report('SCHEMA_VALIDATION_FAILED', "The field 'Resource' is required but was missing", path);
  const resource = parseResource(arn);
  if (!resource)
    return check.report(
      'SCHEMA_VALIDATION_FAILED',
      `The resource provided ${arn} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.`,
      `${path}/Resource`,
    );
  if (check.type === 'EXPRESS' && resource.pattern !== 'response') {
    check.report(
      'SCHEMA_VALIDATION_FAILED',
      `Express state machine does not support '${arn.slice(arn.lastIndexOf('.'))}' service integration `,
      `${path}/Resource`,
    );
  }
  const credentials = state['Credentials'];
  if (credentials !== undefined && (!isJsonObject(credentials) || credentials['RoleArn'] === undefined)) {
    check.report('SCHEMA_VALIDATION_FAILED', "The field 'RoleArn' is required but was missing", `${path}/Credentials`);
  }
  for (const field of ['TimeoutSeconds', 'HeartbeatSeconds']) {
    const value = state[field];
    if (value === undefined || expressionText(value) !== undefined) continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1)
      check.report('SCHEMA_VALIDATION_FAILED', `Field '${field}' must be a positive integer`, `${path}/${field}`);
  }
}

function checkChoice(state: JsonObject, path: string, check: Check): void {
  const rules = listOf(state['Choices']);
  if (rules.length === 0) check.report('SCHEMA_VALIDATION_FAILED', "The field 'Choices' is required and must have a rule", path);
  for (const [i, rule] of rules.entries()) {
    const at = `${path}/Choices[${i}]`;
    const condition = isJsonObject(rule) ? rule['Condition'] : undefined;
    if (condition === undefined) check.report('SCHEMA_VALIDATION_FAILED', "The field 'Condition' is required but was missing", at);
    else if (typeof condition !== 'boolean' && expressionText(condition) === undefined)
      check.report('SCHEMA_VALIDATION_FAILED', "Field 'Condition' must be a boolean or a JSONata expression", `${at}/Condition`);
    if (isJsonObject(rule) && typeof rule['Next'] !== 'string')
      check.report('SCHEMA_VALIDATION_FAILED', "The field 'Next' is required but was missing", at);
  }
}

function checkWait(state: JsonObject, path: string, check: Check): void {
  const { Seconds: seconds, Timestamp: timestamp } = state;
  if ((seconds === undefined) === (timestamp === undefined))
    check.report('SCHEMA_VALIDATION_FAILED', "Exactly one of the fields 'Seconds' and 'Timestamp' is required", path);
  if (
    seconds !== undefined &&
    expressionText(seconds) === undefined &&
    (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 0)
  ) {
    check.report('SCHEMA_VALIDATION_FAILED', "Field 'Seconds' must be a non-negative integer", `${path}/Seconds`);
  }
  if (timestamp !== undefined && expressionText(timestamp) === undefined && (typeof timestamp !== 'string' || !RFC3339.test(timestamp))) {
    check.report('SCHEMA_VALIDATION_FAILED', 'String does not match RFC3339 timestamp', `${path}/Timestamp`);
  }
}

function checkMap(state: JsonObject, path: string, check: Check): void {
  const key = state['ItemProcessor'] === undefined ? 'Iterator' : 'ItemProcessor';
  const processor = state[key];
  const mode = isJsonObject(processor) && isJsonObject(processor['ProcessorConfig']) ? processor['ProcessorConfig']['Mode'] : undefined;
  if (mode !== undefined && mode !== 'INLINE')
    check.report('SCHEMA_VALIDATION_FAILED', 'This engine runs inline Map states only', `${path}/${key}/ProcessorConfig`);
  for (const field of ['ItemReader', 'ItemBatcher', 'ResultWriter'])
    if (state[field] !== undefined) check.report('SCHEMA_VALIDATION_FAILED', `Field '${field}' is not supported`, path);
  nested(processor, `${path}/${key}`, check);
}

function nested(region: Json | undefined, path: string, check: Check): void {
  if (isJsonObject(region)) checkRegion(region, path, check);
  else check.report('SCHEMA_VALIDATION_FAILED', 'An object with StartAt and States is required', path);
}

const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
