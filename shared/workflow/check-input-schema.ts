// Schemas of `input` and of checkpoint `fields` that could never be met, and patterns that are refused.

import type { CheckContext } from './check-context.ts';
import { compilePattern } from './pattern.ts';
import type { Reporter } from './reporter.ts';
import { allSteps } from './walk.ts';
import { childOf, entryOf, itemsOf, numberOf, textOf, type YamlNode } from './yaml-tree.ts';

const BOUNDS: readonly [least: string, most: string][] = [
  ['minimum', 'maximum'],
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
];

/** Checks all schemas of the file. */
export function checkInputSchemas({ workflow, root, sources, reporter }: CheckContext): void {
  const input = childOf(root, 'input');
  const type = entryOf(input, 'type');
  if (type !== null && textOf(input, 'type') !== 'object') {
    reporter.report(
      'MST2211',
      type.value.span,
      'the input of a run is an object',
      'write "type: object" and describe the value as one of its `properties`',
    );
  }
  if (input !== null) checkSchema(input, reporter);
  for (const step of allSteps(workflow)) {
    const fields = step.kind === 'checkpoint' ? childOf(childOf(sources.get(step) ?? null, 'checkpoint'), 'fields') : null;
    if (fields !== null) checkSchema(fields, reporter);
  }
}

function checkSchema(node: YamlNode, reporter: Reporter): void {
  for (const [least, most] of BOUNDS) {
    const entry = entryOf(node, least);
    if (entry !== null && numberOf(node, least, 0) > numberOf(node, most, Number.POSITIVE_INFINITY)) {
      reporter.report('MST2211', entry.value.span, `"${least}" is larger than "${most}": no value fits`, 'exchange the two');
    }
  }
  const pattern = textOf(node, 'pattern');
  const compiled = pattern === null ? null : compilePattern(pattern);
  if (typeof compiled === 'string')
    reporter.report(
      'MST2211',
      childOf(node, 'pattern')?.span ?? node.span,
      compiled,
      'use literals, classes, groups, alternatives and * + ? {n,m}',
    );
  const properties = childOf(node, 'properties');
  const closed = childOf(node, 'additionalProperties');
  if (closed?.kind === 'scalar' && closed.value === false) {
    for (const name of itemsOf(node, 'required')) {
      if (name.kind !== 'scalar' || entryOf(properties, String(name.value)) !== null) continue;
      reporter.report(
        'MST2211',
        name.span,
        `"${String(name.value)}" is required and not allowed: \`properties\` does not have it`,
        'add it to `properties`',
      );
    }
  }
  if (properties?.kind === 'map') for (const { value } of properties.entries) checkSchema(value, reporter);
  const items = childOf(node, 'items');
  if (items !== null) checkSchema(items, reporter);
}
