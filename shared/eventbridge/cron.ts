// EventBridge's cron expressions, `cron(minutes hours day-of-month month day-of-week year)` in UTC ("Cron expressions" of EventBridge and of
// EventBridge Scheduler). Sunday is 1. Exactly one of the two days is `?`.

interface FieldRule {
  name: string;
  min: number;
  max: number;
  /** Names of values, from `min` on. */
  names?: readonly string[];
}

const MINUTES: FieldRule = { name: 'minutes', min: 0, max: 59 };
const HOURS: FieldRule = { name: 'hours', min: 0, max: 23 };
const DAY_OF_MONTH: FieldRule = { name: 'day of month', min: 1, max: 31 };
const MONTH: FieldRule = {
  name: 'month',
  min: 1,
  max: 12,
  names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
};
const DAY_OF_WEEK: FieldRule = { name: 'day of week', min: 1, max: 7, names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] };
const YEAR: FieldRule = { name: 'year', min: 1970, max: 2199 };

const SATURDAY = 7;
const DAY_MS = 86_400_000;

/** True for a day of a month: its number, the last of that month, and its day of the week (1 is Sunday). */
type DayTest = (day: number, last: number, weekday: number) => boolean;

export interface Cron {
  minutes: number[];
  hours: number[];
  months: ReadonlySet<number>;
  years: ReadonlySet<number>;
  isDay: DayTest;
}

class CronFault extends Error {}

/**
 * Reads the text between the parentheses.
 * @returns the schedule, or what is wrong with it
 */
export function parseCron(text: string): Cron | string {
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year, ...more] = text.split(/ +/);
  if (year === undefined || more.length > 0 || !minutes || !hours || !dayOfMonth || !month || !dayOfWeek || !year)
    return 'a cron expression has six fields: minutes, hours, day of month, month, day of week, year';
  try {
    return {
      minutes: [...valuesOf(minutes, MINUTES)].sort((a, b) => a - b),
      hours: [...valuesOf(hours, HOURS)].sort((a, b) => a - b),
      months: valuesOf(month, MONTH),
      years: valuesOf(year, YEAR),
      isDay: dayTest(dayOfMonth, dayOfWeek),
    };
  } catch (fault) {
    if (fault instanceof CronFault) return fault.message;
    throw fault;
  }
}

/** The first time of a schedule after `afterMs` (epoch); null where there is none any more. */
export function nextCron(cron: Cron, afterMs: number): number | null {
  const firstDay = Math.floor(afterMs / DAY_MS);
  const lastYear = Math.max(...cron.years);
  for (let day = firstDay; ; ) {
    const date = new Date(day * DAY_MS);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + 1];
    if (year > lastYear) return null;
    if (!cron.years.has(year)) {
      day = Date.UTC(year + 1, 0, 1) / DAY_MS;
      continue;
    }
    if (!cron.months.has(month)) {
      day = Date.UTC(year, month, 1) / DAY_MS;
      continue;
    }
    if (cron.isDay(date.getUTCDate(), lastDayOf(year, month), date.getUTCDay() + 1)) {
      const time = firstTime(cron, day * DAY_MS, afterMs);
      if (time !== null) return time;
    }
    day++;
  }
}

function firstTime(cron: Cron, dayMs: number, afterMs: number): number | null {
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const time = dayMs + (hour * 60 + minute) * 60_000;
      if (time > afterMs) return time;
    }
  }
  return null;
}

function lastDayOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function dayTest(dayOfMonth: string, dayOfWeek: string): DayTest {
  if ((dayOfMonth === '?') === (dayOfWeek === '?'))
    throw new CronFault('exactly one of day of month and day of week is "?" in a cron expression');
  return dayOfMonth === '?' ? weekdayTest(dayOfWeek) : monthDayTest(dayOfMonth);
}

