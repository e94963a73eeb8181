// What zod says about a node, as a diagnostic where it stands: unknown and missing keys, wrong types, durations.

import type * as z from 'zod';
import { formatDuration } from './duration.ts';
import type { Span } from './model.ts';
import type { Reporter } from './reporter.ts';
import { didYouMean } from './suggest.ts';
import { entryOf, nodeAt, type YamlNode } from './yaml-tree.ts';

/** Of one node; the reporter stops at as many. */
export const MAX_ISSUES = 200;

/** Reports one issue of zod at the node that it is about. */
export function reportIssue(root: YamlNode, schema: z.ZodType, issue: z.core.$ZodIssue, reporter: Reporter): void {
  const node = nodeAt(root, issue.path);
  const key = issue.path.findLast((part) => typeof part === 'string');
  const where = key === undefined ? '' : `"${key}": `;
  if (issue.code === 'unrecognized_keys') {
    for (const unknown of issue.keys.slice(0, MAX_ISSUES)) reportUnknownKey(node, unknown, keysAt(schema, issue.path), reporter);
  } else if (isMissing(root, issue.path)) {
    const name = String(issue.path.at(-1));
    reporter.report('MST1102', headOf(node), `"${name}" is missing`, `add "${name}: …"`);
  } else if (issue.code === 'invalid_type' && DURATION_KEYS.has(key ?? '') && node.kind === 'scalar' && typeof node.value === 'number') {
    const written = node.written.slice(0, 40);
    reporter.report('MST1106', node.span, `${where}the number ${written} has no unit`, `did you mean ${written}s?`);
  } else if (issue.code === 'invalid_type') {
    reporter.report(
      'MST1103',
      node.span,
      `${where}expected ${typeName(issue.expected)}, found ${describeNode(node)}`,
      hintForType(issue.expected, node),
    );
  } else if (issue.code === 'invalid_union') {
    reportUnion(root, schema, issue, node, where, reporter);
  } else if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    const found = node.kind === 'scalar' ? `"${node.written.slice(0, 60)}"` : describeNode(node);
    const suggestion = node.kind === 'scalar' ? didYouMean(String(node.value), values) : undefined;
    reporter.report(
      'MST1104',
      node.span,
      `${where}expected ${values.map((value) => `"${value}"`).join(', ')}, found ${found}`,
      suggestion ?? trapHint(node),
    );
  } else if (issue.code === 'invalid_key') {
    const entry = entryOf(nodeAt(root, issue.path.slice(0, -1)), String(issue.path.at(-1)));
    reporter.report('MST1105', entry?.keySpan ?? node.span, `"${String(issue.path.at(-1)).slice(0, 60)}" is not a name`, NAME_HINT);
  } else if (issue.code === 'invalid_format') {
    reporter.report(
      'MST1105',
      node.span,
      `${where}"${String(node.kind === 'scalar' ? node.value : '').slice(0, 60)}" is not a name`,
      NAME_HINT,
    );
  } else if (issue.code === 'too_small' || issue.code === 'too_big') {
    reportSize(node, issue, where, reporter);
  } else if (issue.code === 'custom') reportDuration(node, issue.params, where, reporter);
  else reporter.report('MST1103', node.span, `${where}${issue.message}`);
}

const NAME_HINT =
  'begin with a letter; go on with letters, digits and _ (ids and workflow names also -); at most 48 characters (workflow names 64)';

function reportUnknownKey(node: YamlNode, unknown: string, known: string[], reporter: Reporter): void {
  const span = entryOf(node, unknown)?.keySpan ?? node.span;
  reporter.report(
    'MST1101',
    span,
    `unknown key "${unknown.slice(0, 60)}"`,
    didYouMean(unknown, known) ?? `known here: ${known.join(', ')}`,
  );
}

/** Of the ways that a union could be meant, the one that came furthest; a plain type mismatch of all is told as one. */
function reportUnion(
  root: YamlNode,
  schema: z.ZodType,
  issue: z.core.$ZodIssueInvalidUnion,
  node: YamlNode,
  where: string,
  reporter: Reporter,
): void {
  const inner = issue.errors.find((issues) =>
    issues.every(({ code, path }) => (code !== 'invalid_type' && code !== 'invalid_value') || path.length > 0),
  );
  if (inner !== undefined) {
    for (const one of inner) reportIssue(root, schema, { ...one, path: [...issue.path, ...one.path] }, reporter);
    return;
  }
  const expected = issue.errors
    .flat()
    .flatMap((one) =>
      one.code === 'invalid_type' ? [typeName(one.expected)] : one.code === 'invalid_value' ? one.values.map(String) : [],
    );
  reporter.report(
    'MST1103',
    node.span,
    `${where}expected ${[...new Set(expected)].join(' or ')}, found ${describeNode(node)}`,
    trapHint(node),
  );
}

