// What infra tells the functions, by environment variable. One list for both sides: whoever grants a right sets the variable that names it.

export const ENV = {
  /** Name of the table of all records. */
  table: 'MAESTRO_TABLE',
  /** Bucket of large values. */
  bucket: 'MAESTRO_BUCKET',
  /** SSM path below which there is one parameter per workflow (`<path>/<name>`): JSON of `WorkflowParameter`. */
  workflowsPath: 'MAESTRO_WORKFLOWS_PATH',
  /** Bucket and key of the manifest: JSON of `{[name]: ManifestEntry}`, a deployment asset. */
  manifestBucket: 'MAESTRO_MANIFEST_BUCKET',
  manifestKey: 'MAESTRO_MANIFEST_KEY',
  /** URL of the queue of runs to be started. */
  startQueueUrl: 'MAESTRO_START_QUEUE_URL',
  /** URL of the queue that takes undos that failed for good. */
  undoDeadLetterUrl: 'MAESTRO_UNDO_DEAD_LETTER_URL',
  /** Name of Maestro's bus. */
  bus: 'MAESTRO_BUS',
  /** ARN of the secret whose text is the key of the audit chain. */
  auditSecret: 'MAESTRO_AUDIT_SECRET',
  /** URL of the API, without a slash at its end: callbacks are answered below it. */
  apiUrl: 'MAESTRO_API_URL',
  /** `true`: calls to loopback and private addresses are allowed. */
  allowPrivate: 'MAESTRO_ALLOW_PRIVATE_ADDRESSES',
  /** `secret.NAME` is looked up below `/maestro/<this>/`. */
  stack: 'MAESTRO_STACK',
  /** Days that records are kept. */
  retentionDays: 'MAESTRO_RETENTION_DAYS',
  /** `true`: `PUT /workflows` is on. */
  allowDeploy: 'MAESTRO_ALLOW_DEPLOY',
  /** With `allowDeploy`: names of the state machines that the API makes begin with this. */
  deployPrefix: 'MAESTRO_DEPLOY_PREFIX',
  /** With `allowDeploy`: ARN of the role that they all have. */
  deployRole: 'MAESTRO_DEPLOY_ROLE',
  /** With `allowDeploy`: what stands for the step and the checkpoint function in their definitions (ARNs of the `live` aliases). */
  stepArn: 'MAESTRO_STEP_ARN',
  checkpointArn: 'MAESTRO_CHECKPOINT_ARN',
} as const;

/** Prefix of the variables that `env.NAME` reads. */
export const USER_ENV_PREFIX = 'MAESTRO_ENV_';

/** The alias under which functions and state machines are called. */
export const LIVE_ALIAS = 'live';

/** The ARNs of a workflow: known when it is deployed. */
export interface WorkflowParameter {
  /** Unqualified. */
  machine: string;
  /** The `live` alias. */
  live: string;
  /** The `live` alias of `<name>-undo`; null where nothing can be undone. */
  undo: string | null;
}
