// Diagnostics as people and machines read them.

import { type Diagnostic, formatDiagnostic, type Severity } from '../shared/workflow/index.ts';
import type { Io } from './io.ts';
import type { LoadedFile } from './load-workflows.ts';

const ALL: readonly Severity[] = ['error', 'warning', 'hint'];

/** Prints a file's diagnostics to standard error, in the order of the parser. */
export function printDiagnostics(loaded: LoadedFile, io: Io, severities: readonly Severity[] = ALL): void {
  for (const diagnostic of loaded.diagnostics) {
    if (!severities.includes(diagnostic.severity)) continue;
    io.err(`${formatDiagnostic(diagnostic, loaded.text, { color: io.color.err }).trimEnd()}\n`);
  }
}

/** A diagnostic without what only the parser needs. */
export function diagnosticJson({ span: _span, ...rest }: Diagnostic): Omit<Diagnostic, 'span'> {
  return rest;
}

/** `1 error`, `2 errors, 1 hint`; empty where there is nothing. */
export function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const counted = ALL.flatMap((severity) => {
    const count = diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`];
  });
  return counted.join(', ');
}
