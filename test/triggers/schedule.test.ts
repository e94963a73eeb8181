import { Cron } from 'croner';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextFire, scheduleFaults } from '../../shared/triggers/index.ts';

const SINCE = Date.parse('2026-01-01T00:00:30Z');

/** The next times of a schedule, as text to the minute (or second, where there are any). */
function next(schedule: string, after: string, count = 1): (string | null)[] {
  const found: (string | null)[] = [];
  let afterMs = Date.parse(after);
  for (let index = 0; index < count; index++) {
    const time = nextFire(schedule, afterMs, SINCE);
    found.push(time === null ? null : new Date(time).toISOString().replace(/(:00)?\.000Z$/, 'Z'));
    if (time === null) break;
    afterMs = time;
  }
  return found;
}

describe('rates', () => {
  test('fire when they are made, and every so often after that', () => {
    expect(next('rate(5 minutes)', '2025-01-01T00:00Z', 3)).toEqual([
      '2026-01-01T00:00:30Z',
      '2026-01-01T00:05:30Z',
      '2026-01-01T00:10:30Z',
    ]);
  });

  test('keep their beat whenever they are asked', () => {
    expect(next('rate(1 hour)', '2026-03-29T12:59:59Z')).toEqual(['2026-03-29T13:00:30Z']);
    expect(next('rate(2 days)', '2026-01-02T00:00:31Z')).toEqual(['2026-01-03T00:00:30Z']);
  });

  test('a time that was asked for is past', () => {
    expect(next('rate(1 minute)', '2026-01-01T00:05:30Z')).toEqual(['2026-01-01T00:06:30Z']);
  });
});

