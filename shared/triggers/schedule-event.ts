import type { JsonObject } from '../json.ts';

export interface ScheduleEventParts {
  /** Of this firing. */
  id: string;
  /** The time that the schedule names, ISO 8601 in UTC; not when it was noticed. */
  time: string;
  /** ARN of the schedule. */
  schedule: string;
  account: string;
  region: string;
}

/** The event of a schedule that fired: what `.event` is in the `input` of a schedule trigger, and the input of the workflow without one. */
export function scheduleEvent({ id, time, schedule, account, region }: ScheduleEventParts): JsonObject {
  return {
    version: '0',
    id,
    'detail-type': 'Scheduled Event',
    source: 'aws.scheduler',
    account,
    time,
    region,
    resources: [schedule],
    detail: {},
  };
}