/** `L`: the last day. `15W`: the weekday nearest to the 15th, within its month. */
function monthDayTest(field: string): DayTest {
  const tests = field.split(',').map((part): DayTest => {
    if (part === 'L') return (day, last) => day === last;
    const nearest = /^(\d{1,2})W$/.exec(part)?.[1];
    if (nearest !== undefined) {
      const wanted = numberFrom(nearest, DAY_OF_MONTH);
      return (day, last, weekday) => day === nearestWeekday(wanted, last, weekday, day);
    }
    const values = valuesOf(part, DAY_OF_MONTH);
    return (day) => values.has(day);
  });
  return (...at) => tests.some((test) => test(...at));
}

/** `L`: Saturday, the last day of the week. `6L`: the last Friday of the month. `3#2`: the second Tuesday, alone in its field. */
function weekdayTest(field: string): DayTest {
  const nth = /^([A-Z]{3}|\d)#(\d)$/i.exec(field);
  if (nth) {
    const wanted = numberFrom(nth[1] ?? '', DAY_OF_WEEK);
    const which = Number(nth[2]);
    if (which < 1 || which > 5) throw new CronFault(`day of week is "${field}": a month has the first to the fifth of a weekday`);
    return (day, _last, weekday) => weekday === wanted && Math.ceil(day / 7) === which;
  }
  const tests = field.split(',').map((part): DayTest => {
    if (part === 'L') return (_day, _last, weekday) => weekday === SATURDAY;
    const ofMonth = /^([A-Z]{3}|\d)L$/i.exec(part)?.[1];
    if (ofMonth !== undefined) {
      const wanted = numberFrom(ofMonth, DAY_OF_WEEK);
      return (day, last, weekday) => weekday === wanted && day + 7 > last;
    }
    const values = valuesOf(part, DAY_OF_WEEK);
    return (_day, _last, weekday) => values.has(weekday);
  });
  return (...at) => tests.some((test) => test(...at));
}

/** Monday to Friday nearest to a day of a month; a day that the month does not have has none. */
function nearestWeekday(wanted: number, last: number, weekday: number, day: number): number | null {
  if (wanted > last) return null;
  const weekdayOfWanted = ((((weekday - 1 + wanted - day) % 7) + 7) % 7) + 1;
  if (weekdayOfWanted === SATURDAY) return wanted === 1 ? 3 : wanted - 1;
  if (weekdayOfWanted === 1) return wanted === last ? wanted - 2 : wanted + 1;
  return wanted;
}

/** `*`, `5`, `1-5`, `0/15`, `1-31/10`, and lists of these. */
function valuesOf(field: string, rule: FieldRule): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', step, ...more] = part.split('/');
    const [from = '', to, ...others] = range.split('-');
    if (more.length > 0 || others.length > 0) throw wrong(part, rule);
    const first = range === '*' ? rule.min : numberFrom(from, rule);
    // `5/10` goes on to the end; a single value does not.
    const final = range === '*' || (to === undefined && step !== undefined) ? rule.max : to === undefined ? first : numberFrom(to, rule);
    const by = step === undefined ? 1 : Number(/^\d{1,4}$/.test(step) ? step : 0);
    if (by < 1 || by > rule.max) throw wrong(part, rule);
    if (final < first) throw new CronFault(`${rule.name} is "${part.slice(0, 40)}": a range goes upwards; write two, joined by a comma`);
    for (let value = first; value <= final; value += by) values.add(value);
  }
  return values;
}

function numberFrom(text: string, rule: FieldRule): number {
  const named = rule.names?.indexOf(text.toUpperCase()) ?? -1;
  const value = named >= 0 ? named + rule.min : Number(/^\d{1,4}$/.test(text) ? text : Number.NaN);
  if (!(value >= rule.min && value <= rule.max)) throw wrong(text, rule);
  return value;
}

function wrong(part: string, { name, min, max, names }: FieldRule): CronFault {
  const spelled = names ? ` or ${names[0]} to ${names.at(-1)}` : '';
  return new CronFault(`${name} is "${part.slice(0, 40)}", expected ${min} to ${max}${spelled}`);
}
