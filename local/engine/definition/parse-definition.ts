// Definition text to what the interpreter walks. Checked by `validate.ts` first: what arrives here has the right shapes.

import { isJsonObject, type Json, type JsonObject } from '../../../shared/json.ts';
import { type CompileExpression, compileTemplate, type Template } from '../expressions/index.ts';
import { parseResource } from './resource.ts';
import type { Catcher, ChoiceRule, Machine, Region, Retrier, State } from './types.ts';

/**
 * Compiles a checked definition.
 * @throws Error when the definition does not have the shape that `validate` asks for
 */
export function parseDefinition(definition: JsonObject, compile: CompileExpression): Machine {
  return { ...parseRegion(definition, compile), timeoutSeconds: optionalNumber(definition['TimeoutSeconds']) };
}

function parseRegion(source: JsonObject, compile: CompileExpression): Region {
  const states = new Map<string, State>();
  for (const [name, state] of Object.entries(objectOf(source['States'], 'States')))
    states.set(name, parseState(name, objectOf(state, name), compile));
  return { startAt: textOf(source['StartAt'], 'StartAt'), states };
}

function parseState(name: string, source: JsonObject, compile: CompileExpression): State {
  const field = (key: string): Template | undefined => (source[key] === undefined ? undefined : compileTemplate(source[key], key, compile));
  const common = {
    name,
    nameJson: JSON.stringify(name),
    next: optionalText(source['Next']),
    output: field('Output'),
    assign: field('Assign'),
  };
  const recovering = {
    ...common,
    retry: listOf(source['Retry']).map((item) => parseRetrier(objectOf(item, 'Retry'))),
    catch: listOf(source['Catch']).map((item, i) => parseCatcher(objectOf(item, 'Catch'), i, compile)),
  };
  const type = textOf(source['Type'], 'Type');
  switch (type) {
    case 'Task': {
      const resource = parseResource(textOf(source['Resource'], 'Resource'));
      if (!resource) throw new Error(`State '${name}': Resource is not one of those that this engine runs`);
      return {
        ...recovering,
        type,
        resource,
        arguments: field('Arguments'),
        timeoutSeconds: field('TimeoutSeconds'),
        heartbeatSeconds: field('HeartbeatSeconds'),
        credentials: field('Credentials'),
      };
    }
    case 'Parallel':
      return {
        ...recovering,
        type,
        arguments: field('Arguments'),
        branches: listOf(source['Branches']).map((branch) => parseRegion(objectOf(branch, 'Branches'), compile)),
      };
    case 'Map':
      return {
        ...recovering,
        type,
        items: field('Items'),
        itemSelector: field('ItemSelector'),
        maxConcurrency: field('MaxConcurrency'),
        toleratedFailureCount: field('ToleratedFailureCount'),
        toleratedFailurePercentage: field('ToleratedFailurePercentage'),
        processor: parseRegion(objectOf(source['ItemProcessor'] ?? source['Iterator'], 'ItemProcessor'), compile),
      };
    case 'Choice':
      return {
        ...common,
        type,
        rules: listOf(source['Choices']).map((rule, i) => parseRule(objectOf(rule, 'Choices'), i, compile)),
        default: optionalText(source['Default']),
      };
    case 'Wait':
      return { ...common, type, seconds: field('Seconds'), timestamp: field('Timestamp') };
    case 'Pass':
    case 'Succeed':
      return { ...common, type };
    case 'Fail':
      return { ...common, type, error: field('Error'), cause: field('Cause') };
    default:
      throw new Error(`State '${name}': Type is not one of the state types`);
  }
}

function parseRetrier(source: JsonObject): Retrier {
  return {
    errors: listOf(source['ErrorEquals']).map(String),
    intervalSeconds: optionalNumber(source['IntervalSeconds']) ?? 1,
    maxAttempts: optionalNumber(source['MaxAttempts']) ?? 3,
    backoffRate: optionalNumber(source['BackoffRate']) ?? 2,
    maxDelaySeconds: optionalNumber(source['MaxDelaySeconds']),
    fullJitter: source['JitterStrategy'] === 'FULL',
  };
}

function parseCatcher(source: JsonObject, index: number, compile: CompileExpression): Catcher {
  const field = (key: string): Template | undefined =>
    source[key] === undefined ? undefined : compileTemplate(source[key], `Catch[${index}]/${key}`, compile);
  return {
    errors: listOf(source['ErrorEquals']).map(String),
    next: textOf(source['Next'], 'Next'),
    output: field('Output'),
    assign: field('Assign'),
  };
}

function parseRule(source: JsonObject, index: number, compile: CompileExpression): ChoiceRule {
  const field = (key: string): Template | undefined =>
    source[key] === undefined ? undefined : compileTemplate(source[key], `Choices[${index}]/${key}`, compile);
  const condition = field('Condition');
  if (!condition) throw new Error(`Choices[${index}] has no Condition`);
  return { condition, next: textOf(source['Next'], 'Next'), output: field('Output'), assign: field('Assign') };
}

function objectOf(value: Json | undefined, what: string): JsonObject {
  if (!isJsonObject(value)) throw new Error(`${what} must be an object`);
  return value;
}

function textOf(value: Json | undefined, what: string): string {
  if (typeof value !== 'string') throw new Error(`${what} must be a text`);
  return value;
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function optionalText(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function optionalNumber(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
