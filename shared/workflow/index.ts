// The language: text of a workflow file to a checked model, with diagnostics. Pure: no clock, no files, no process.

export { checkWorkflowSet } from './check-workflow-set.ts';
export { type ConditionalStep, conditionalSteps } from './conditional-steps.ts';
export type { Diagnostic, Severity } from './diagnostics.ts';
export { CATALOGUE, type CatalogueEntry, type DiagnosticCode } from './diagnostics-catalogue.ts';
export { formatDuration, parseDuration } from './duration.ts';
export { parseEventPath } from './event-path.ts';
export { FUNCTIONS, type FunctionSpec } from './expression/functions.ts';
export { printExpr } from './expression/print.ts';
export { formatDiagnostic, locateDiagnostics } from './format-diagnostic.ts';
export { workflowJsonSchema } from './json-schema.ts';
export type {
  BinaryOp,
  Breaker,
  CallStep,
  CheckpointStep,
  Compensate,
  EmitStep,
  Expr,
  FailStep,
  ForeachStep,
  InputSchema,
  Method,
  ParallelStep,
  PathStep,
  Retry,
  Service,
  SetStep,
  Span,
  Step,
  SwitchStep,
  Template,
  TextPart,
  Trigger,
  WaitStep,
  Workflow,
  WorkflowStep,
} from './model.ts';
export { type ParseResult, parseWorkflow } from './parse-workflow.ts';
export { compilePattern, type Pattern } from './pattern.ts';
export { didYouMean } from './suggest.ts';
export { type InputIssue, validateInput } from './validate-input.ts';
export {
  allSteps,
  compensateOf,
  innerLists,
  namesAfter,
  type StepList,
  topLevelOutputs,
  walkExpr,
  walkSteps,
} from './walk.ts';