function reportSize(node: YamlNode, issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, where: string, reporter: Reporter): void {
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const word = issue.code === 'too_small' ? (issue.inclusive === false ? 'more than' : 'at least') : 'at most';
  if (issue.origin === 'string') reporter.report('MST1109', node.span, `${where}expected a text that is not empty`);
  else if (issue.origin === 'array' || issue.origin === 'map')
    reporter.report('MST1109', node.span, `${where}expected ${word} ${limit} ${limit === 1 ? 'entry' : 'entries'}`);
  else
    reporter.report(
      'MST1107',
      node.span,
      `${where}expected ${word} ${limit}, found ${node.kind === 'scalar' ? node.written.slice(0, 40) : describeNode(node)}`,
    );
}

function reportDuration(node: YamlNode, params: { [key: string]: unknown } | undefined, where: string, reporter: Reporter): void {
  const range = params?.['durationRange'];
  const written = node.kind === 'scalar' ? String(node.value).slice(0, 40) : '';
  if (Array.isArray(range)) {
    const [min, max] = range.map(Number);
    reporter.report(
      'MST1107',
      node.span,
      `${where}expected a duration from ${formatDuration(min ?? 0)} to ${formatDuration(max ?? 0)}, found ${written}`,
    );
    return;
  }
  const days = /^(\d{1,4})d$/.exec(written)?.[1];
  const hint = /^\d+$/.test(written)
    ? `did you mean ${written}s?`
    : days === undefined
      ? 'durations are written like 250ms, 30s, 5m, 1h30m'
      : `did you mean ${Number(days) * 24}h?`;
  reporter.report('MST1106', node.span, `${where}"${written}" is not a duration`, hint);
}

const DURATION_KEYS: ReadonlySet<string> = new Set(['timeout', 'wait', 'initial', 'max', 'window', 'open']);

/** A key that is not there: zod says that undefined has the wrong type. */
function isMissing(root: YamlNode, path: readonly PropertyKey[]): boolean {
  const last = path.at(-1);
  return (
    typeof last === 'string' && entryOf(nodeAt(root, path.slice(0, -1)), last) === null && nodeAt(root, path.slice(0, -1)).kind === 'map'
  );
}

/** Where to point for something that a map lacks: its first key. */
function headOf(node: YamlNode): Span {
  const first = node.kind === 'map' ? node.entries[0] : undefined;
  return first?.keySpan ?? { start: node.span.start, end: Math.min(node.span.end, node.span.start + 1) };
}

/** Keys that the schema knows where an unknown one was found. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current: unknown = schema;
  for (const part of path) {
    for (let inner = unwrap(current); inner !== current; inner = unwrap(current)) current = inner;
    const def = defOf(current);
    if (def['shape'] !== undefined) current = (def['shape'] as { [key: string]: unknown })[String(part)];
    else current = def['element'] ?? def['valueType'] ?? current;
  }
  for (let inner = unwrap(current); inner !== current; inner = unwrap(current)) current = inner;
  const shape = defOf(current)['shape'];
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : [];
}

function unwrap(schema: unknown): unknown {
  const def = defOf(schema);
  if (def['innerType'] !== undefined) return def['innerType'];
  // Of a union with a map the map is meant: `breaker`, `options`.
  return Array.isArray(def['options']) ? (def['options'].find((option) => defOf(option)['shape'] !== undefined) ?? schema) : schema;
}

function defOf(schema: unknown): { [key: string]: unknown } {
  return typeof schema === 'object' && schema !== null && 'def' in schema && typeof schema.def === 'object' && schema.def !== null
    ? (schema.def as { [key: string]: unknown })
    : {};
}

/** What a node is, in words. */
export function describeNode(node: YamlNode): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'string') return 'a text';
  return typeof node.value === 'boolean' ? `the boolean ${node.value}` : `the number ${node.written.slice(0, 40)}`;
}

function typeName(expected: string): string {
  const names: { [type: string]: string } = {
    string: 'a text',
    array: 'a list',
    object: 'a map',
    record: 'a map',
    boolean: 'true or false',
    number: 'a number',
    int: 'a whole number',
  };
  return names[expected] ?? expected;
}

function hintForType(expected: string, node: YamlNode): string | undefined {
  const isBare = node.kind === 'scalar' && (typeof node.value === 'number' || typeof node.value === 'boolean');
  if (expected === 'string' && isBare) return `put it in quotes: "${node.written.slice(0, 40)}"`;
  return expected === 'array' && node.kind === 'map' ? 'begin each entry with "- "' : trapHint(node);
}

/** YAML 1.2 reads yes, no, on and off as texts. */
function trapHint(node: YamlNode): string | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return undefined;
  if (/^(?:yes|on|y)$/i.test(node.value)) return 'write true';
  if (/^(?:no|off|n)$/i.test(node.value)) return 'write false';
  return /^-?\d+$/.test(node.value) ? 'remove the quotes' : undefined;
}
