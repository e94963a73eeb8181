// A diagnostic as people read it: place, code and message, the line with a caret under it, and what to do.

import { printable } from '../printable.ts';
import type { Diagnostic, Severity } from './diagnostics.ts';
import { positionsOf } from './reporter.ts';

/** Columns of source that are shown; longer lines are cut around the caret. */
const MAX_COLUMNS = 140;

const COLORS: { readonly [kind in Severity | 'dim']: string } = { error: '31', warning: '33', hint: '36', dim: '2' };

/**
 * Prints one diagnostic, ending in a line break.
 *
 * @param text the text of the file that it is about
 * @param options.color ANSI colours
 *
 * @example
 * order.yaml:14:16 error MST2008 the step calls "shipp", which is not among the services
 *    14 |     service: shipp
 *       |              ^^^^^
 *       = did you mean "shipping"?
 */
export function formatDiagnostic(diagnostic: Diagnostic, text: string, options: { color?: boolean } = {}): string {
  const paint = (kind: keyof typeof COLORS, part: string): string => (options.color ? `\u001b[${COLORS[kind]}m${part}\u001b[0m` : part);
  const { file, line, column, severity, code, message, hint } = diagnostic;
  const lines = [`${printable(file)}:${line}:${column} ${paint(severity, `${severity} ${code}`)} ${printable(message)}`];
  const source = lineOf(text, line);
  const margin = String(line).length + 2;
  if (source !== null) {
    const shown = cut(source, column - 1, diagnostic.endLine === line ? diagnostic.endColumn - 1 : source.length);
    lines.push(`${paint('dim', `${` ${line}`.padStart(margin)} |`)} ${shown.text}`);
    lines.push(`${paint('dim', `${' '.repeat(margin)} |`)} ${shown.indent}${paint(severity, shown.marks)}`);
  }
  if (hint !== undefined) lines.push(`${paint('dim', `${' '.repeat(margin)} =`)} ${printable(hint)}`);
  return `${lines.join('\n')}\n`;
}

/**
 * Gives diagnostics that know only offsets (the compiler's) their file, lines and columns.
 *
 * @param text the text that the spans count in
 */
export function locateDiagnostics(
  found: readonly (Omit<Diagnostic, 'file' | 'line' | 'column' | 'endLine' | 'endColumn' | 'hint'> & { hint?: string | undefined })[],
  text: string,
  file: string,
): Diagnostic[] {
  const position = positionsOf(text);
  return found.map(({ hint, ...rest }) => {
    const from = position(rest.span.start);
    const to = position(Math.max(rest.span.start, rest.span.end));
    return {
      ...rest,
      ...(hint === undefined ? {} : { hint }),
      file,
      line: from.line,
      column: from.column,
      endLine: to.line,
      endColumn: to.column,
    };
  });
}

/** A line by its 1-based number without its line break; null where the text has fewer. */
function lineOf(text: string, number: number): string | null {
  return text.split(/\r\n|\n|\r/)[number - 1] ?? null;
}

function cut(source: string, from: number, to: number): { text: string; indent: string; marks: string } {
  const offset = from > MAX_COLUMNS / 2 && source.length > MAX_COLUMNS ? from - 40 : 0;
  const piece = source.slice(offset, offset + MAX_COLUMNS);
  const before = piece.slice(0, Math.max(0, from - offset));
  const marked = piece.slice(before.length, Math.max(before.length + 1, to - offset));
  const lead = offset > 0 ? '… ' : '';
  return {
    text: lead + expand(piece),
    indent: ' '.repeat(widthOf(lead) + widthOf(before)),
    marks: '^'.repeat(Math.max(1, widthOf(marked.trimEnd()))),
  };
}

function expand(text: string): string {
  return printable(text.replaceAll('\t', '  '));
}

/** Marks that combine with the character before them, joiners and variation selectors. */
const NO_WIDTH = /\p{Mn}|\p{Me}|\p{Cf}|\p{Variation_Selector}/u;
/** Emoji, Hangul, kana, Han and full-width forms. */
const TWO_WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** Columns on a terminal: wide East Asian characters and emoji take two, marks that combine none, a tab is shown as two. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (character === '\t' || TWO_WIDE.test(character)) width += 2;
    else if (!NO_WIDTH.test(character)) width += 1;
  }
  return width;
}
