// The workflow files of a folder, compiled at synth. One thrown error holds everything that is wrong in all of them.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { type CompileResult, compile } from '../shared/compiler/index.ts';
import { ProtoFileError, readProtos } from '../shared/project/index.ts';
import {
  checkWorkflowSet,
  type Diagnostic,
  formatDiagnostic,
  locateDiagnostics,
  parseWorkflow,
  type Workflow,
} from '../shared/workflow/index.ts';

/** A workflow file and what the compiler made of it. */
export interface CompiledWorkflow {
  /** As messages name it: relative to the current folder. */
  file: string;
  /** The file's text. */
  text: string;
  workflow: Workflow;
  compiled: CompileResult;
}

/** A file on its way through the checks. */
interface Source {
  file: string;
  text: string;
  workflow: Workflow | null;
  diagnostics: Diagnostic[];
}

const WORKFLOW_FILE = /\.ya?ml$/i;
/** Scenarios are tests of workflows. */
const SCENARIO_FILE = /\.scenario\.ya?ml$/i;

/**
 * Compiles the workflow files directly in a folder.
 * @param folder absolute, or relative to the current folder
 * @returns by name of the workflow
 * @throws Error when there is no such folder, no file in it, or with the diagnostics of all invalid files as `maestro validate` prints them
 */
export function compileWorkflows(folder: string): CompiledWorkflow[] {
  const sources = workflowFiles(folder).map(parse);
  const workflows = sources.flatMap(({ workflow }) => workflow ?? []);
  for (const found of checkWorkflowSet(workflows)) sources.find(({ file }) => file === found.file)?.diagnostics.push(found);
  const compiled = sources.flatMap((source) => compileSource(source, workflows) ?? []);
  const invalid = sources.filter((source) => !isValid(source));
  if (invalid.length > 0) throw mistake(refusal(invalid));
  return compiled.sort((a, b) => (a.workflow.name < b.workflow.name ? -1 : 1));
}

function workflowFiles(folder: string): string[] {
  const full = resolve(folder);
  if (!statSync(full, { throwIfNoEntry: false })?.isDirectory())
    throw mistake(`workflows: there is no folder ${full}; expected a folder of workflow files. Name one with \`-c workflows=DIR\`.`);
  const names = readdirSync(full).filter((name) => WORKFLOW_FILE.test(name) && !SCENARIO_FILE.test(name));
  if (names.length === 0)
    throw mistake(`workflows: the folder ${full} has no workflow files (*.yaml). Make one with \`maestro init\`, or name another folder.`);
  return names.sort().map((name) => relative('.', join(full, name)));
}

function parse(file: string): Source {
  const text = readFileSync(file, 'utf8');
  return { file, text, ...parseWorkflow(text, { file }) };
}

/** Undefined for a file that is not valid; what the compiler has to say is added to its diagnostics. */
function compileSource(source: Source, workflows: readonly Workflow[]): CompiledWorkflow | undefined {
  const { file, text, workflow } = source;
  if (!workflow || !isValid(source)) return undefined;
  const children = workflows.filter((other) => other !== workflow);
  const compiled = compile(workflow, { protos: protosOf(workflow), children });
  source.diagnostics.push(...locateDiagnostics(compiled.diagnostics, text, file));
  return { file, text, workflow, compiled };
}

function protosOf(workflow: Workflow): { [service: string]: string } {
  try {
    return readProtos(workflow, '.');
  } catch (error) {
    // Its message names the workflow file and the service.
    if (error instanceof ProtoFileError) throw mistake(error.message);
    throw error;
  }
}

/** For the author of the workflows, whom the place in this code where it was noticed would only distract: `cdk synth` prints the stack. */
function mistake(message: string): Error {
  const error = new Error(message);
  error.stack = `Error: ${message}`;
  return error;
}

function isValid({ workflow, diagnostics }: Source): boolean {
  return workflow !== null && !diagnostics.some(({ severity }) => severity === 'error');
}

function refusal(invalid: readonly Source[]): string {
  const names = invalid.map(({ file }) => file).join(', ');
  const told = invalid.flatMap(({ diagnostics, text }) => diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, text)));
  return `${names}: not valid, so nothing was synthesised. Correct the errors; \`maestro validate\` shows them again.\n\n${told.join('')}`;
}
