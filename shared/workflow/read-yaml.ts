// Text to a positioned tree. Everything that YAML offers and a workflow has no use for is refused here, so that nothing further in has to think of it.

import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, parseAllDocuments, type Scalar } from 'yaml';
import type { Span } from './model.ts';
import type { Reporter } from './reporter.ts';
import { scalarPositions } from './scalar-positions.ts';
import type { MapEntry, ScalarNode, YamlNode } from './yaml-tree.ts';

/** Bytes of UTF-8 that a file may have (2-language). */
const MAX_FILE_BYTES = 1_000_000;
/** Anchors may make a file at most this many times as long as it is written. */
const MAX_ALIAS_EXPANSION = 10;
/** Levels of lists and maps. Step Functions and every JSON reader on the way have limits too; 64 is far from all of them. */
const MAX_DEPTH = 64;
/** The first syntax error is the cause, the rest mostly echo. */
const MAX_SYNTAX_ERRORS = 10;

/** Control characters, what a wrong decoding leaves behind, and halves of surrogate pairs. */
const ODD_CHARACTER = /(?![\t\n\r\u0085])\p{Cc}|\u{fffd}|\p{Cs}/u;

/** A node and how many characters it would have with every alias written out. */
interface Sized {
  node: YamlNode;
  chars: number;
}

/**
 * Reads a file's text.
 *
 * @returns the tree, or null where there is none to go on with; what is wrong has been reported
 */
export function readYaml(text: string, reporter: Reporter): YamlNode | null {
  if (!checkText(text, reporter)) return null;
  const documents = parseAllDocuments(text, {
    prettyErrors: false,
    uniqueKeys: false,
    merge: false,
    logLevel: 'silent',
    resolveKnownTags: false,
  });
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (document === undefined || document.contents === null) {
    reporter.report(
      'MST1012',
      { start: 0, end: Math.min(1, text.length) },
      'the file is empty: expected a workflow with `name`, `version` and `steps`',
    );
    return null;
  }
  for (const error of document.errors.slice(0, MAX_SYNTAX_ERRORS)) {
    reporter.report('MST1001', spanOf(error.pos, text), `not valid YAML: ${error.message}`, hintForSyntax(error.code, text, error.pos[0]));
  }
  if (second !== undefined) {
    const start = second.range[0];
    reporter.report(
      'MST1005',
      { start, end: Math.min(start + 3, text.length) },
      'a second document begins here; a file holds one workflow',
      'move it to a file of its own',
    );
  }
  const converter = createConverter(text, reporter);
  const root = converter.convert(document.contents as Node, 0);
  if (root !== null && root.chars > text.length * MAX_ALIAS_EXPANSION) {
    reporter.report(
      'MST1003',
      converter.lastAlias,
      `anchors expand to more than ${MAX_ALIAS_EXPANSION} times the length of the file`,
      'write the values out, or use fewer aliases',
    );
    return null;
  }
  return root?.node ?? null;
}

