import type { CompileResult } from '../../shared/compiler/index.ts';
import { conditionalSteps, type Workflow } from '../../shared/workflow/index.ts';
import type { Registration } from './operations.ts';

/** A compiled workflow as the runtime registers it. @param source the file's text */
export function registrationOf(workflow: Workflow, { definition, undoDefinition, needs }: CompileResult, source: string): Registration {
  return {
    name: workflow.name,
    version: workflow.version,
    execution: workflow.execution,
    timeoutMs: workflow.timeoutMs,
    definition,
    undoDefinition,
    substitutions: needs.substitutions,
    inputPaths: needs.inputPaths,
    description: workflow.description,
    input: workflow.input,
    conditional: conditionalSteps(workflow),
    triggers: workflow.triggers.map(({ written }) => written),
    source,
  };
}
