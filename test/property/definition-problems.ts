// What is wrong with a compiled definition, by two checkers: our own at its strict level, and asl-validator.

import { createRequire } from 'node:module';
import { checkDefinition } from '../../shared/compiler/check-definition/index.ts';
import { type CompileResult, substitute } from '../../shared/compiler/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';

const validateAsl = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => {
  isValid: boolean;
  errors: { 'Error code': string; Message: string; schemaError?: { instancePath: string } }[];
};

/** Problems of a definition and its undo machine, in words; empty when both checkers have none. */
export function definitionProblems(compiled: CompileResult, slowly: boolean): string[] {
  const values = Object.fromEntries(
    Object.keys(compiled.needs.substitutions).map((name) => [name, `arn:aws:lambda:eu-west-1:123456789012:function:${name}`]),
  );
  return [compiled.definition, compiled.undoDefinition].flatMap((definition) => {
    if (definition === null) return [];
    const filled = substitute(definition, values);
    const ours = checkDefinition(filled, 'ours').map(({ code, message, at }) => `${code}: ${message} (${at})`);
    if (!slowly) return ours;
    const theirs = validateAsl(filled).errors.filter((error) => !isFalsePositive(filled, error.schemaError?.instancePath ?? ''));
    return [...ours, ...theirs.map((error) => `asl-validator: ${JSON.stringify(error)}`)];
  });
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
