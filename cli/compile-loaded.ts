// Loaded files → Step Functions definitions. The compiler is pure; the `.proto` files that a workflow names are read here.

import { type CompileResult, compile } from '../shared/compiler/index.ts';
import { locateDiagnostics, type Workflow } from '../shared/workflow/index.ts';
import { CommandError, EXIT_USAGE } from './exit.ts';
import type { Io } from './io.ts';
import { isValid, type LoadedFile, type LoadedSet } from './load-workflows.ts';
import { diagnosticJson, printDiagnostics } from './report-diagnostics.ts';

/** A workflow with its definition. */
export interface CompiledFile {
  loaded: LoadedFile;
  workflow: Workflow;
  compiled: CompileResult;
  /** Compiled proto files by service name, as they stand in the definition. */
  protos: { [service: string]: string };
}

/** Adds what the compiler has to say to a file's diagnostics; undefined where an error stops it. */
export async function compileFile(loaded: LoadedFile, set: LoadedSet, io: Pick<Io, 'cwd'>): Promise<CompiledFile | undefined> {
  const { workflow } = loaded;
  if (!workflow || !isValid(loaded)) return undefined;
  const children = [...set.files, ...set.children].flatMap(({ workflow: other }) => (other && other !== workflow ? other : []));
  const protos = await protosOf(workflow, io);
  const compiled = compile(workflow, { protos, children });
  loaded.diagnostics.push(...locateDiagnostics(compiled.diagnostics, loaded.text, loaded.file));
  return isValid(loaded) ? { loaded, workflow, compiled, protos } : undefined;
}

/**
 * Compiles one workflow and everything that it calls, or says why not.
 * @returns the workflow first, then those that it calls
 * @throws CommandError (exit status 2) after the diagnostics were printed, when a file is invalid
 */
export async function compileSet(set: LoadedSet, io: Io, json: boolean): Promise<CompiledFile[]> {
  const all = [...set.files, ...set.children];
  const compiled = [];
  for (const loaded of all) compiled.push(await compileFile(loaded, set, io));
  const valid = compiled.filter((file) => file !== undefined);
  if (!json) for (const loaded of all) printDiagnostics(loaded, io, ['error', 'warning']);
  if (valid.length === all.length) return valid;
  const invalid = all.filter((loaded) => !isValid(loaded));
  const names = invalid.map(({ file }) => file).join(', ');
  throw new CommandError(
    'invalid_workflow',
    `${names}: not valid, so nothing was done. Correct the errors shown; \`maestro validate\` shows them again.`,
    EXIT_USAGE,
    {
      diagnostics: invalid.flatMap(({ diagnostics }) => diagnostics.map(diagnosticJson)),
    },
  );
}

/** The compiler of `.proto` files is loaded only for workflows that name one. */
async function protosOf(workflow: Workflow, io: Pick<Io, 'cwd'>): Promise<{ [service: string]: string }> {
  if (!Object.values(workflow.services).some(({ schema }) => schema?.kind === 'proto')) return {};
  const { ProtoFileError, readProtos } = await import('../shared/project/index.ts');
  try {
    return readProtos(workflow, io.cwd);
  } catch (error) {
    throw error instanceof ProtoFileError ? new CommandError(error.reason === 'missing' ? 'file' : 'proto', error.message) : error;
  }
}
