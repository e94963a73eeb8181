import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../shared/json.ts';
import { matchesPattern, patternFaults } from '../../shared/triggers/index.ts';
import { PATTERN_CASES, REFUSED } from './pattern-cases.ts';

describe('event patterns', () => {
  test.each(PATTERN_CASES)('$rule', ({ pattern, yes = [], no = [] }) => {
    expect(patternFaults(pattern)).toEqual([]);
    expect(yes.length + no.length).toBeGreaterThan(0);
    expect(yes.filter((event) => !matchesPattern(pattern, event))).toEqual([]);
    expect(no.filter((event) => matchesPattern(pattern, event))).toEqual([]);
  });

  test.each(REFUSED)('refused: %s', (_rule, pattern, path) => {
    const faults = patternFaults(pattern);

    expect(faults.map((fault) => fault.path)).toContainEqual(path);
    for (const { message } of faults) expect(message).toMatch(/^.{10,200}$/s);
    expect(matchesPattern(pattern, { source: 'a', detail: { n: 1 } })).toBe(false);
  });

  test('every fault of a pattern is told, not the first one only', () => {
    const faults = patternFaults({ source: [{ prefx: 'a' }, { exists: 1 }], detail: { a: 'x', b: [{ cidr: 'y' }] } });

    expect(faults.map(({ path }) => path.join('.'))).toEqual(['source.0.prefx', 'source.1.exists', 'detail.a', 'detail.b.0.cidr']);
  });

  test('an unknown matcher is told with those that are known', () => {
    const [fault] = patternFaults({ source: [{ prefx: 'a' }] });

    expect(fault?.unknown).toMatchObject({ name: 'prefx', known: expect.arrayContaining(['prefix', 'numeric']) });
  });

  test('1,000 combinations of branches are taken, more are refused', () => {
    const branches = (count: number, name: string): Json => Array.from({ length: count }, (_, index) => ({ [`${name}${index}`]: [1] }));
    const of = (third: number): JsonObject => ({
      a: { $or: branches(10, 'x') },
      b: { $or: branches(10, 'y') },
      c: { $or: branches(third, 'z') },
    });

    expect(patternFaults(of(10))).toEqual([]);
    expect(patternFaults(of(11))).toHaveLength(1);
  });
});

const leaf = fc.oneof(fc.string(), fc.boolean(), fc.constant(null), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
/** Names without dots, which stand for nesting, and unlike `$or`. */
const name = fc.stringMatching(/^[a-zA-Z_-]{1,6}$/).filter((text) => !['prefix', 'suffix', 'numeric', 'exists', 'cidr'].includes(text));
const { event } = fc.letrec<{ value: Json; event: JsonObject }>((tie) => ({
  event: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('event')),
}));

/** A pattern that asks for one leaf of everything in the event; undefined where there is none. Of a list it follows one item. */
function patternOf(value: Json): Json | undefined {
  if (Array.isArray(value)) return value.map(patternOf).find((found) => found !== undefined);
  if (typeof value !== 'object' || value === null) return [value];
  const inner = Object.entries(value).flatMap(([key, one]) => {
    const found = patternOf(one);
    return found === undefined ? [] : [[key, found] as const];
  });
  return inner.length === 0 ? undefined : Object.fromEntries(inner);
}

describe('any event', () => {
  test('matches the pattern that is made of its own leaves', () => {
    fc.assert(
      fc.property(event, (one) => {
        const pattern = patternOf(one);
        fc.pre(pattern !== undefined && !Array.isArray(pattern));

        expect(matchesPattern(pattern as JsonObject, one)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('is matched by exactly one of: a value, anything but that value, absent', () => {
    fc.assert(
      fc.property(leaf, fc.option(leaf, { nil: undefined }), (wanted, found) => {
        fc.pre(typeof wanted === 'string' || typeof wanted === 'number');
        const one: JsonObject = found === undefined ? {} : { f: found };
        const holding = [[wanted], [{ 'anything-but': wanted }], [{ exists: false }]].filter((f) => matchesPattern({ f }, one));

        expect(holding).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });

  test('of texts with stars matches a wildcard exactly where the regular expression does', () => {
    const few = fc.stringMatching(/^[ab]{0,8}$/);
    fc.assert(
      fc.property(fc.array(few, { minLength: 1, maxLength: 4 }), few, (parts, text) => {
        const wildcard = parts.filter((part, index) => part !== '' || index === 0 || index === parts.length - 1).join('*');
        fc.pre(patternFaults({ f: [{ wildcard }] }).length === 0);

        expect(matchesPattern({ f: [{ wildcard }] }, { f: text })).toBe(new RegExp(`^${wildcard.replaceAll('*', '.*')}$`).test(text));
      }),
      { numRuns: 500 },
    );
  });

  test('never makes the check of a pattern throw', () => {
    fc.assert(
      fc.property(event, event, (pattern, one) => {
        const faults = patternFaults(pattern);

        expect(typeof matchesPattern(pattern, one)).toBe('boolean');
        expect(Array.isArray(faults)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the work of a match is bounded', () => {
  test('lists whose items contradict each other are not tried in every combination', () => {
    const list = (key: string): Json => Array.from({ length: 1_000 }, () => ({ [key]: 1 }));
    const pattern = { a: { x: [1] }, b: { x: [1] }, c: { x: [1] }, z: { p: [1], q: [1] } };
    const one = { a: list('x'), b: list('x'), c: list('x'), z: [{ p: 1 }, { q: 1 }] };

    const began = performance.now();
    expect(matchesPattern(pattern, one)).toBe(false);
    // In every combination it would be a billion steps.
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test('a wildcard does not backtrack without end', () => {
    const pattern = { f: [{ wildcard: '*ab*cd*ef*' }] };

    const began = performance.now();
    expect(matchesPattern(pattern, { f: 'abcde'.repeat(100_000) })).toBe(false);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
