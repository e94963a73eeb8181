// Names of the language: what they look like and which are taken.

/** Workflow names: they become state machine names, with room for `-undo` and a prefix. */
export const WORKFLOW_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
/** Step ids: they become state names. */
export const STEP_ID = /^[A-Za-z][A-Za-z0-9_-]{0,47}$/;
/** Outputs, `set` names and `as`: they become variables. */
export const VALUE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,47}$/;
/** Service names; they stand in messages and records. */
export const SERVICE_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** First names of paths that always mean the built-in, and names kept free for the language. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'input',
  'run',
  'workflow',
  'timestamp',
  'execution_time',
  'error',
  'item',
  'index',
  'event',
  'env',
  'secret',
  'states',
  'callback',
]);
