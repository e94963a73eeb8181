// The expressions of a state: that they parse, what they may read where they stand, and that they cannot fail where nothing catches it.

import { isJsonObject, type Json } from '../../json.ts';
import { isExpression } from './check-shape.ts';
import { type ExpressionFacts, readExpression } from './expression-tree.ts';
import type { CheckLevel, Report, StateSite } from './machine.ts';

/** An expression where it stands. */
export interface ExpressionSite {
  facts: ExpressionFacts;
  at: string;
  state: StateSite;
  /** What of `$states` there is besides `input` and `context`. */
  offers: 'result' | 'errorOutput' | null;
  /** A failure here cannot be caught, and would end the run with nothing undone. */
  cannotFail: boolean;
  isCondition: boolean;
}

/** A field whose texts are evaluated. */
interface Field {
  value: Json | undefined;
  at: string;
  offers: ExpressionSite['offers'];
  /** Nothing catches a failure in here, whatever the state's own catchers say. */
  neverCaught: boolean;
  isCondition?: true;
}

/** AWS evaluates 100 levels; reported from measurements (`1+1+…` of 100 terms works, 101 fail). */
const MAX_DEPTH = 100;

const STEP_FUNCTIONS = ['partition', 'range', 'hash', 'random', 'uuid', 'parse'];
const JSONATA =
  'sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match contains replace split join ' +
  'formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power random boolean not map zip filter single reduce sift keys ' +
  'lookup append exists spread merge reverse each error assert type sort shuffle distinct base64encode base64decode encodeUrlComponent encodeUrl ' +
  'decodeUrlComponent decodeUrl toMillis fromMillis clone now millis';

/** Every function a definition may call. */
export const FUNCTIONS: ReadonlySet<string> = new Set([...JSONATA.split(' '), ...STEP_FUNCTIONS]);

/** The context object (AWS: "Accessing execution data from the Context object"). */
const CONTEXT: { readonly [part: string]: readonly string[] } = {
  Execution: ['Id', 'Input', 'Name', 'RoleArn', 'StartTime', 'RedriveCount', 'RedriveTime'],
  State: ['EnteredTime', 'Name', 'RetryCount'],
  StateMachine: ['Id', 'Name'],
  Task: ['Token'],
  Map: ['Item'],
};

/** Parses every expression of a state and reports what is wrong with each by itself. */
export function checkExpressions(state: StateSite, level: CheckLevel, report: Report): ExpressionSite[] {
  const found: ExpressionSite[] = [];
  for (const field of fieldsOf(state)) {
    leaves(field.value, field.at, (text, at) => {
      const facts = parse(text, at, level, report);
      if (facts === null) return;
      const cannotFail = field.neverCaught && !state.machine.caught;
      const site: ExpressionSite = { facts, at, state, offers: field.offers, cannotFail, isCondition: field.isCondition === true };
      checkRefused(site, report);
      if (level === 'ours') checkOurs(site, report);
      found.push(site);
    });
  }
  return found;
}

function fieldsOf({ state, type, at }: StateSite): Field[] {
  const hasResult = type === 'Task' || type === 'Parallel' || type === 'Map';
  const fields: Field[] = [];
  const add = (name: string, offers: Field['offers'] = null): void => {
    fields.push({ value: state[name], at: `${at}/${name}`, offers, neverCaught: !hasResult });
  };
  for (const name of ['Arguments', 'TimeoutSeconds', 'HeartbeatSeconds', 'Credentials', 'Items', 'ItemSelector', 'MaxConcurrency'])
    add(name);
  for (const name of [
    'ToleratedFailureCount',
    'ToleratedFailurePercentage',
    'ItemReader',
    'ItemBatcher',
    'ResultWriter',
    'Seconds',
    'Timestamp',
  ])
    add(name);
  for (const name of ['Error', 'Cause']) add(name);
  for (const name of ['Assign', 'Output']) add(name, hasResult ? 'result' : null);
  for (const [list, offers] of [
    ['Choices', null],
    ['Catch', 'errorOutput'],
  ] as const) {
    for (const [index, rule] of (Array.isArray(state[list]) ? state[list] : []).entries()) {
      if (!isJsonObject(rule)) continue;
      const path = `${at}/${list}/${index}`;
      if (list === 'Choices')
        fields.push({ value: rule['Condition'], at: `${path}/Condition`, offers, neverCaught: true, isCondition: true });
      for (const name of ['Assign', 'Output']) fields.push({ value: rule[name], at: `${path}/${name}`, offers, neverCaught: true });
    }
  }
  return fields;
}