describe('cron expressions', () => {
  test.each([
    // ---- fields
    ['cron(0 12 * * ? *)', '2026-02-28T12:00Z', ['2026-03-01T12:00Z', '2026-03-02T12:00Z']],
    ['cron(0 12 * * ? *)', '2026-02-28T11:59:59.999Z', ['2026-02-28T12:00Z']],
    ['cron(15 10 ? * * *)', '2026-12-31T23:00Z', ['2027-01-01T10:15Z']],
    ['cron(0/15 * * * ? *)', '2026-01-01T00:46Z', ['2026-01-01T01:00Z', '2026-01-01T01:15Z']],
    ['cron(*/20 * * * ? *)', '2026-01-01T00:46Z', ['2026-01-01T01:00Z', '2026-01-01T01:20Z']],
    // The documentation's own: "the 11th, 21st and 31st minute".
    ['cron(1/10 * * * ? *)', '2026-01-01T00:01Z', ['2026-01-01T00:11Z', '2026-01-01T00:21Z', '2026-01-01T00:31Z']],
    ['cron(0 8-17/3 * * ? *)', '2026-01-01T10:00Z', ['2026-01-01T11:00Z', '2026-01-01T14:00Z', '2026-01-01T17:00Z', '2026-01-02T08:00Z']],
    ['cron(5,35 14 * * ? *)', '2026-01-01T14:05Z', ['2026-01-01T14:35Z', '2026-01-02T14:05Z']],
    ['cron(0 0 1 JAN,jul ? *)', '2026-01-01T00:00Z', ['2026-07-01T00:00Z', '2027-01-01T00:00Z']],
    ['cron(0 0 1 1/4 ? *)', '2026-01-01T00:00Z', ['2026-05-01T00:00Z', '2026-09-01T00:00Z', '2027-01-01T00:00Z']],
    ['cron(0  0   1 1 ? *)', '2026-01-01T00:00Z', ['2027-01-01T00:00Z']],
    // ---- days of the week: 1 is Sunday (2026-11-22 is one)
    ['cron(0 9 ? * 1 *)', '2026-11-16T00:00Z', ['2026-11-22T09:00Z', '2026-11-29T09:00Z']],
    ['cron(0 9 ? * SUN *)', '2026-11-16T00:00Z', ['2026-11-22T09:00Z']],
    ['cron(0 9 ? * 7 *)', '2026-11-16T00:00Z', ['2026-11-21T09:00Z']],
    ['cron(0 18 ? * MON-FRI *)', '2026-11-20T18:00Z', ['2026-11-23T18:00Z']],
    ['cron(0 18 ? * 2-6 *)', '2026-11-20T18:00Z', ['2026-11-23T18:00Z']],
    ['cron(0 18 ? * TUE,6 *)', '2026-11-20T18:00Z', ['2026-11-24T18:00Z', '2026-11-27T18:00Z']],
    // ---- L
    ['cron(0 0 L * ? *)', '2026-01-31T00:00Z', ['2026-02-28T00:00Z', '2026-03-31T00:00Z', '2026-04-30T00:00Z']],
    ['cron(0 0 L 2 ? *)', '2026-03-01T00:00Z', ['2027-02-28T00:00Z', '2028-02-29T00:00Z']],
    ['cron(0 0 15,L * ? *)', '2026-02-15T00:00Z', ['2026-02-28T00:00Z', '2026-03-15T00:00Z']],
    ['cron(0 0 ? * L *)', '2026-11-16T00:00Z', ['2026-11-21T00:00Z']],
    // The last Friday: 2026-10-30, 2026-11-27, and in a month that ends with one.
    ['cron(15 10 ? * 6L *)', '2026-10-01T00:00Z', ['2026-10-30T10:15Z', '2026-11-27T10:15Z']],
    ['cron(15 10 ? * FRIL *)', '2026-07-01T00:00Z', ['2026-07-31T10:15Z']],
    // ---- W: 2026-08-15 is a Saturday, 2026-11-15 a Sunday, 2026-08-01 a Saturday, 2026-05-31 a Sunday, 2026-10-31 a Saturday
    ['cron(0 9 15W 8 ? *)', '2026-01-01T00:00Z', ['2026-08-14T09:00Z', '2027-08-16T09:00Z']],
    ['cron(0 9 15W 11 ? *)', '2026-01-01T00:00Z', ['2026-11-16T09:00Z']],
    ['cron(0 9 1W 8 ? *)', '2026-01-01T00:00Z', ['2026-08-03T09:00Z']],
    ['cron(0 9 31W 5 ? *)', '2026-01-01T00:00Z', ['2026-05-29T09:00Z']],
    ['cron(0 9 31W 10 ? *)', '2026-01-01T00:00Z', ['2026-10-30T09:00Z']],
    ['cron(0 9 16W 11 ? *)', '2026-01-01T00:00Z', ['2026-11-16T09:00Z']],
    ['cron(0 9 31W * ? *)', '2026-01-30T10:00Z', ['2026-03-31T09:00Z', '2026-05-29T09:00Z']],
    // ---- #: the documentation's own, 3#2 is the second Tuesday
    ['cron(0 9 ? * 3#2 *)', '2026-11-01T00:00Z', ['2026-11-10T09:00Z', '2026-12-08T09:00Z']],
    ['cron(0 2 ? * SAT#3 *)', '2026-11-01T00:00Z', ['2026-11-21T02:00Z']],
    ['cron(0 2 ? * MON#5 *)', '2026-10-01T00:00Z', ['2026-11-30T02:00Z', '2027-03-29T02:00Z']],
    // ---- leap years and days that not every month has
    ['cron(0 0 29 2 ? *)', '2026-01-01T00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
    [
      'cron(0 0 29 2 ? 2090-2110)',
      '2026-01-01T00:00Z',
      ['2092-02-29T00:00Z', '2096-02-29T00:00Z', '2104-02-29T00:00Z', '2108-02-29T00:00Z', null],
    ],
    ['cron(0 0 31 * ? *)', '2026-01-31T00:00Z', ['2026-03-31T00:00Z', '2026-05-31T00:00Z', '2026-07-31T00:00Z']],
    ['cron(59 23 31 12 ? *)', '2026-12-31T23:59Z', ['2027-12-31T23:59Z']],
    // ---- years
    ['cron(0 0 1 1 ? 2030)', '2026-01-01T00:00Z', ['2030-01-01T00:00Z', null]],
    ['cron(0 0 1 1 ? 2027/2)', '2026-01-01T00:00Z', ['2027-01-01T00:00Z', '2029-01-01T00:00Z']],
    ['cron(15 10 ? * 6L 2002-2005)', '2026-01-01T00:00Z', [null]],
    ['cron(0 0 1 1 ? 2199)', '2026-01-01T00:00Z', ['2199-01-01T00:00Z', null]],
  ])('%s after %s: %s', (schedule, after, expected) => {
    expect(scheduleFaults(schedule)).toEqual([]);
    expect(next(schedule, after, expected.length)).toEqual(expected);
  });

  test('agree with another implementation, weekdays counted from 0 there', () => {
    const part = (min: number, max: number): fc.Arbitrary<string> =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min, max }).map(String),
        fc.uniqueArray(fc.integer({ min, max }), { minLength: 2, maxLength: 3 }).map((values) => values.join(',')),
        fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
        fc.tuple(fc.integer({ min, max }), fc.integer({ min: 1, max: Math.min(max, 20) })).map(([from, step]) => `${from}-${max}/${step}`),
      );
    const days = fc.oneof(
      fc.tuple(
        fc.oneof(
          part(1, 28),
          fc.constant('L'),
          fc.integer({ min: 1, max: 28 }).map((day) => `${day}W`),
        ),
        fc.constant('?'),
      ),
      fc.tuple(
        fc.constant('?'),
        fc.oneof(
          part(1, 7).map(shifted),
          fc
            .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 4 }))
            .map(([day, nth]) => ({ ours: `${day}#${nth}`, theirs: `${day - 1}#${nth}` })),
        ),
      ),
    );
    const after = fc.date({ min: new Date('2024-01-01T00:00Z'), max: new Date('2030-01-01T00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(part(0, 59), part(0, 23), days, part(1, 12), after, (minute, hour, [dayOfMonth, dayOfWeek], month, from) => {
        const week = typeof dayOfWeek === 'string' ? { ours: dayOfWeek, theirs: '*' } : dayOfWeek;
        const other = new Cron(`${minute} ${hour} ${dayOfMonth === '?' ? '*' : dayOfMonth} ${month} ${week.theirs}`, {
          timezone: 'UTC',
          paused: true,
        });

        expect(nextFire(`cron(${minute} ${hour} ${dayOfMonth} ${month} ${week.ours} *)`, from.getTime(), SINCE)).toBe(
          other.nextRun(from)?.getTime(),
        );
      }),
      { numRuns: 300 },
    );

    function shifted(ours: string): { ours: string; theirs: string } {
      const [range = '', step] = ours.split('/');
      return { ours, theirs: range.replace(/\d+/g, (day) => String(Number(day) - 1)) + (step === undefined ? '' : `/${step}`) };
    }
  });
});

