// Fields of machines and states: which have to be there, which may not, and what they may hold.
// Sources: the Amazon States Language specification's state tables; recordings and reports of refusals where a comment says so.

import { isJsonObject, type Json, type JsonObject } from '../../json.ts';
import { type CheckLevel, innerMachines, type Report, type StateSite } from './machine.ts';

const COMMON = ['Type', 'Comment', 'QueryLanguage'];
const STEPPING = ['Next', 'End', 'Output', 'Assign'];

/** Fields of each type of state in JSONata mode. */
const FIELDS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    Task: [...STEPPING, 'Resource', 'Arguments', 'Credentials', 'TimeoutSeconds', 'HeartbeatSeconds', 'Retry', 'Catch'],
    Parallel: [...STEPPING, 'Branches', 'Arguments', 'Retry', 'Catch'],
    Map: [
      ...STEPPING,
      ...['ItemProcessor', 'Iterator', 'Items', 'ItemSelector', 'ItemReader', 'ItemBatcher', 'ResultWriter', 'MaxConcurrency', 'Label'],
      ...['ToleratedFailureCount', 'ToleratedFailurePercentage', 'Retry', 'Catch'],
    ],
    Pass: STEPPING,
    Wait: [...STEPPING, 'Seconds', 'Timestamp'],
    Choice: ['Choices', 'Default', 'Output', 'Assign'],
    Succeed: ['Output'],
    Fail: ['Error', 'Cause'],
  }).map(([type, fields]) => [type, new Set([...COMMON, ...fields])]),
);

/** Fields that belong to JSONPath states; a JSONata state is refused with one. */
const JSONPATH_FIELDS = new Set([
  ...[
    'InputPath',
    'OutputPath',
    'ResultPath',
    'Parameters',
    'ResultSelector',
    'Result',
    'ItemsPath',
    'MaxConcurrencyPath',
    'TimeoutSecondsPath',
  ],
  ...[
    'HeartbeatSecondsPath',
    'SecondsPath',
    'TimestampPath',
    'ErrorPath',
    'CausePath',
    'ToleratedFailureCountPath',
    'ToleratedFailurePercentagePath',
  ],
]);

const REQUIRED: ReadonlyMap<string, readonly string[]> = new Map([
  ['Task', ['Resource']],
  ['Parallel', ['Branches']],
  ['Map', ['ItemProcessor']],
  ['Choice', ['Choices']],
]);

/** RFC 3339 with a capital T and Z or an offset, as Step Functions asks of a literal `Timestamp`. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

const MAX_NAME = 80;
const MAX_SECONDS = 99_999_999;

/** The machine and its branches: `StartAt`, `States`, the query language. */
export function checkMachine(machine: Json, at: string, level: CheckLevel, report: Report): void {
  if (!isJsonObject(machine)) {
    report('SCHEMA_VALIDATION_FAILED', 'A state machine has to be an object', at);
    return;
  }
  if (typeof machine['StartAt'] !== 'string') missing('StartAt', at, report);
  const states = machine['States'];
  if (states === undefined) missing('States', at, report);
  else if (!isJsonObject(states) || Object.keys(states).length === 0)
    schema("'States' has to be an object of at least one state", `${at}/States`, report);
  else {
    for (const [name, state] of Object.entries(states)) {
      const path = `${at}/States/${name}`;
      if (!isJsonObject(state)) schema('A state has to be an object', path, report);
      else for (const inner of innerMachines(state, path)) checkMachine(inner.machine, inner.at, level, report);
    }
  }
  if (at === '') checkLanguage(machine, level, report);
}

/** A state's query language, which only the machine should name. */
export function checkStateLanguage(definition: JsonObject, { state, at }: StateSite, level: CheckLevel, report: Report): void {
  const language = state['QueryLanguage'];
  if (language === undefined) return;
  if (level === 'ours') report('QUERY_LANGUAGE', "'QueryLanguage' stands at the top only", at);
  // Recorded text of the refusal.
  if (language === 'JSONPath' && definition['QueryLanguage'] === 'JSONata') {
    schema("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", at, report);
  }
}

/** One JSONata state. */
export function checkState(site: StateSite, level: CheckLevel, report: Report): void {
  const { state, type, at, name } = site;
  if ([...name].length > MAX_NAME) schema(`A state's name has at most ${MAX_NAME} characters`, at, report);
  if (state['Type'] === undefined) return missing('Type', at, report);
  const allowed = FIELDS.get(type);
  if (allowed === undefined) return schema(`'Type' is none of ${[...FIELDS.keys()].join(', ')}`, at, report);
  for (const field of REQUIRED.get(type) ?? []) {
    if (state[field] === undefined && !(field === 'ItemProcessor' && state['Iterator'] !== undefined)) missing(field, at, report);
  }
  for (const field of Object.keys(state)) checkField(at, field, allowed, level, report);
  checkTransition(site, report);
  if (type === 'Wait') checkWait(state, at, report);
  if (type === 'Task') checkTask(state, at, level, report);
  if (type === 'Parallel') listOf(state['Branches'], 'Branches', at, report);
  if (type === 'Choice') checkChoice(state, at, level, report);
}

/** Errors that the language says end a state without a way on. */
export function missing(field: string, at: string, report: Report): void {
  report('SCHEMA_VALIDATION_FAILED', `The field '${field}' is required but was missing`, at);
}

