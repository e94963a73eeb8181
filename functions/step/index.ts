// The public door of the step function.

export type { ChildExecutions, EventEntry } from './context.ts';
export { StepError } from './step-error.ts';
export { createStepFunction, type StepFunction, type StepFunctionOptions } from './step-function.ts';
export type { UndoResult } from './undo.ts';
