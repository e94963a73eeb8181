// Fills the generated parts of docs/*.md: what stands between `<!-- generated: NAME -->` and `<!-- end -->` is written from the code that it
// describes. A test fails when they differ.

import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openApiDocument } from '../functions/ingress/index.ts';
import { ERROR_STATUS } from '../shared/contract/index.ts';
import { getOwn, isJsonObject, type Json, type JsonObject } from '../shared/json.ts';
import { CATALOGUE, FUNCTIONS, workflowJsonSchema } from '../shared/workflow/index.ts';

const ROOT = path.join(import.meta.dirname, '..');
const PART = /(<!-- generated: ([a-z. ]+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** Every document that has generated parts, with its text as it ought to be. Paths from the root of the repository. */
export async function documents(): Promise<{ file: string; found: string; wanted: string }[]> {
  const parts = await makeParts();
  return globSync('docs/*.md', { cwd: ROOT })
    .sort()
    .map((file) => {
      const found = readFileSync(path.join(ROOT, file), 'utf8');
      const wanted = found.replace(PART, (_all, open: string, name: string, close: string) => {
        const text = parts.get(name);
        if (text === undefined) throw new Error(`${file}: there is no generated part "${name}"; there are ${[...parts.keys()].join(', ')}`);
        return `${open}\n${text}\n\n${close}`;
      });
      return { file, found, wanted };
    });
}

async function makeParts(): Promise<Map<string, string>> {
  const schema = workflowJsonSchema();
  const parts = new Map<string, string>([
    ['file', keys(schema)],
    ['service', keys(at(schema, '$defs', 'service'))],
    ['retry', keys(at(schema, '$defs', 'service', 'properties', 'retry'))],
    ['breaker', keys(alternatives(at(schema, '$defs', 'service', 'properties', 'breaker'))[1])],
    ['functions', functions()],
    ['diagnostics', diagnostics()],
  ]);
  const steps = alternatives(at(schema, '$defs', 'step'));
  for (const [name, key] of STEP_KINDS) {
    const step = steps.find((candidate) => Object.hasOwn(propertiesOf(candidate), key));
    if (!step) throw new Error(`the schema has no step with the key "${key}"`);
    parts.set(`step ${name}`, keys(step, COMMON));
    if (name === 'call') {
      parts.set('step', keys({ properties: pick(propertiesOf(step), COMMON) }));
      parts.set('compensate', keys(propertiesOf(step)['compensate']));
    }
    if (name === 'checkpoint') parts.set('checkpoint', keys(propertiesOf(step)['checkpoint']));
  }
  const [event, schedule] = alternatives(at(schema, '$defs', 'trigger'));
  parts.set('trigger event', keys(event));
  parts.set('trigger schedule', keys(schedule));
  for (const [name, text] of apiParts(openApiDocument(''))) parts.set(name, text);
  return parts;
}

/** Kinds of step by the key that tells them. */
const STEP_KINDS = [
  ['call', 'service'],
  ['parallel', 'parallel'],
  ['foreach', 'foreach'],
  ['switch', 'switch'],
  ['wait', 'wait'],
  ['set', 'set'],
  ['checkpoint', 'checkpoint'],
  ['workflow', 'workflow'],
  ['emit', 'emit'],
  ['fail', 'fail'],
] as const;

/** Keys of every step, told once. */
const COMMON = ['id', 'when', 'description', 'irreversible'];

/** A table of the keys of an object's schema, without those told elsewhere. */
function keys(schema: Json | undefined, without: readonly string[] = []): string {
  const required = isJsonObject(schema) && Array.isArray(schema['required']) ? schema['required'] : [];
  const rows = Object.entries(propertiesOf(schema))
    .filter(([name]) => !without.includes(name))
    .map(([name, property]) => {
      const { description } = isJsonObject(property) ? property : {};
      if (typeof description !== 'string')
        throw new Error(`the key "${name}" has no description; give it one in shared/workflow/schema.ts`);
      return [`\`${name}\`${required.includes(name) ? ' *' : ''}`, typeOf(property), description];
    });
  return table(['key', 'type', 'meaning'], rows);
}

function typeOf(schema: Json | undefined): string {
  if (!isJsonObject(schema)) return 'any';
  const { type, pattern, enum: values, const: constant, items } = schema;
  if (constant !== undefined) return `\`${JSON.stringify(constant).replaceAll('"', '')}\``;
  if (Array.isArray(values)) return values.map((value) => `\`${String(value)}\``).join(' ');
  if (schema['$ref'] !== undefined)
    return { step: 'step', inputSchema: 'schema' }[String(schema['$ref']).slice('#/$defs/'.length)] ?? 'map';
  if (schema['anyOf'] !== undefined) return [...new Set(alternatives(schema).map(typeOf))].join(' or ');
  if (typeof pattern === 'string' && pattern.includes('ms|s|m|h')) return 'duration';
  if (type === 'array') return isJsonObject(items) && items['type'] === 'string' ? 'list of texts' : 'list';
  if (type === 'object') return 'map';
  if (Array.isArray(type)) return 'condition';
  return typeof type === 'string' ? ({ string: 'text', integer: 'whole number', boolean: '`true` `false`' }[type] ?? type) : 'any';
}

/** The parts of docs/api.md. */
function apiParts(document: JsonObject): [name: string, text: string][] {
  const routes = Object.entries(objectAt(document, 'paths')).flatMap(([route, methods]) =>
    Object.entries(isJsonObject(methods) ? methods : {}).map(([method, operation]) => ({ route, method, operation })),
  );
  const sections = new Map<string, string[]>();
  for (const { route, method, operation } of routes) {
    const tag = at(operation, 'tags');
    const name = Array.isArray(tag) ? String(tag[0]) : '';
    const lines = sections.get(name) ?? [];
    sections.set(name, [...lines, operationText(route, method, operation)]);
  }
  const refusals = Object.entries(objectAt(document, 'components', 'responses')).map(([code, response]) => [
    `\`${code}\``,
    String(ERROR_STATUS[code as keyof typeof ERROR_STATUS]),
    String(at(response, 'description') ?? ''),
  ]);
  const shapes = Object.entries(objectAt(document, 'components', 'schemas')).map(([name, schema]) => [name, shapeText(schema)]);
  return [
    ['api intro', String(at(document, 'info', 'description') ?? '')],
    ['api routes', [...sections].map(([name, texts]) => [`### ${name}`, ...texts].join('\n\n')).join('\n\n')],
    ['api refusals', table(['code', 'status', 'when'], refusals)],
    ['api shapes', shapes.map(([name, text]) => `### ${name}\n\n${text}`).join('\n\n')],
  ];
}

function operationText(route: string, method: string, operation: Json): string {
  const answers = Object.entries(objectAt(operation, 'responses')).flatMap(([status, response]) =>
    /^[23]/.test(status) ? [`${status}: ${String(at(response, 'description') ?? '')}`] : [],
  );
  const parameters = at(operation, 'parameters');
  const named = (Array.isArray(parameters) ? parameters : []).flatMap((parameter) => {
    const { name, in: where, description } = isJsonObject(parameter) ? parameter : {};
    return where === 'path' ? [] : [`\`${String(name)}\` (${String(where)})${description === undefined ? '' : `: ${String(description)}`}`];
  });
  const [body] = Object.values(objectAt(operation, 'requestBody', 'content'));
  const taken = at(body, 'schema', '$ref');
  return [
    `**\`${method.toUpperCase()} ${route}\`** ${String(at(operation, 'summary') ?? '')}${at(operation, 'deprecated') === true ? ' (deprecated)' : ''}`,
    String(at(operation, 'description') ?? ''),
    [
      ...(typeof taken === 'string' ? [`- body: ${reference(taken)}`] : []),
      ...named.map((text) => `- ${text}`),
      ...answers.map((text) => `- ${text}`),
    ].join('\n'),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

/** The fields of an object, or what it is one of. */
function shapeText(schema: Json | undefined): string {
  const required = at(schema, 'required');
  const rows = Object.entries(propertiesOf(schema)).map(([name, property]) => [
    `\`${name}\`${Array.isArray(required) && required.includes(name) ? ' *' : ''}`,
    apiType(property),
    String(at(property, 'description') ?? ''),
  ]);
  if (rows.length > 0) return table(['field', 'type', 'meaning'], rows);
  return at(schema, 'anyOf') === undefined ? 'An object without fields.' : `One of: ${apiType(schema)}.`;
}

function apiType(schema: Json | undefined): string {
  if (!isJsonObject(schema)) return 'any';
  const { $ref, type, const: constant, enum: values, items, format } = schema;
  if (typeof $ref === 'string') return reference($ref);
  if (constant !== undefined) return `\`${JSON.stringify(constant)}\``;
  if (Array.isArray(values)) return values.map((value) => `\`${String(value)}\``).join(' ');
  if (schema['anyOf'] !== undefined) return [...new Set(alternatives(schema).map((one) => apiType(one)))].join(' or ');
  if (format === 'date-time') return 'time';
  if (type === 'array') return `list of ${apiType(items)}`;
  if (type === 'object')
    return Object.keys(propertiesOf(schema)).length > 0 ? `{${Object.keys(propertiesOf(schema)).join(', ')}}` : 'object';
  return typeof type === 'string' ? type : 'any';
}

function reference(ref: string): string {
  const name = ref.slice(ref.lastIndexOf('/') + 1);
  return `[${name}](#${name.toLowerCase()})`;
}

function objectAt(schema: Json | undefined, ...path: string[]): JsonObject {
  const found = at(schema, ...path);
  return isJsonObject(found) ? found : {};
}

function functions(): string {
  return table(
    ['function', 'gives'],
    [...FUNCTIONS.values()].map(({ signature, does }) => [`\`${signature.replaceAll('|', '\\|')}\``, does]),
  );
}

function diagnostics(): string {
  return table(
    ['code', 'kind', 'what', 'what to do'],
    Object.entries(CATALOGUE).map(([code, { severity, title, help }]) => [code, severity, title, help.replaceAll('|', '\\|')]),
  );
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function at(schema: Json | undefined, ...path: string[]): Json | undefined {
  let found = schema;
  for (const key of path) found = isJsonObject(found) ? getOwn(found, key) : undefined;
  return found;
}

function alternatives(schema: Json | undefined): Json[] {
  const list = at(schema, 'anyOf');
  return Array.isArray(list) ? list : [];
}

function propertiesOf(schema: Json | undefined): JsonObject {
  const properties = at(schema, 'properties');
  return isJsonObject(properties) ? properties : {};
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}

if (import.meta.main) {
  for (const { file, found, wanted } of await documents()) {
    if (found === wanted) continue;
    writeFileSync(path.join(ROOT, file), wanted);
    console.log(`written ${file}`);
  }
}
