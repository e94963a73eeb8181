import type { Registration } from '../local/runtime/index.ts';
import type { CompiledFile } from './compile-loaded.ts';

/** Compiled files as the runtime registers them: those that are called before those that call them. */
export function registrationsOf(files: readonly CompiledFile[]): Registration[] {
  return files.toReversed().map(({ workflow, compiled: { definition, undoDefinition, needs } }) => ({
    name: workflow.name,
    version: workflow.version,
    execution: workflow.execution,
    timeoutMs: workflow.timeoutMs,
    definition,
    undoDefinition,
    substitutions: needs.substitutions,
    inputPaths: needs.inputPaths,
  }));
}
