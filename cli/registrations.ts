import { type Registration, registrationOf } from '../local/runtime/index.ts';
import type { CompiledFile } from './compile-loaded.ts';

/** Compiled files as the runtime registers them: those that are called before those that call them. */
export function registrationsOf(files: readonly CompiledFile[]): Registration[] {
  return files.toReversed().map(({ workflow, compiled, loaded }) => registrationOf(workflow, compiled, loaded.text));
}
