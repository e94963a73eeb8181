// The public door of the checkpoint function.

export { type CheckpointFunction, type CheckpointFunctionOptions, createCheckpointFunction } from './checkpoint-function.ts';