/** Size and characters, before anything is parsed. */
function checkText(text: string, reporter: Reporter): boolean {
  if (text.length > MAX_FILE_BYTES || (text.length > MAX_FILE_BYTES / 3 && new TextEncoder().encode(text).length > MAX_FILE_BYTES)) {
    reporter.report(
      'MST1002',
      { start: 0, end: 1 },
      `the file is larger than ${MAX_FILE_BYTES / 1_000_000} MB`,
      'split it into `workflow` steps',
    );
    return false;
  }
  const odd = ODD_CHARACTER.exec(text);
  if (odd === null) return true;
  const code = odd[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  reporter.report(
    'MST1014',
    { start: odd.index, end: odd.index + 1 },
    `the character U+${code} cannot stand in a workflow file`,
    'save the file as UTF-8 text; write control characters as escapes inside double quotes',
  );
  return false;
}

function createConverter(text: string, reporter: Reporter): { convert(node: Node, depth: number): Sized | null; lastAlias: Span } {
  const anchors = new Map<string, Sized>();
  const converter = { convert, lastAlias: { start: 0, end: 0 } };

  function convert(node: Node, depth: number): Sized | null {
    const span = spanOf(node.range ?? [0, 0], text);
    if (depth > MAX_DEPTH) {
      reporter.report('MST1013', { start: span.start, end: span.start + 1 }, `lists and maps are nested more than ${MAX_DEPTH} deep`);
      return null;
    }
    if (isAlias(node)) {
      converter.lastAlias = span;
      const target = anchors.get(node.source) ?? null;
      if (target === null) reporter.report('MST1009', span, `the alias *${node.source} has no anchor before it`);
      return target;
    }
    if (node.tag !== undefined && isExplicitTag(text, span.start)) {
      reporter.report(
        'MST1006',
        span,
        'tags (`!…`) are not supported',
        'remove the tag; quotes make a text, their absence a number or boolean',
      );
    }
    const sized = isMap(node)
      ? map(node.items as Pair[], span, depth)
      : isSeq(node)
        ? list(node.items as Node[], span, depth)
        : scalar(node, span);
    const anchor = 'anchor' in node ? node.anchor : undefined;
    if (typeof anchor === 'string' && sized !== null) anchors.set(anchor, sized);
    return sized;
  }

  function list(items: Node[], span: Span, depth: number): Sized {
    const sized = items.flatMap((item) => convert(item, depth + 1) ?? []);
    return { node: { kind: 'list', span, items: sized.map(({ node }) => node) }, chars: sized.reduce((sum, { chars }) => sum + chars, 2) };
  }

  function map(pairs: Pair[], span: Span, depth: number): Sized | null {
    const first = pairs[0];
    if (
      first !== undefined &&
      (isMap(first.key) || (isScalar(first.key) && isMap(first.value) && text[span.start] === '{' && text[span.start + 1] === '{'))
    ) {
      reporter.report('MST1008', span, 'a template without quotes is a map to YAML', 'put it in quotes: "{{ … }}"');
      // Read on as what was meant, so that the same mistake is not told as a missing value too.
      const value = text.slice(span.start, span.end);
      return {
        node: { kind: 'scalar', span, value, written: value, at: (index) => Math.min(span.start + index, span.end) },
        chars: value.length,
      };
    }
    const entries: MapEntry[] = [];
    const places = new Map<string, Span>();
    let total = 2;
    for (const pair of pairs) {
      const entry = convertPair(pair, span, depth);
      if (entry === null) continue;
      if (places.has(entry.key))
        reporter.report('MST1004', entry.keySpan, `the key "${entry.key}" stands here twice`, 'remove one of the two');
      else {
        places.set(entry.key, entry.keySpan);
        entries.push(entry);
        total += entry.chars;
      }
    }
    return { node: { kind: 'map', span, entries }, chars: total };
  }

  function convertPair(pair: Pair, span: Span, depth: number): (MapEntry & { chars: number }) | null {
    const key = pair.key as Node | null;
    const keySpan = spanOf(key?.range ?? [span.start, span.start], text);
    if (!isScalar(key)) {
      reporter.report('MST1010', keySpan, 'a key must be a text', 'write the key as plain text or in quotes');
      return null;
    }
    const name = typeof key.value === 'string' ? key.value : (key.source ?? '');
    if (name === '<<' && (isAlias(pair.value) || isMap(pair.value))) {
      reporter.report('MST1007', keySpan, 'merge keys (`<<`) are not part of YAML 1.2', 'write the keys out, or alias a whole value');
      return null;
    }
    const value = pair.value as Node | null;
    const sized = value === null ? nullNode(keySpan) : convert(value, depth + 1);
    return sized === null ? null : { key: name, keySpan, value: sized.node, chars: sized.chars + name.length };
  }

  function scalar(node: Node, span: Span): Sized | null {
    if (!isScalar(node)) return null;
    const value = node.value;
    const written = node.source ?? '';
    if (typeof value === 'number' && !isExact(value, written)) {
      reporter.report(
        'MST1011',
        span,
        `the number ${written.slice(0, 40)} cannot be represented exactly`,
        'put it in quotes to keep it as text',
      );
      return { node: { kind: 'scalar', span, value: 0, written, at: () => span.start }, chars: written.length };
    }
    const known = value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string' ? value : written;
    const at = typeof known === 'string' ? scalarPositions(text, span.start, span.end, styleOf(node), known) : (): number => span.start;
    return { node: { kind: 'scalar', span, value: known, written, at }, chars: Math.max(written.length, 1) };
  }

  return converter;
}

function nullNode(keySpan: Span): Sized {
  const node: ScalarNode = {
    kind: 'scalar',
    span: { start: keySpan.end, end: keySpan.end },
    value: null,
    written: '',
    at: () => keySpan.end,
  };
  return { node, chars: 1 };
}

/** Finite, and not a whole number beyond 2^53 − 1. */
function isExact(value: number, written: string): boolean {
  return Number.isFinite(value) && (Number.isSafeInteger(value) || !/^[-+]?(?:\d+|0x[\da-f]+|0o[0-7]+)$/i.test(written));
}

function isExplicitTag(text: string, start: number): boolean {
  // The node's own range begins after its tag: look back over the line or lines between them.
  return /!\S*\s*(?:&\S+\s*)?$/.test(text.slice(Math.max(0, start - 200), start));
}

function styleOf(node: Scalar): 'plain' | 'single' | 'double' | 'block' {
  if (node.type === 'QUOTE_SINGLE') return 'single';
  if (node.type === 'QUOTE_DOUBLE') return 'double';
  return node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED' ? 'block' : 'plain';
}

function spanOf(range: readonly number[], text: string): Span {
  const start = Math.min(Math.max(range[0] ?? 0, 0), text.length);
  return { start, end: Math.min(Math.max(range[1] ?? start, start), text.length) };
}

function hintForSyntax(code: string, text: string, offset: number): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'BLOCK_AS_IMPLICIT_KEY') return 'put a value that holds ": " in quotes';
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, (text.indexOf('\n', offset) + 1 || text.length + 1) - 1);
  // In two parts: one pattern for both would look for the braces again behind every colon of a line, which may be as long as the file.
  const unquoted = /:\s*[^"'\s]/.test(line.slice(0, Math.max(line.lastIndexOf('{{'), 0)));
  return unquoted ? 'put a value that holds {{ … }} in quotes' : undefined;
}
