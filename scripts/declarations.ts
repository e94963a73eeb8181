// Declarations of a package, from its sources.

import { spawnSync } from 'node:child_process';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '..');

/**
 * Compiles the declarations of a project; ends the process with the compiler's words where they are wrong.
 * @param project the folder of its `tsconfig.json`, from the root of the repository
 * @param outDir absolute
 */
export function compileDeclarations(project: string, outDir: string): void {
  const compiler = path.join(ROOT, 'node_modules', '.bin', 'tsc');
  const { status, stdout, error } = spawnSync(compiler, ['-p', path.join(ROOT, project), '--outDir', outDir], { encoding: 'utf8' });
  if (status === 0) return;
  console.error(`${project}: its types could not be made (${error?.message ?? `exit ${status}`})\n${stdout ?? ''}`);
  process.exit(1);
}

/** A declaration as it stands in a package: the compiler keeps the names of the sources, and there are none. */
export function withoutSources(declaration: string): string {
  return declaration.replaceAll(/((?:from |import\()['"]\.\.?\/[\w./-]+)\.ts(?=['"])/g, '$1.js');
}
