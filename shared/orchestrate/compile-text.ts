import { type CompileResult, compile } from '../compiler/index.ts';
import { ApiError } from '../contract/index.ts';
import type { Json } from '../json.ts';
import { allSteps, checkWorkflowSet, type Diagnostic, locateDiagnostics, parseWorkflow, type Workflow } from '../workflow/index.ts';

/** Diagnostics name the text by this. */
const FILE = 'workflow.yaml';

/**
 * Compiles the text of a workflow file that is to be deployed beside those that are there.
 * @param sourceOf text of a deployed workflow: asked for those that this one runs, and those that they run
 * @throws ApiError `invalid` with the diagnostics as details: `{code, severity, message, hint?, line, column, path}`
 */
export async function compileText(
  text: string,
  sourceOf: (name: string) => Promise<string | null>,
): Promise<{ workflow: Workflow; compiled: CompileResult }> {
  const { workflow, diagnostics } = parseWorkflow(text, { file: FILE });
  if (!workflow) throw invalid(diagnostics);
  const children = await childrenOf(workflow, sourceOf);
  const together = checkWorkflowSet([workflow, ...children]).filter(({ file }) => file === FILE);
  if (together.some(isError)) throw invalid([...diagnostics, ...together]);
  const compiled = compile(workflow, { children });
  const limits = locateDiagnostics(compiled.diagnostics, text, FILE);
  if (limits.some(isError)) throw invalid([...diagnostics, ...together, ...limits]);
  return { workflow, compiled };
}

/** What a workflow runs, directly and through others, where it is there. */
async function childrenOf(workflow: Workflow, sourceOf: (name: string) => Promise<string | null>): Promise<Workflow[]> {
  const found = new Map<string, Workflow>();
  const queue = [workflow];
  for (let caller = queue.shift(); caller; caller = queue.shift()) {
    for (const step of allSteps(caller)) {
      if (step.kind !== 'workflow' || step.workflow === workflow.name || found.has(step.workflow)) continue;
      const source = await sourceOf(step.workflow);
      const child = source === null ? null : parseWorkflow(source, { file: `${step.workflow}.yaml` }).workflow;
      if (!child) continue;
      found.set(child.name, child);
      queue.push(child);
    }
  }
  return [...found.values()];
}

function invalid(diagnostics: readonly Diagnostic[]): ApiError {
  const [first] = diagnostics.filter(isError);
  const where = first ? `${first.line}:${first.column} ${first.code} ${first.message}` : 'it is not valid';
  return new ApiError('invalid', `the workflow was not deployed: ${where}`, {
    details: diagnostics.map(({ span: _span, file: _file, ...rest }): Json => ({ ...rest })),
  });
}

function isError({ severity }: Diagnostic): boolean {
  return severity === 'error';
}
