// Collects the diagnostics of one file and turns offsets into lines, columns and document paths.

import type { Diagnostic } from './diagnostics.ts';
import { CATALOGUE, type DiagnosticCode } from './diagnostics-catalogue.ts';
import type { Span } from './model.ts';

/** Beyond this many a file is not worth listing further: the rest follows from the first ones. */
const MAX_DIAGNOSTICS = 200;

export interface Reporter {
  /** Adds a diagnostic; the severity is the catalogue's. The same code at the same place is told once. */
  report(code: DiagnosticCode, span: Span, message: string, hint?: string): void;
  /** True once an error (not a warning or hint) has been reported. */
  hasErrors(): boolean;
  /** All of them in file order. */
  list(pathAt: (offset: number) => string): Diagnostic[];
}

/** Makes the reporter of one text. */
export function createReporter(text: string, file: string): Reporter {
  const found: { code: DiagnosticCode; span: Span; message: string; hint: string | undefined }[] = [];
  const seen = new Set<string>();
  const position = positionsOf(text);
  let errors = 0;
  return {
    report(code, span, message, hint) {
      const isError = CATALOGUE[code].severity === 'error';
      const key = `${code} ${span.start} ${message}`;
      if (isError) errors++;
      // Errors are never crowded out by hints: those stop at half of the room.
      if (seen.has(key) || found.length >= (isError ? MAX_DIAGNOSTICS : MAX_DIAGNOSTICS / 2)) return;
      seen.add(key);
      found.push({ code, span, message, hint });
    },
    hasErrors: () => errors > 0,
    list(pathAt) {
      const sorted = found.toSorted((a, b) => a.span.start - b.span.start || a.code.localeCompare(b.code));
      return sorted.map(({ code, span: raw, message, hint }) => {
        // A scalar that the text breaks off in can end one unit behind it.
        const start = Math.min(raw.start, text.length);
        const span = { start, end: Math.min(Math.max(raw.end, start), text.length) };
        const from = position(span.start);
        const to = position(span.end);
        return {
          code,
          severity: CATALOGUE[code].severity,
          message,
          ...(hint === undefined ? {} : { hint }),
          file,
          line: from.line,
          column: from.column,
          endLine: to.line,
          endColumn: to.column,
          span,
          path: pathAt(span.start),
        };
      });
    },
  };
}

/** Offset to 1-based line and column (UTF-16 units). A line ends with LF, CRLF or CR. */
export function positionsOf(text: string): (offset: number) => { line: number; column: number } {
  let starts: number[] | null = null;
  return (offset) => {
    starts ??= lineStarts(text);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 10 || (unit === 13 && text.charCodeAt(i + 1) !== 10)) starts.push(i + 1);
  }
  return starts;
}