describe('what Scheduler refuses', () => {
  test.each([
    '',
    'every day',
    ' rate(10 minutes)',
    'rate( 10 minutes )',
    'rate()',
    'rate(10)',
    'rate(10 seconds)',
    'rate(10 years)',
    'rate(10 minutess)',
    'rate(10 MINUTES)',
    'rate(foo minutes)',
    'rate(-10 minutes)',
    'rate(0 minutes)',
    'rate(1 minutes)',
    'rate(10 minute)',
    'rate(1.5 hours)',
    'at(2026-11-21T00:00:00)',
    'cron()',
    'cron(INVALID)',
    'cron(0 12 * * ?)',
    'cron(0 12 * * ? * *)',
    'cron( 0 12 * * ? *)',
    'cron(0 12 * * * *)',
    'cron(0 12 ? * ? *)',
    'cron(0 dummy ? * MON-FRI *)',
    'cron(7 20 * * NOT *)',
    'cron(60 8 1 * ? *)',
    'cron(0 24 1 * ? *)',
    'cron(0 0 0 * ? *)',
    'cron(0 0 32 * ? *)',
    'cron(0 0 1 13 ? *)',
    'cron(0 0 1 0 ? *)',
    'cron(0 0 ? * 0 *)',
    'cron(0 0 ? * 8 *)',
    'cron(0 0 1 1 ? 1969)',
    'cron(0 0 1 1 ? 2200)',
    'cron(? 0 1 1 ? *)',
    'cron(0 0 1 ? ? *)',
    'cron(L 0 1 1 ? *)',
    'cron(0 0 1 L ? *)',
    'cron(0 0 1W,32W 1 ? *)',
    'cron(0 0 W 1 ? *)',
    'cron(0 0 LW * ? *)',
    'cron(0 0 L-3 * ? *)',
    'cron(0 0 ? * 8L *)',
    'cron(0 0 ? * 3#0 *)',
    'cron(0 0 ? * 3#6 *)',
    'cron(0 0 ? * 3#1,6#3 *)',
    'cron(0 22-2 * * ? *)',
    'cron(0/0 * * * ? *)',
    'cron(0/x * * * ? *)',
    'cron(0/60 * * * ? *)',
    'cron(0 0 1 1/13 ? *)',
    'cron(0-5-9 * * * ? *)',
    'cron(0,, * * * ? *)',
    'cron(0 0 31 2 ? *)',
    'cron(0 0 30W 2 ? *)',
    'cron(0 0 31 4,6,9,11 ? *)',
  ])('%j', (schedule) => {
    const [fault, ...more] = scheduleFaults(schedule);

    expect(fault).toMatch(/^.{10,160}$/);
    expect(more).toEqual([]);
    expect(() => nextFire(schedule, 0, 0)).toThrow('schedule');
  });

  test('any text is taken or refused, and what is taken fires after the time that is asked for, or never again', () => {
    const field = fc.stringMatching(/^[0-9*?LW#,/A-Z-]{1,4}$/);
    const texts = fc.oneof(
      fc.string(),
      fc.array(field, { minLength: 6, maxLength: 6 }).map((fields) => `cron(${fields.join(' ')})`),
      fc.tuple(fc.nat(), fc.constantFrom('minutes', 'hours', 'day')).map(([count, unit]) => `rate(${count} ${unit})`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        if (scheduleFaults(text).length > 0) return;

        expect(nextFire(text, SINCE, SINCE) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(SINCE);
      }),
      { numRuns: 1_000 },
    );
  });
});
