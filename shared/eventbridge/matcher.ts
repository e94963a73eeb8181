// One entry of a pattern's list: a value, or a matcher such as `{prefix: "a"}`. The rules are those of the open-source event-ruler that EventBridge
// runs on (JsonRuleCompiler, ByteMachine); the cases that were recorded against AWS are in test/triggers.

import { isJsonObject, type Json } from '../json.ts';
import { isInRange, parseAddress, parseCidr } from './ip-address.ts';
import { matchesWildcard, parseWildcard } from './wildcard.ts';

/** A leaf of an event. */
export type Scalar = null | boolean | number | string;

/** Tests one value; `absent` holds where the event has no such field. */
export type Matcher = 'absent' | ((value: Scalar) => boolean);

/** What is wrong with an entry. */
export class MatcherFault extends Error {
  /** From the entry to what is wrong. */
  readonly path: (string | number)[];
  /** A name that is not known, and those that are. */
  readonly unknown: { name: string; known: readonly string[] } | undefined;

  constructor(message: string, path: (string | number)[] = [], unknown?: { name: string; known: readonly string[] }) {
    super(message);
    this.path = path;
    this.unknown = unknown;
  }
}

const MATCHER_NAMES = [
  'prefix',
  'suffix',
  'equals-ignore-case',
  'wildcard',
  'anything-but',
  'numeric',
  'exists',
  'cidr',
  'exactly',
] as const;
const INSIDE_ANYTHING_BUT = ['prefix', 'suffix', 'equals-ignore-case', 'wildcard'] as const;

/** Names that a field inside `$or` must not have (event-ruler: RESERVED_FIELD_NAMES_IN_OR_RELATIONSHIP). */
export const RESERVED_IN_OR: readonly string[] = [
  ...MATCHER_NAMES,
  ...['=', '<', '<=', '>', '>=', 'regex', 'not-wildcard', 'not-equals-ignore-case', 'date-after', 'date-on-or-after', 'date-before'],
  ...['date-on-or-before', 'in-date-range', 'ip-address-in-range', 'ip-address-not-in-range'],
];

/**
 * Reads one entry of a list.
 * @throws MatcherFault
 */
export function parseMatcher(entry: Json): Matcher {
  if (Array.isArray(entry)) throw new MatcherFault('a list in a list: expected a text, a number, true, false, null or a matcher');
  if (!isJsonObject(entry)) return exact(entry);
  const [name, operand] = onlyEntry(entry, 'matcher');
  const read = MATCHERS.get(name);
  if (read === undefined) throw unknownMatcher(name, MATCHER_NAMES, `there is no matcher "${name.slice(0, 60)}"`);
  try {
    return read(operand);
  } catch (fault) {
    if (fault instanceof MatcherFault) fault.path.unshift(name);
    throw fault;
  }
}

const MATCHERS: ReadonlyMap<string, (operand: Json) => Matcher> = new Map<string, (operand: Json) => Matcher>([
  ['exactly', (operand) => exact(text(operand, 'exactly'))],
  ['prefix', (operand) => edge(operand, 'prefix')],
  ['suffix', (operand) => edge(operand, 'suffix')],
  ['equals-ignore-case', (operand) => ofText(ignoringCase(text(operand, 'equals-ignore-case'), 'equals'))],
  ['wildcard', (operand) => ofText(wildcard(text(operand, 'wildcard')))],
  ['cidr', cidr],
  ['exists', exists],
  ['numeric', numeric],
  ['anything-but', anythingBut],
]);

/** A text that is an IP address matches the same address in any spelling. */
function exact(wanted: Scalar): Matcher {
  if (typeof wanted !== 'string') return (value) => value === wanted;
  const address = parseAddress(wanted)?.join();
  return (value) => value === wanted || (address !== undefined && typeof value === 'string' && parseAddress(value)?.join() === address);
}

function edge(operand: Json, at: 'prefix' | 'suffix'): Matcher {
  if (isJsonObject(operand)) {
    const [name, inner] = onlyEntry(operand, `\`${at}\``);
    if (name !== 'equals-ignore-case')
      throw unknownMatcher(
        name,
        ['equals-ignore-case'],
        `\`${at}\` holds "${name.slice(0, 60)}", expected a text or \`equals-ignore-case\``,
      );
    return ofText(ignoringCase(text(inner, name, [name]), at));
  }
  const part = text(operand, at);
  return ofText((value) => (at === 'prefix' ? value.startsWith(part) : value.endsWith(part)));
}

function cidr(operand: Json): Matcher {
  const written = text(operand, 'cidr');
  const range = parseCidr(written);
  if (typeof range === 'string') throw new MatcherFault(`\`cidr\` is "${written.slice(0, 60)}": ${range}`);
  return ofText((value) => isInRange(range, value));
}

function exists(operand: Json): Matcher {
  if (typeof operand !== 'boolean') throw new MatcherFault('`exists` is true or false');
  return operand ? () => true : 'absent';
}

const COMPARE: ReadonlyMap<string, (value: number, bound: number) => boolean> = new Map([
  ['=', (value: number, bound: number) => value === bound],
  ['<', (value: number, bound: number) => value < bound],
  ['<=', (value: number, bound: number) => value <= bound],
  ['>', (value: number, bound: number) => value > bound],
  ['>=', (value: number, bound: number) => value >= bound],
]);

