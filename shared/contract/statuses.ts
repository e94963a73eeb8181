// The words for how runs and steps stand: the same on record and in answers.

export const RUN_STATUSES = [
  'queued',
  'running',
  'waiting_checkpoint',
  'compensating',
  'completed',
  'failed',
  'compensated',
  'compensation_failed',
  'cancelled',
] as const;

export const STEP_STATUSES = [
  'started',
  'waiting',
  'done',
  'not_performed',
  'unknown',
  'done_late',
  'skipped',
  'undone',
  'undo_failed',
  'unresolved',
] as const;
