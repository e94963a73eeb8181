// Checks the tree against the schemas, node by node, and says each mistake where it stands.

import type * as z from 'zod';
import { describeNode, MAX_ISSUES, reportIssue } from './report-issue.ts';
import type { Reporter } from './reporter.ts';
import {
  EVENT_TRIGGER_SCHEMA,
  FILE_SCHEMA,
  INPUT_SCHEMA_SCHEMA,
  KIND_KEYS,
  MAX_SERVICES,
  MAX_TRIGGERS,
  SCHEDULE_TRIGGER_SCHEMA,
  SEQUENCE_SCHEMA,
  SERVICE_SCHEMA,
  STEP_SCHEMAS,
  type StepKind,
} from './schema.ts';
import { didYouMean } from './suggest.ts';
import { childOf, entryOf, itemsOf, jsonOf, type YamlNode } from './yaml-tree.ts';

/** Reports everything about the shape of the file. Building goes on after it with what can be read. */
export function checkShape(root: YamlNode, reporter: Reporter): void {
  checkNode(root, FILE_SCHEMA, reporter);
  const services = childOf(root, 'services');
  if (services?.kind === 'map') {
    if (services.entries.length > MAX_SERVICES)
      reporter.report(
        'MST1109',
        services.entries[MAX_SERVICES]?.keySpan ?? services.span,
        `a workflow has at most ${MAX_SERVICES} services`,
      );
    for (const { value } of services.entries.slice(0, MAX_SERVICES)) checkNode(value, SERVICE_SCHEMA, reporter);
  }
  const input = childOf(root, 'input');
  if (input !== null) checkInputSchema(input, reporter);
  for (const trigger of itemsOf(root, 'triggers').slice(0, MAX_TRIGGERS)) {
    checkNode(
      trigger,
      entryOf(trigger, 'schedule') !== null && entryOf(trigger, 'event') === null ? SCHEDULE_TRIGGER_SCHEMA : EVENT_TRIGGER_SCHEMA,
      reporter,
    );
  }
  checkSteps(itemsOf(root, 'steps'), reporter);
}

/** The kind of a step by its keys; null where none or several tell it. */
export function kindOf(node: YamlNode): StepKind | null {
  const kinds = kindsOf(node);
  return kinds.length === 1 ? (kinds[0] ?? null) : null;
}

/** True for a branch written as `{steps, when?}` rather than as a step. */
export function isSequence(node: YamlNode): boolean {
  return entryOf(node, 'steps') !== null && kindsOf(node).length === 0;
}

function kindsOf(node: YamlNode): StepKind[] {
  if (node.kind !== 'map') return [];
  return [...new Set(node.entries.flatMap(({ key }) => (Object.hasOwn(KIND_KEYS, key) ? (KIND_KEYS[key] ?? []) : [])))];
}

function checkSteps(steps: YamlNode[], reporter: Reporter): void {
  for (const step of steps) checkStep(step, reporter);
}

function checkStep(node: YamlNode, reporter: Reporter): void {
  if (node.kind !== 'map') {
    reporter.report(
      'MST1103',
      node.span,
      `a step is a map, found ${describeNode(node)}`,
      'write for example "- service: …" with "method: …" below it',
    );
    return;
  }
  const capability = entryOf(node, 'capability');
  if (capability !== null) {
    reporter.report(
      'MST2207',
      capability.keySpan,
      '`capability` steps are not available yet',
      'declare the provider under `services` and call it',
    );
    return;
  }
  const kind = kindOf(node);
  if (kind === null) reportKind(node, reporter);
  else checkNode(node, STEP_SCHEMAS[kind], reporter);
  checkSteps(itemsOf(node, 'steps'), reporter);
  for (const branch of itemsOf(node, 'parallel')) {
    if (isSequence(branch)) {
      checkNode(branch, SEQUENCE_SCHEMA, reporter);
      checkSteps(itemsOf(branch, 'steps'), reporter);
    } else checkStep(branch, reporter);
  }
  for (const branch of itemsOf(node, 'switch')) checkSteps(itemsOf(branch, 'steps'), reporter);
  const fields = childOf(childOf(node, 'checkpoint'), 'fields');
  if (fields !== null) checkInputSchema(fields, reporter);
}

function reportKind(node: YamlNode & { kind: 'map' }, reporter: Reporter): void {
  const telling = node.entries.filter(({ key }) => Object.hasOwn(KIND_KEYS, key));
  const first = { start: node.span.start, end: Math.max(node.span.start + 1, node.entries[0]?.keySpan.end ?? 0) };
  if (telling.length > 1) {
    reporter.report(
      'MST1108',
      telling[1]?.keySpan ?? first,
      `a step has one kind, found ${telling.map(({ key }) => `"${key}"`).join(' and ')}`,
      'make it two steps',
    );
    return;
  }
  const kinds = Object.keys(KIND_KEYS);
  for (const { key, keySpan } of node.entries) {
    const suggestion = didYouMean(key, kinds);
    if (suggestion !== undefined && !['id', 'when', 'steps', 'as', 'input', 'output'].includes(key)) {
      reporter.report('MST1101', keySpan, `unknown key "${key}" in a step`, suggestion);
      return;
    }
  }
  reporter.report('MST1108', first, 'it does not say what this step does', `a step has one of: ${kinds.join(', ')}`);
}

function checkInputSchema(node: YamlNode, reporter: Reporter): void {
  checkNode(node, INPUT_SCHEMA_SCHEMA, reporter);
  const properties = childOf(node, 'properties');
  if (properties?.kind === 'map') for (const { value } of properties.entries) checkInputSchema(value, reporter);
  const items = childOf(node, 'items');
  if (items !== null) checkInputSchema(items, reporter);
}

function checkNode(node: YamlNode, schema: z.ZodType, reporter: Reporter): void {
  // zod passes over an own `__proto__`: it is looked for here.
  const proto = entryOf(node, '__proto__');
  if (proto !== null && schema.type !== 'record') reporter.report('MST1101', proto.keySpan, 'unknown key "__proto__"');
  // Compiled checks pay from the thousandth file on; a process that reads one file would wait for them.
  const result = schema.safeParse(jsonOf(node), { jitless: true });
  if (result.success) return;
  for (const issue of result.error.issues.slice(0, MAX_ISSUES)) reportIssue(node, schema, issue, reporter);
}
