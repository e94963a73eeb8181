// Retriers and catchers (Amazon States Language specification, "Errors"). Their numbers are constants: none may be an expression.

import { isJsonObject, type Json, type JsonObject } from '../../json.ts';
import { missing, schema } from './check-shape.ts';
import type { Report } from './machine.ts';

const RETRIER_FIELDS = ['ErrorEquals', 'IntervalSeconds', 'MaxAttempts', 'BackoffRate', 'MaxDelaySeconds', 'JitterStrategy', 'Comment'];
const CATCHER_FIELDS = ['ErrorEquals', 'Next', 'Assign', 'Output', 'Comment'];

const MAX_SECONDS = 99_999_999;
/** A year, exclusive. */
const MAX_DELAY_SECONDS = 31_622_400;

/** `Retry` and `Catch` of one state. */
export function checkErrorHandling(state: JsonObject, at: string, report: Report): void {
  rules(state['Retry'], `${at}/Retry`, report, checkRetrier);
  rules(state['Catch'], `${at}/Catch`, report, checkCatcher);
}

function rules(value: Json | undefined, at: string, report: Report, check: (rule: JsonObject, at: string, report: Report) => void): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) return schema('A list is expected', at, report);
  for (const [index, rule] of value.entries()) {
    const path = `${at}/${index}`;
    if (!isJsonObject(rule)) {
      schema('An object is expected', path, report);
      continue;
    }
    checkErrorEquals(rule, path, index === value.length - 1, report);
    check(rule, path, report);
  }
}

function checkErrorEquals(rule: JsonObject, at: string, isLast: boolean, report: Report): void {
  const names = rule['ErrorEquals'];
  if (names === undefined) return missing('ErrorEquals', at, report);
  if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === 'string')) {
    return schema("'ErrorEquals' has to be a list of names", `${at}/ErrorEquals`, report);
  }
  if (!names.includes('States.ALL')) return;
  if (names.length > 1) schema("'States.ALL' has to stand alone", `${at}/ErrorEquals`, report);
  if (!isLast) schema("'States.ALL' has to stand in the last of the list", `${at}/ErrorEquals`, report);
}

function checkRetrier(rule: JsonObject, at: string, report: Report): void {
  unknownFields(rule, RETRIER_FIELDS, at, report);
  numberField(rule, 'IntervalSeconds', 1, MAX_SECONDS, true, at, report);
  numberField(rule, 'MaxAttempts', 0, MAX_SECONDS, true, at, report);
  numberField(rule, 'BackoffRate', 1, Number.MAX_VALUE, false, at, report);
  numberField(rule, 'MaxDelaySeconds', 1, MAX_DELAY_SECONDS - 1, true, at, report);
  const jitter = rule['JitterStrategy'];
  if (jitter !== undefined && jitter !== 'FULL' && jitter !== 'NONE') schema("'JitterStrategy' is FULL or NONE", at, report);
}

function checkCatcher(rule: JsonObject, at: string, report: Report): void {
  unknownFields(rule, CATCHER_FIELDS, at, report);
  if (rule['Next'] === undefined) missing('Next', at, report);
}

function unknownFields(rule: JsonObject, known: readonly string[], at: string, report: Report): void {
  for (const field of Object.keys(rule)) if (!known.includes(field)) schema(`Field '${field}' is not supported`, at, report);
}

function numberField(rule: JsonObject, field: string, least: number, most: number, whole: boolean, at: string, report: Report): void {
  const value = rule[field];
  if (value === undefined) return;
  if (typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value))) return;
  schema(`'${field}' has to be a ${whole ? 'whole ' : ''}number of at least ${least}`, `${at}/${field}`, report);
}
