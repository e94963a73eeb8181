// The OpenAPI document as one page for people: no script, nothing from elsewhere, the one style allowed by its hash.

import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';

const STYLE = [
  ':root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}',
  'code,pre{font:13px/1.45 ui-monospace,Menlo,Consolas,monospace}pre{overflow:auto;padding:.75rem;border:1px solid #8884;border-radius:6px}',
  'section{border-top:1px solid #8884;padding:.5rem 0}h3{margin:.5rem 0}.method{display:inline-block;min-width:4.5em;font-weight:700}',
  'table{border-collapse:collapse}td{padding:.1rem .75rem .1rem 0;vertical-align:top}.old{text-decoration:line-through}nav a{margin-right:1rem}',
].join('');

/** What the Content-Security-Policy names to allow the style. */
export const DOCS_STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

/** Writes the page of an OpenAPI document. */
export function docsPage(document: JsonObject): string {
  const info = objectAt(document, 'info');
  const components = objectAt(document, 'components');
  const tags = listAt(document, 'tags').map((tag) => textAt(tag, 'name'));
  const operations = Object.entries(objectAt(document, 'paths')).flatMap(([path, methods]) =>
    Object.entries(isJsonObject(methods) ? methods : {}).map(([method, operation]) => ({ path, method, operation: asObject(operation) })),
  );
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => listAt(operation, 'tags').includes(tag));
    return `<h2 id="${anchor(tag)}">${escapeHtml(tag)}</h2>${own.map((each) => operationSection(each, components)).join('')}`;
  });
  const schemas = Object.entries(objectAt(components, 'schemas')).map(
    ([name, schema]) => `<section id="schema-${anchor(name)}"><h3>${escapeHtml(name)}</h3>${pre(schema)}</section>`,
  );
  const title = escapeHtml(`${textAt(info, 'title')} ${textAt(info, 'version')}`);
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style></head><body>`,
    `<h1>${title}</h1>${paragraphs(textAt(info, 'description'))}<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>`,
    `<nav>${[...tags, 'Schemas'].map((tag) => `<a href="#${anchor(tag)}">${escapeHtml(tag)}</a>`).join('')}</nav>`,
    ...sections,
    `<h2 id="schemas">Schemas</h2>${schemas.join('')}`,
    '</body></html>',
  ].join('\n');
}

function operationSection(at: { path: string; method: string; operation: JsonObject }, components: JsonObject): string {
  const { path, method, operation } = at;
  const parameters = listAt(operation, 'parameters').map((parameter) => {
    const need = asObject(parameter)['required'] === true ? 'required' : 'optional';
    const what = [textAt(parameter, 'in'), need, textAt(parameter, 'description')].filter((text) => text !== '').join(', ');
    return [code(textAt(parameter, 'name')), prose(what)];
  });
  const body = Object.entries(objectAt(objectAt(operation, 'requestBody'), 'content')).map(([type, media]) => [
    code(type),
    schemaLink(asObject(media)['schema'] ?? null),
  ]);
  const answers = Object.entries(objectAt(operation, 'responses')).map(([status, response]) => {
    const answer = resolved(asObject(response), components);
    const shapes = Object.values(objectAt(answer, 'content')).map((media) => schemaLink(asObject(media)['schema'] ?? null));
    return [code(status), [prose(textAt(answer, 'description')), ...new Set(shapes)].join(' ')];
  });
  return [
    `<section id="${escapeHtml(textAt(operation, 'operationId'))}"><h3${operation['deprecated'] === true ? ' class="old"' : ''}>`,
    `<code class="method">${method.toUpperCase()}</code><code>${escapeHtml(path)}</code></h3>`,
    `<p>${escapeHtml(textAt(operation, 'summary'))}.</p>${paragraphs(textAt(operation, 'description'))}`,
    table('Parameters', parameters),
    table('Body', body),
    table('Answers', answers),
    '</section>',
  ].join('');
}

function resolved(response: JsonObject, components: JsonObject): JsonObject {
  const name = textAt(response, '$ref').split('/').at(-1) ?? '';
  return name === '' ? response : objectAt(objectAt(components, 'responses'), name);
}

function schemaLink(schema: Json): string {
  const name = textAt(schema, '$ref').split('/').at(-1) ?? '';
  if (name !== '') return `<a href="#schema-${anchor(name)}">${escapeHtml(name)}</a>`;
  const type = textAt(schema, 'type');
  return type === '' ? '' : code(type);
}

function table(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return `<p>${title}</p><table>${rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('')}</table>`;
}

/** Paragraphs. */
function paragraphs(text: string): string {
  if (text === '') return '';
  return text
    .split('\n\n')
    .map((part) => `<p>${prose(part)}</p>`)
    .join('');
}

function pre(value: Json): string {
  return `<pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`;
}

/** A text of one line, with `…` as code. */
function prose(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function code(text: string): string {
  return `<code>${escapeHtml(text)}</code>`;
}

function anchor(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function asObject(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objectAt(value: Json, key: string): JsonObject {
  return asObject(asObject(value)[key]);
}

function listAt(value: Json, key: string): Json[] {
  const list = asObject(value)[key];
  return Array.isArray(list) ? list : [];
}

function textAt(value: Json | undefined, key: string): string {
  const text = asObject(value)[key];
  return typeof text === 'string' ? text : '';
}
