// EventBridge's event pattern language ("Amazon EventBridge event patterns", and the open-source event-ruler that EventBridge runs on).
//
//   P1. Names are joined by dots: {detail: {"a.b": …}} and {detail: {a: {b: …}}} are one field, in patterns and in events.
//   P2. A list in an event is looked through: any of its items may match. Fields that stand in different items of one list never match together.
//   P3. `$or` makes one sub-rule of each of its branches; a pattern matches where one of its sub-rules does.

import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { type AskedFields, askedFields, matchesFields, readFields } from './event-fields.ts';
import { type Matcher, MatcherFault, parseMatcher, RESERVED_IN_OR } from './matcher.ts';

/** A rule with more combinations of `$or` branches than this is refused. */
const MAX_COMBINATIONS = 1_000;
/** Characters of a pattern as JSON: the quota as far as it can be raised (2,048 unless it was). */
const MAX_PATTERN_CHARS = 4_096;
const OR = '$or';

/** What EventBridge would refuse, and where. */
export interface PatternFault {
  /** Keys and indexes from the pattern to what is wrong. */
  path: (string | number)[];
  message: string;
  /** What to write instead. */
  hint?: string;
  /** Where a name is not known: that name, and those that are. */
  unknown?: { name: string; known: readonly string[] };
}

/** Joined names to what their values must be. */
type SubRule = ReadonlyMap<string, readonly Matcher[]>;

interface Compiled {
  subRules: SubRule[];
  asked: AskedFields;
  faults: PatternFault[];
}

/** Patterns are looked at for every event and do not change. */
const COMPILED = new WeakMap<JsonObject, Compiled>();

/**
 * True where the event matches the pattern; false for a pattern that EventBridge would refuse.
 * @param event the whole event: `source`, `detail-type`, `detail` …
 */
export function matchesPattern(pattern: JsonObject, event: JsonObject): boolean {
  const { subRules, asked, faults } = compiled(pattern);
  if (faults.length > 0) return false;
  const fields = readFields(event, asked);
  return subRules.some((rule) => matchesFields(rule, fields));
}

/** All that EventBridge would refuse of a pattern; empty where it is taken. */
export function patternFaults(pattern: JsonObject): PatternFault[] {
  return compiled(pattern).faults;
}

function compiled(pattern: JsonObject): Compiled {
  let found = COMPILED.get(pattern);
  if (found === undefined) {
    found = compile(pattern);
    COMPILED.set(pattern, found);
  }
  return found;
}

interface Place {
  /** Joined names so far. */
  name: string;
  path: (string | number)[];
  insideOr: boolean;
}

function compile(pattern: JsonObject): Compiled {
  const faults: PatternFault[] = [];
  const subRules = readObject([new Map()], pattern, { name: '', path: [], insideOr: false }, faults);
  if (subRules.length > MAX_COMBINATIONS) faults.push({ path: [], message: `\`${OR}\` makes more than ${MAX_COMBINATIONS} combinations` });
  const chars = JSON.stringify(pattern).length;
  if (chars > MAX_PATTERN_CHARS)
    faults.push({ path: [], message: `the pattern has ${chars} characters as JSON, at most ${MAX_PATTERN_CHARS} are taken` });
  return { subRules, asked: askedFields(subRules.flatMap((rule) => [...rule.keys()])), faults };
}

/** Adds what an object asks for to every sub-rule. */
function readObject(rules: SubRule[], object: JsonObject, place: Place, faults: PatternFault[]): SubRule[] {
  const entries = Object.entries(object);
  if (entries.length === 0) faults.push({ path: place.path, message: 'an empty object is not allowed: name a field, or leave it out' });
  return entries.reduce((known, [key, value]) => readEntry(known, key, value, place, faults), rules);
}

function readEntry(rules: SubRule[], key: string, value: Json, { name, path, insideOr }: Place, faults: PatternFault[]): SubRule[] {
  const here = [...path, key];
  if (key === OR) return readOr(rules, value, { name, path: here, insideOr }, faults);
  if (insideOr && RESERVED_IN_OR.includes(key)) {
    faults.push({ path: here, message: `"${key}" is no name for a field inside \`${OR}\`: it is the name of a matcher` });
    return rules;
  }
  const joined = name === '' ? key : `${name}.${key}`;
  if (isJsonObject(value)) return readObject(rules, value, { name: joined, path: here, insideOr }, faults);
  if (!Array.isArray(value)) {
    faults.push({
      path: here,
      message: `"${key.slice(0, 60)}": a pattern lists the values that match`,
      hint: `write [${JSON.stringify(value).slice(0, 60)}]`,
    });
    return rules;
  }
  if (value.length === 0) faults.push({ path: here, message: `"${key.slice(0, 60)}": an empty list matches nothing` });
  if (rules.some((rule) => rule.has(joined))) {
    faults.push({ path: here, message: `"${joined.slice(0, 120)}" is matched twice; put all its values into one list` });
    return rules;
  }
  const matchers = value.flatMap((entry, index) => readMatcher(entry, [...here, index], faults));
  return rules.map((rule) => new Map([...rule, [joined, matchers]]));
}

function readOr(rules: SubRule[], value: Json, place: Place, faults: PatternFault[]): SubRule[] {
  if (!Array.isArray(value) || value.length < 2) {
    faults.push({ path: place.path, message: `\`${OR}\` is a list of two objects or more` });
    return rules;
  }
  // What is too much already is not multiplied further.
  if (rules.length > MAX_COMBINATIONS) return rules;
  return value.flatMap((branch, index) => {
    const path = [...place.path, index];
    if (isJsonObject(branch)) return readObject(rules, branch, { name: place.name, path, insideOr: true }, faults);
    faults.push({ path, message: `\`${OR}\` lists objects` });
    return [];
  });
}

function readMatcher(entry: Json, path: (string | number)[], faults: PatternFault[]): Matcher[] {
  try {
    return [parseMatcher(entry)];
  } catch (fault) {
    if (!(fault instanceof MatcherFault)) throw fault;
    faults.push({ path: [...path, ...fault.path], message: fault.message, ...(fault.unknown ? { unknown: fault.unknown } : {}) });
    return [];
  }
}
