// What is wrong with a file, as data. Nothing in shared/workflow and shared/compiler throws on user text.

import type { Span } from './model.ts';

/** `error` stops a compile; `warning` is probably a mistake; `hint` says how to do better. */
export type Severity = 'error' | 'warning' | 'hint';

export interface Diagnostic {
  /** `MST1xxx` text, `MST2xxx` meaning, `MST3xxx` emission. Never reused; the catalogue lists them. */
  code: string;
  severity: Severity;
  /** What was found and what was expected. */
  message: string;
  /** What to do about it. */
  hint?: string;
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based, in UTF-16 units. */
  column: number;
  /** 1-based line and column where it ends (exclusive). */
  endLine: number;
  endColumn: number;
  span: Span;
  /** Where in the document: `steps[2].compensate.method`. */
  path: string;
}