function leaves(value: Json | undefined, at: string, visit: (text: string, at: string) => void): void {
  if (typeof value === 'string') {
    if (value.startsWith('{%')) visit(value, at);
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) leaves(item, `${at}/${index}`, visit);
  } else if (isJsonObject(value)) {
    for (const [key, item] of Object.entries(value)) leaves(item, `${at}/${key}`, visit);
  }
}

function parse(text: string, at: string, level: CheckLevel, report: Report): ExpressionFacts | null {
  if (!isExpression(text) || text.length < 4) {
    if (level === 'ours') report('EXPRESSION_FORM', 'A text that begins like an expression does not end like one', at);
    return null;
  }
  if (level === 'ours' && !/^\{% [^\r\n\u2028\u2029]+ %\}$/.test(text)) {
    report('EXPRESSION_FORM', "An expression stands on one line, between '{% ' and ' %}'", at);
  }
  try {
    return readExpression(text.slice(2, -2));
  } catch (error) {
    report('INVALID_JSONATA_EXPRESSION', `The expression is no JSONata 2.0.6${reason(error)}`, at);
    return null;
  }
}

/** Why it does not parse, without the expression itself. */
function reason(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('position' in error)) return '';
  return `: ${String(error.code)} at position ${String(error.position)}`;
}

/** Documented for `$states`, reported for bare names and `$$`. */
function checkRefused({ facts, at, offers }: ExpressionSite, report: Report): void {
  for (const [member] of facts.states) {
    if ((member === 'result' || member === 'errorOutput') && member !== offers) {
      report('UNSUPPORTED_JSONATA_EXPRESSION', `Field '$states.${member}' does not exist.`, at);
    }
  }
  for (const name of facts.bareNames)
    report('UNSUPPORTED_JSONATA_EXPRESSION', `Reference to '${name}' at the top level is not supported.`, at);
  if (facts.roots.includes('$$')) report('UNSUPPORTED_JSONATA_EXPRESSION', "Reference to '$$' is not supported.", at);
}

function checkOurs(site: ExpressionSite, report: Report): void {
  const { facts, at } = site;
  if (facts.roots.includes('$')) report('BARE_CONTEXT', "'$' has no value outside a path", at);
  if (facts.reads.has('eval')) report('EVAL', "'$eval' does not exist on Step Functions", at);
  if (facts.depth > MAX_DEPTH)
    report('EXPRESSION_TOO_DEEP', `The expression is nested ${facts.depth} deep, and AWS evaluates ${MAX_DEPTH}`, at);
  for (const names of facts.states) checkMember(site, names, report);
  if (site.isCondition && !facts.isBoolean) report('CONDITION_NOT_BOOLEAN', 'A condition has to give true or false whatever it reads', at);
  if (!site.cannotFail) return;
  for (const name of facts.failing) report('UNCAUGHT_FAILURE', `'$${name}' may fail here, where nothing catches it`, at);
  // A Fail ends the run either way.
  if (facts.mayBeMissing && site.state.type !== 'Fail')
    report('UNCAUGHT_FAILURE', 'The expression may give nothing here, where nothing catches it', at);
}

function checkMember({ at, state, offers }: ExpressionSite, names: readonly string[], report: Report): void {
  const [member, part, field] = names;
  const wrong = (what: string): void => report('UNKNOWN_STATES_FIELD', `'$states${names.map((name) => `.${name}`).join('')}' ${what}`, at);
  if (member === undefined) return wrong('is read as a whole');
  if (member === 'result' || member === 'errorOutput' || member === 'input') {
    if (member !== 'input' && member !== offers) wrong('does not exist here');
    return;
  }
  if (member !== 'context') return wrong('does not exist');
  if (part === undefined) return;
  if (!Object.hasOwn(CONTEXT, part) || (field !== undefined && !CONTEXT[part]?.includes(field))) return wrong('does not exist');
  if (part === 'Task' && !String(state.state['Resource']).endsWith('.waitForTaskToken'))
    wrong('exists only where a task token is waited for');
  if (part === 'State' && field === 'RetryCount' && state.type !== 'Task') wrong('exists only in a Task');
  if (part === 'Map' && !isInIteration(state) && !at.startsWith(`${state.at}/ItemSelector`)) wrong('exists only in an iteration');
}

function isInIteration(state: StateSite): boolean {
  for (let machine: StateSite['machine'] | null = state.machine; machine !== null; machine = machine.outer) {
    if (machine.kind === 'iteration') return true;
  }
  return false;
}
