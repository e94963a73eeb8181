// What is wrong with a compiled definition, by two checkers: our own at its strict level, and asl-validator.

import { createRequire } from 'node:module';
import { checkDefinition } from '../../shared/compiler/check-definition/index.ts';
import { compile, substitute } from '../../shared/compiler/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { namesAfter, type Workflow, walkSteps } from '../../shared/workflow/index.ts';

const validateAsl = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => {
  isValid: boolean;
  errors: { 'Error code': string; Message: string; schemaError?: { instancePath: string } }[];
};

/** Problems of a definition and its undo machine, in words; empty when both checkers have none. */
export function definitionProblems(workflow: Workflow, slowly: boolean): string[] {
  const compiled = compile(workflow);
  const maybe = namesOfSwitches(workflow);
  const values = Object.fromEntries(
    Object.keys(compiled.needs.substitutions).map((name) => [name, `arn:aws:lambda:eu-west-1:123456789012:function:${name}`]),
  );
  return [compiled.definition, compiled.undoDefinition].flatMap((definition) => {
    if (definition === null) return [];
    const filled = substitute(definition, values);
    const ours = checkDefinition(filled, 'ours')
      .filter((issue) => !isOfASwitch(issue, maybe))
      .map(({ code, message, at }) => `${code}: ${message} (${at})`);
    if (!slowly) return ours;
    const theirs = validateAsl(filled).errors.filter((error) => !isFalsePositive(filled, error.schemaError?.instancePath ?? ''));
    return [...ours, ...theirs.map((error) => `asl-validator: ${JSON.stringify(error)}`)];
  });
}

/**
 * A name that is made only where a switch case ends the run is assigned by no state: nothing is left to read it there. Elsewhere it is read as
 * what may be unassigned, which gives null; that it does is compared with the reference.
 */
function isOfASwitch({ code, message }: { code: string; message: string }, names: ReadonlySet<string>): boolean {
  const variable = /^'\$(?:[a-z]\d+_(?:\d+_)?)?(\w+)'/.exec(message)?.[1];
  return code === 'UNKNOWN_VARIABLE' && variable !== undefined && names.has(variable);
}

function namesOfSwitches(workflow: Workflow): Set<string> {
  const names = new Set<string>();
  walkSteps(workflow.steps, (step) => {
    if (step.kind === 'switch') for (const name of namesAfter([step])) names.add(name);
  });
  return names;
}

/** asl-validator refuses what Step Functions accepts: an `Output` that is no object and no expression (number, boolean, null, list, text). */
function isFalsePositive(definition: JsonObject, pointer: string): boolean {
  if (!pointer.endsWith('/Output')) return false;
  let value: Json | undefined = definition;
  for (const name of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return false;
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~');
    value = Array.isArray(value) ? value[Number(key)] : value[key];
  }
  return value !== undefined && !isJsonObject(value);
}