export function schema(message: string, at: string, report: Report): void {
  report('SCHEMA_VALIDATION_FAILED', message, at);
}

/** True for a string that Step Functions evaluates. */
export function isExpression(value: Json | undefined): value is string {
  return typeof value === 'string' && value.startsWith('{%') && value.endsWith('%}');
}

/** True when the state's query language is JSONata. */
export function isJsonata(definition: JsonObject, state: JsonObject): boolean {
  return (state['QueryLanguage'] ?? definition['QueryLanguage']) === 'JSONata';
}

function checkLanguage(definition: JsonObject, level: CheckLevel, report: Report): void {
  const language = definition['QueryLanguage'];
  if (language !== undefined && language !== 'JSONata' && language !== 'JSONPath')
    schema("'QueryLanguage' is neither JSONata nor JSONPath", '', report);
  if (level === 'ours' && language !== 'JSONata') report('QUERY_LANGUAGE', "The machine has to say 'QueryLanguage': 'JSONata'", '');
}

function checkField(at: string, field: string, allowed: ReadonlySet<string>, level: CheckLevel, report: Report): void {
  if (allowed.has(field)) return;
  const known = JSONPATH_FIELDS.has(field) || [...FIELDS.values()].some((fields) => fields.has(field));
  // A field that means something elsewhere is refused (reported for `TimeoutSeconds` of Map and Parallel); about any other nothing is known.
  if (known || level === 'ours') schema(`Field '${field}' is not supported`, at, report);
}

function checkTransition(site: StateSite, report: Report): void {
  const { state, type, at } = site;
  if (type === 'Choice' || type === 'Succeed' || type === 'Fail') return;
  if (state['Next'] === undefined && state['End'] !== true) schema("One of 'Next' and 'End' is required", at, report);
  if (state['Next'] !== undefined && state['End'] !== undefined) schema("'Next' and 'End' exclude each other", at, report);
  if (state['End'] !== undefined && typeof state['End'] !== 'boolean') schema("'End' has to be true", at, report);
}

function checkWait(state: JsonObject, at: string, report: Report): void {
  const { Seconds: seconds, Timestamp: timestamp } = state;
  if ((seconds === undefined) === (timestamp === undefined)) schema("Exactly one of 'Seconds' and 'Timestamp' is required", at, report);
  if (seconds !== undefined && !isExpression(seconds)) wholeNumber(seconds, 0, MAX_SECONDS, 'Seconds', at, report);
  // Recorded text of the refusal.
  if (timestamp !== undefined && !isExpression(timestamp) && !(typeof timestamp === 'string' && TIMESTAMP.test(timestamp))) {
    schema('String does not match RFC3339 timestamp', `${at}/Timestamp`, report);
  }
}

function checkTask(state: JsonObject, at: string, level: CheckLevel, report: Report): void {
  const { TimeoutSeconds: timeout, HeartbeatSeconds: heartbeat, Credentials: credentials, Resource: resource } = state;
  if (resource !== undefined && (typeof resource !== 'string' || resource === '')) schema("'Resource' has to be a text", at, report);
  if (timeout !== undefined && !isExpression(timeout)) wholeNumber(timeout, 1, MAX_SECONDS, 'TimeoutSeconds', at, report);
  if (heartbeat !== undefined && !isExpression(heartbeat)) wholeNumber(heartbeat, 1, MAX_SECONDS, 'HeartbeatSeconds', at, report);
  if (typeof timeout === 'number' && typeof heartbeat === 'number' && heartbeat >= timeout) {
    schema("'HeartbeatSeconds' has to be smaller than 'TimeoutSeconds'", at, report);
  }
  // Recorded: Credentials without RoleArn.
  if (isJsonObject(credentials) && credentials['RoleArn'] === undefined) missing('RoleArn', `${at}/Credentials`, report);
  // Without one a task may run for three years.
  if (level === 'ours' && timeout === undefined) report('MISSING_TIMEOUT', "A Task needs 'TimeoutSeconds'", at);
}

function checkChoice(state: JsonObject, at: string, level: CheckLevel, report: Report): void {
  for (const [index, rule] of listOf(state['Choices'], 'Choices', at, report).entries()) {
    const path = `${at}/Choices/${index}`;
    if (!isJsonObject(rule)) {
      schema('A choice rule has to be an object', path, report);
      continue;
    }
    for (const field of ['Condition', 'Next']) if (rule[field] === undefined) missing(field, path, report);
    const condition = rule['Condition'];
    if (condition !== undefined && typeof condition !== 'boolean' && !isExpression(condition)) {
      schema("'Condition' has to be an expression, true or false", path, report);
    }
    for (const field of Object.keys(rule)) {
      if (!['Condition', 'Next', 'Assign', 'Output', 'Comment'].includes(field)) schema(`Field '${field}' is not supported`, path, report);
    }
  }
  // What happens without a match and without Default is told differently by the specification and by reports.
  if (level === 'ours' && state['Default'] === undefined) report('MISSING_DEFAULT', "A Choice needs 'Default'", at);
}

function listOf(value: Json | undefined, field: string, at: string, report: Report): Json[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length > 0) return value;
  schema(`'${field}' has to be a list of at least one`, `${at}/${field}`, report);
  return [];
}

function wholeNumber(value: Json, least: number, most: number, field: string, at: string, report: Report): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return;
  schema(`'${field}' has to be a whole number from ${least} to ${most}`, `${at}/${field}`, report);
}
