// The door of the language: text in, workflow and diagnostics out.
//
//   P1. Never throws and never hangs, whatever the text.
//   P2. All mistakes of a file are told at once; `workflow` is null as soon as one is an error.
//   P3. A workflow that is returned is frozen, with names resolved and defaults filled in.

import { buildWorkflow } from './build-workflow.ts';
import { checkMeaning } from './check-meaning.ts';
import { checkShape } from './check-shape.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { Workflow } from './model.ts';
import { readYaml } from './read-yaml.ts';
import { createReporter, positionsOf } from './reporter.ts';
import { pathAt, type YamlNode } from './yaml-tree.ts';

/** What `positionIn` needs of a workflow's file, for as long as the workflow is in use. */
const SOURCES = new WeakMap<Workflow, { text: string; root: YamlNode }>();

export interface ParseResult {
  /** null where a diagnostic is an error. */
  workflow: Workflow | null;
  /** In file order. */
  diagnostics: Diagnostic[];
}

/**
 * Reads and checks a workflow file.
 *
 * @param text the file's text
 * @param options.file its name, for messages only
 *
 * @example
 * const { workflow, diagnostics } = parseWorkflow(text, { file: 'order.yaml' });
 */
export function parseWorkflow(text: string, options: { file: string }): ParseResult {
  const reporter = createReporter(text, options.file);
  const root = readYaml(text, reporter);
  if (root === null) return { workflow: null, diagnostics: reporter.list(() => '') };
  if (root.kind !== 'map') {
    reporter.report(
      'MST1012',
      { start: root.span.start, end: Math.min(root.span.end, root.span.start + 1) },
      'a workflow file is a map with `name`, `version` and `steps`',
    );
    return { workflow: null, diagnostics: reporter.list(() => '') };
  }
  checkShape(root, reporter);
  const built = buildWorkflow(root, options.file, reporter);
  checkMeaning(built, root, reporter);
  const diagnostics = reporter.list((offset) => pathAt(root, offset));
  SOURCES.set(built.workflow, { text, root });
  return { workflow: reporter.hasErrors() ? null : deepFreeze(built.workflow), diagnostics };
}

/** Lines, columns and document paths of a workflow's spans; 1:1 everywhere for one that `parseWorkflow` did not make. */
export function positionIn(workflow: Workflow): (offset: number) => { line: number; column: number; path: string } {
  const source = SOURCES.get(workflow);
  if (source === undefined) return () => ({ line: 1, column: 1, path: '' });
  const position = positionsOf(source.text);
  return (offset) => ({ ...position(offset), path: pathAt(source.root, offset) });
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const key of Object.keys(value)) deepFreeze((value as { [key: string]: unknown })[key]);
  return value;
}
