// The checker of definitions: `asl-validator` takes what AWS refuses and refuses some of what AWS takes.

import { isJsonObject, type Json } from '../../json.ts';
import { checkErrorHandling } from './check-errors.ts';
import { checkExpressions, type ExpressionSite } from './check-expressions.ts';
import { checkFlow, checkNames } from './check-flow.ts';
import { checkMachine, checkState, checkStateLanguage, isJsonata } from './check-shape.ts';
import { checkVariables } from './check-variables.ts';
import { type CheckLevel, type DefinitionIssue, machinesOf, type Report } from './machine.ts';

/** Bytes of a definition as JSON (Step Functions quota, not adjustable). */
const MAX_BYTES = 1_048_576;

/**
 * Checks a state machine definition without running it.
 *
 * States whose query language is JSONPath are followed, but what they hold is not looked at.
 *
 * @param definition the definition as JSON, with or without its `${Name}` substitutions filled in
 * @param level `aws`: what Step Functions refuses when a machine is created; `ours`: also what the compiler must never emit
 * @returns what is wrong, in the order of the definition; nothing when it is fine
 */
export function checkDefinition(definition: Json, level: CheckLevel): DefinitionIssue[] {
  const issues: DefinitionIssue[] = [];
  const report: Report = (code, message, at) => {
    issues.push({ code, message, at });
  };
  checkMachine(definition, '', level, report);
  if (!isJsonObject(definition)) return issues;
  checkSize(definition, report);
  const machines = machinesOf(definition);
  const expressions: ExpressionSite[] = [];
  for (const site of machines.flatMap((machine) => machine.states)) {
    checkStateLanguage(definition, site, level, report);
    if (!isJsonata(definition, site.state)) continue;
    checkState(site, level, report);
    checkErrorHandling(site.state, site.at, report);
    expressions.push(...checkExpressions(site, level, report));
  }
  checkNames(machines, report);
  for (const machine of machines) checkFlow(machine, report);
  checkVariables(machines, expressions, level, report);
  return issues;
}

function checkSize(definition: Json, report: Report): void {
  const bytes = new TextEncoder().encode(JSON.stringify(definition)).length;
  if (bytes > MAX_BYTES) report('DEFINITION_TOO_LARGE', `The definition has ${bytes} bytes, and Step Functions takes ${MAX_BYTES}`, '');
}
