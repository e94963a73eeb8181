// The public door of the checkpoint function.

export {
  type CheckpointExecutions,
  type CheckpointFunction,
  type CheckpointFunctionOptions,
  createCheckpointFunction,
} from './checkpoint-function.ts';
