// Schedule expressions of EventBridge Scheduler: `rate(5 minutes)` and `cron(0 12 * * ? *)`, in UTC, to the minute.

import { type Cron, nextCron, parseCron } from './cron.ts';

const RATE = /^rate\((\d{1,9}) (minutes?|hours?|days?)\)$/;
const CRON = /^cron\(([^()]*)\)$/;
const UNIT_MS: { readonly [unit: string]: number } = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

type Schedule = { kind: 'rate'; everyMs: number } | { kind: 'cron'; cron: Cron };

/**
 * What Scheduler would refuse of a schedule expression; empty where it is taken.
 * @param schedule as written in the file
 */
export function scheduleFaults(schedule: string): string[] {
  const parsed = parse(schedule);
  return typeof parsed === 'string' ? [parsed] : [];
}

/**
 * The first time after `afterMs` at which a schedule fires.
 * @param sinceMs when the schedule was made: a rate fires then, and every so often after it ("Rate-based schedules": without a start date it starts
 * at once). Cron expressions do not look at it.
 * @returns milliseconds since the epoch; null where it does not fire any more
 * @throws Error for an expression that `scheduleFaults` finds faults in
 */
export function nextFire(schedule: string, afterMs: number, sinceMs: number): number | null {
  const parsed = parse(schedule);
  if (typeof parsed === 'string') throw new Error(`schedule ${JSON.stringify(schedule.slice(0, 80))}: ${parsed}`);
  if (parsed.kind === 'cron') return nextCron(parsed.cron, afterMs);
  const passed = Math.floor((afterMs - sinceMs) / parsed.everyMs);
  return sinceMs + Math.max(0, passed + 1) * parsed.everyMs;
}

function parse(schedule: string): Schedule | string {
  const cron = CRON.exec(schedule)?.[1];
  if (cron !== undefined) {
    const parsed = parseCron(cron);
    if (typeof parsed === 'string') return parsed;
    return nextCron(parsed, 0) === null ? 'the cron expression names no day that exists' : { kind: 'cron', cron: parsed };
  }
  const [, count, unit = ''] = RATE.exec(schedule) ?? [];
  if (count === undefined)
    return schedule.startsWith('rate(')
      ? 'a rate is a whole number and one of minute, minutes, hour, hours, day, days'
      : 'the schedule is neither a rate nor a cron expression';
  const each = Number(count);
  if (each < 1) return 'a rate is 1 or more';
  if ((each === 1) === unit.endsWith('s'))
    return `a rate of 1 has a singular unit, others a plural: "rate(${each} ${each === 1 ? unit.slice(0, -1) : `${unit}s`})"`;
  return { kind: 'rate', everyMs: each * (UNIT_MS[unit.replace(/s$/, '')] ?? 0) };
}
