// The public door of the recorder.

export {
  createRecorder,
  type ExecutionStatus,
  type ExecutionStatusChange,
  type Recorder,
  type RecorderOptions,
  UndoError,
} from './recorder.ts';
export type { RecoveryExecutions } from './recovery.ts';
export { undoAgain } from './undo-again.ts';
