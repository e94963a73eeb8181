// Scalars and JSON values with templates in them.
//
//   T1. A text that is exactly one `{{ … }}`, with nothing around it, is an expression and keeps the value's type.
//   T2. Anything before, between or after makes it a text of parts.
//   T3. `{{ "{{" }}` is a literal `{{`. A `}}` outside of a template is plain text.
//   T4. A mistake ends one template only: reading goes on after its `}}`, so that all mistakes of a text are told.

import type { Json, JsonObject } from '../../json.ts';
import { setOwn } from '../../json.ts';
import type { Expr, Span, Template, TextPart } from '../model.ts';
import type { Reporter } from '../reporter.ts';
import type { ScalarNode, YamlNode } from '../yaml-tree.ts';
import { ExpressionMistake } from './lexer.ts';
import { parseExpression } from './parser.ts';

/** Stands where an expression could not be read; the file is refused anyway. */
function placeholder(span: Span): Expr {
  return { span, kind: 'literal', value: null };
}

/** Reads a text into its parts; neighbouring literals are joined, empty ones left out. */
export function parseTextParts(node: ScalarNode, reporter: Reporter): TextPart[] {
  const value = typeof node.value === 'string' ? node.value : node.written;
  if (typeof node.value !== 'string') return [value];
  const parts: TextPart[] = [];
  let at = 0;
  for (let open = value.indexOf('{{'); open !== -1; open = value.indexOf('{{', at)) {
    if (open > at) parts.push(value.slice(at, open));
    const read = readBraced(node, value, open, reporter);
    parts.push(read.expr);
    at = read.end;
  }
  if (at < value.length) parts.push(value.slice(at));
  return parts;
}

function readBraced(node: ScalarNode, value: string, open: number, reporter: Reporter): { expr: Expr; end: number } {
  try {
    return parseExpression(value, open + 2, true, node.at);
  } catch (mistake) {
    if (!(mistake instanceof ExpressionMistake)) throw mistake;
    reportMistake(node, mistake, reporter);
    const close = value.indexOf('}}', mistake.code === 'MST1203' ? open + 2 : Math.max(open + 2, mistake.start));
    return { expr: placeholder(node.span), end: close === -1 || mistake.code === 'MST1202' ? value.length : close + 2 };
  }
}

/** Reads a JSON value with templates. Keys are literal text: a template in one is a mistake. */
export function parseTemplate(node: YamlNode, reporter: Reporter): Template {
  if (node.kind === 'scalar') return parseScalarTemplate(node, reporter);
  if (node.kind === 'list') {
    const items = node.items.map((item) => parseTemplate(item, reporter));
    return items.every(isLiteral)
      ? { span: node.span, kind: 'literal', value: items.map((item) => item.value) }
      : { span: node.span, kind: 'list', items };
  }
  const entries: [string, Template][] = [];
  for (const { key, keySpan, value } of node.entries) {
    if (key.includes('{{'))
      reporter.report(
        'MST1207',
        keySpan,
        'a key cannot hold a template',
        'keys are literal; build the object with merge() or pass a list of pairs',
      );
    entries.push([key, parseTemplate(value, reporter)]);
  }
  if (!entries.every((entry): entry is [string, Extract<Template, { kind: 'literal' }>] => isLiteral(entry[1])))
    return { span: node.span, kind: 'object', entries };
  const object: JsonObject = {};
  for (const [key, value] of entries) setOwn(object, key, value.value);
  return { span: node.span, kind: 'literal', value: object };
}

function parseScalarTemplate(node: ScalarNode, reporter: Reporter): Template {
  const { span, value } = node;
  if (typeof value !== 'string' || !value.includes('{{')) return { span, kind: 'literal', value: value as Json };
  const parts = parseTextParts(node, reporter);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && typeof only !== 'string') return { span, kind: 'expr', expr: only };
  return { span, kind: 'text', parts };
}

function isLiteral(template: Template): template is Extract<Template, { kind: 'literal' }> {
  return template.kind === 'literal';
}

/** Reads one expression, in braces or without them: `when`, `foreach`, `until`, `dedupe`. Booleans and numbers of YAML are literals. */
export function parseWholeExpression(node: YamlNode, reporter: Reporter, braces: 'optional' | 'required'): Expr {
  if (node.kind !== 'scalar') return placeholder(node.span);
  const { span, value } = node;
  if (typeof value !== 'string') return { span, kind: 'literal', value };
  const start = value.length - value.trimStart().length;
  const trimmed = value.trim();
  if (!trimmed.startsWith('{{') && braces === 'required') {
    reporter.report('MST1212', span, 'expected one expression in braces', 'write "{{ … }}"');
    return placeholder(span);
  }
  try {
    const braced = trimmed.startsWith('{{');
    const { expr, end } = parseExpression(value, braced ? start + 2 : start, braced, node.at);
    if (value.slice(end).trim() === '') return expr;
    reporter.report(
      'MST1212',
      { start: node.at(end), end: span.end },
      'expected one expression, found more after it',
      'put all of it into one pair of braces: "{{ .a && .b }}"',
    );
  } catch (mistake) {
    if (!(mistake instanceof ExpressionMistake)) throw mistake;
    reportMistake(node, mistake, reporter);
  }
  return placeholder(span);
}

function reportMistake(node: ScalarNode, mistake: ExpressionMistake, reporter: Reporter): void {
  const start = node.at(mistake.start);
  const end = Math.max(start + 1, node.at(Math.max(mistake.end - 1, mistake.start)) + 1);
  reporter.report(mistake.code, { start, end: Math.max(start, Math.min(end, node.span.end)) }, mistake.message, mistake.hint);
}
