// The public door of the run records.

export { markAnswered, noteAnswer } from './answered.ts';
export {
  type CallbackAnswer,
  CallbackError,
  type CallbackResult,
  type CallbackTerms,
  callbackToken,
  completeCallback,
} from './callback.ts';
export { CancelError, type CancelExecutions, type CancelPlan, cancelRun, forceCancel, requestCancel, stopForced } from './cancel.ts';
export { issueDetail } from './checkpoint-answer.ts';
export {
  checkpointId,
  checkpointStep,
  closeCheckpoint,
  expireCheckpoints,
  listCheckpoints,
  type RunCheckpoint,
  settleWaiting,
} from './checkpoints.ts';
export { childStatuses } from './child-statuses.ts';
export { CLAIM_MS, claimForChain, reopenForParent, undoPass } from './claim.ts';
export { ensureEndEvent } from './end-event.ts';
export { endsRun } from './ends-run.ts';
export { errorInfo, failureFields } from './error-info.ts';
export { escapeReserved, unescapeReserved } from './escape.ts';
export { type DoneOptions, finishUndo, loadUndo, writeDone } from './finish-step.ts';
export { checkpointKey, type RunKey, runKeyOf, runRecordKey, stepKey } from './keys.ts';
export { needsError, resolveLate } from './late.ts';
export { noteLate } from './late-step.ts';
export { listEvents } from './list-events.ts';
export { isEntryOf, type ListRunsOptions, listOpenRuns, listRuns, type RunPage } from './list-runs.ts';
export { leaveList, reopenList } from './open-list.ts';
export { type Owed, owed } from './owed.ts';
export {
  asCheckpoint,
  asRun,
  asStep,
  type CheckpointRecord,
  DEFAULT_TENANT,
  type ErrorInfo,
  isClosed,
  isFinal,
  type RunEvent,
  type RunRecord,
  type RunStatus,
  runEventSchema,
  runRecordSchema,
  type StepRecord,
  type StepState,
  stepRecordSchema,
  stepStatus,
  stopField,
  tenantOf,
  type UndoState,
} from './records.ts';
export { CheckpointError, resolveCheckpoint, type TokenAnswer, tokenAnswer } from './resolve-checkpoint.ts';
export {
  createRun,
  endRun,
  ensureRun,
  ForeignRunError,
  findEarlier,
  findReusable,
  findRun,
  findRunId,
  listSteps,
  type NewRun,
  type RunEnd,
  readRun,
  readValue,
} from './run-records.ts';
export { createRuns, type EventType, type Runs, type RunsOptions } from './runs.ts';
export { sealStep } from './seal.ts';
export { unansweredTokens } from './unanswered.ts';
export { type DeadLetter, deadLetter, fitLists, summarizeUndo, type UndoSummary, undoReport } from './undo-summary.ts';
export {
  BadReferenceError,
  isStored,
  loadStored,
  moveStored,
  nameless,
  type Shape,
  type Shaped,
  selectPointers,
  shapeValue,
} from './values.ts';
export { createWaitCount, MAX_HISTORY_EVENTS, type WaitCount } from './waiting.ts';