/** `[op, number]`, or `[> or >=, number, < or <=, larger number]`. */
function numeric(operand: Json): Matcher {
  if (!Array.isArray(operand)) throw new MatcherFault('`numeric` is a list such as [">", 0, "<=", 5]');
  const [first, low, second, high] = operand;
  const lower = comparison(first, low, 0);
  if (operand.length === 2) return ofNumber(lower);
  if (operand.length !== 4) throw new MatcherFault('`numeric` is one comparison, or two that make a range');
  if (first !== '>' && first !== '>=') throw new MatcherFault('a range begins with ">" or ">="', [0]);
  if (second !== '<' && second !== '<=') throw new MatcherFault('a range ends with "<" or "<="', [2]);
  const upper = comparison(second, high, 2);
  if (Number(low) >= Number(high)) throw new MatcherFault('the range is empty: its lower bound must be less than the upper one');
  return ofNumber((value) => lower(value) && upper(value));
}

function comparison(sign: Json | undefined, bound: Json | undefined, at: number): (value: number) => boolean {
  const compare = typeof sign === 'string' ? COMPARE.get(sign) : undefined;
  if (compare === undefined) throw new MatcherFault('expected one of "=", "<", "<=", ">", ">="', [at]);
  if (typeof bound !== 'number' || !Number.isFinite(bound)) throw new MatcherFault(`expected a number after "${sign}"`, [at + 1]);
  return (value) => compare(value, bound);
}

/** Values of other types than those listed are something else, and match: null and numbers too. */
function anythingBut(operand: Json): Matcher {
  if (isJsonObject(operand)) return anythingButInner(operand);
  const values = Array.isArray(operand) ? operand : [operand];
  const type = typeof values[0];
  if ((type !== 'string' && type !== 'number') || !values.every((value) => typeof value === type))
    throw new MatcherFault('`anything-but` lists texts only or numbers only');
  return (value) => !values.includes(value);
}

function anythingButInner(operand: { [name: string]: Json }): Matcher {
  const [name, inner] = onlyEntry(operand, '`anything-but`');
  const known = INSIDE_ANYTHING_BUT.find((one) => one === name);
  if (known === undefined)
    throw unknownMatcher(
      name,
      INSIDE_ANYTHING_BUT,
      `\`anything-but\` holds "${name.slice(0, 60)}", expected a value or one of ${INSIDE_ANYTHING_BUT.join(', ')}`,
    );
  const listed = Array.isArray(inner) ? inner : [inner];
  if (listed.length === 0) throw new MatcherFault(`\`${name}\`: the list is empty`, [name]);
  const tests = listed.map((one, index) => {
    const at = Array.isArray(inner) ? [name, index] : [name];
    const part = text(one, name, at);
    if (part === '' && (known === 'prefix' || known === 'suffix')) throw new MatcherFault(`an empty \`${name}\` would match nothing`, at);
    if (known === 'wildcard') return wildcard(part, at);
    if (known === 'equals-ignore-case') return ignoringCase(part, 'equals');
    return (value: string) => (known === 'prefix' ? value.startsWith(part) : value.endsWith(part));
  });
  return (value) => typeof value !== 'string' || !tests.some((test) => test(value));
}

function wildcard(written: string, path: (string | number)[] = []): (value: string) => boolean {
  const tokens = parseWildcard(written);
  if (typeof tokens === 'string') throw new MatcherFault(`\`wildcard\` is "${written.slice(0, 60)}": ${tokens}`, path);
  return (value) => matchesWildcard(tokens, value);
}

/** Letters are alike where their small or their capital forms are. */
function ignoringCase(wanted: string, how: 'equals' | 'prefix' | 'suffix'): (value: string) => boolean {
  const small = wanted.toLowerCase();
  const capital = wanted.toUpperCase();
  const test = { equals: same, prefix: begins, suffix: ends }[how];
  return (value) => test(value.toLowerCase(), small) || test(value.toUpperCase(), capital);
}

function same(value: string, wanted: string): boolean {
  return value === wanted;
}

function begins(value: string, wanted: string): boolean {
  return value.startsWith(wanted);
}

function ends(value: string, wanted: string): boolean {
  return value.endsWith(wanted);
}

function ofText(test: (value: string) => boolean): Matcher {
  return (value) => typeof value === 'string' && test(value);
}

function ofNumber(test: (value: number) => boolean): Matcher {
  return (value) => typeof value === 'number' && test(value);
}

function text(operand: Json, name: string, path: (string | number)[] = []): string {
  if (typeof operand !== 'string') throw new MatcherFault(`\`${name}\` takes a text`, path);
  return operand;
}

function onlyEntry(object: { [name: string]: Json }, what: string): [string, Json] {
  const [first, ...more] = Object.entries(object);
  if (first === undefined) throw new MatcherFault(`the ${what} is empty`);
  if (more.length > 0) throw new MatcherFault(`a ${what} has one key; put several matchers into the list one by one`);
  return first;
}

function unknownMatcher(name: string, known: readonly string[], message: string): MatcherFault {
  return new MatcherFault(message, [name], { name, known });
}
