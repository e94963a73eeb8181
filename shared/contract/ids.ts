// Ids as people and services see them: a prefix and 26 characters.
//
//   N1. Of a run that Maestro started, the 26 are a ULID; of one that something else started (a schedule, the console), 26 hex digits.
//   N2. A job is the durable intent; its first run has the same 26 characters behind another prefix. So a job is found from its first run
//       and the other way round without a look-up; later attempts are named on the JOB record.

const BODY = '[0-9A-Za-z]{26}';

export const RUN_ID = new RegExp(`^run_${BODY}$`);
export const JOB_ID = new RegExp(`^job_${BODY}$`);
export const CHECKPOINT_ID = new RegExp(`^chk_${BODY}$`);
export const REQUEST_ID = new RegExp(`^req_${BODY}$`);

/** The job of a run that is its first attempt. */
export function jobIdOf(runId: string): string {
  return `job_${runId.slice('run_'.length)}`;
}

/** The first run of a job. */
export function firstRunIdOf(jobId: string): string {
  return `run_${jobId.slice('job_'.length)}`;
}
