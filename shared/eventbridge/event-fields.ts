// An event as the fields that a pattern sees, and the search for fields that match together.

import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import type { Matcher, Scalar } from './matcher.ts';

/** The items of lists that a field stands in: number of the list to index of the item. */
type Membership = ReadonlyMap<number, number>;

interface Field {
  value: Scalar;
  membership: Membership;
}

/** Joined names to their values. */
export type Fields = ReadonlyMap<string, readonly Field[]>;

const NOWHERE: Membership = new Map();

/** The fields that a pattern asks for, and what has to be looked into to find them. */
export interface AskedFields {
  names: ReadonlySet<string>;
  onTheWay: ReadonlySet<string>;
}

export function askedFields(names: Iterable<string>): AskedFields {
  const asked = new Set(names);
  const onTheWay = new Set(asked);
  for (const name of asked) for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) onTheWay.add(name.slice(0, dot));
  return { names: asked, onTheWay };
}

/** The leaves of an event that are asked for. Objects and lists are no leaves; an empty list has none. */
export function readFields(event: JsonObject, { names, onTheWay }: AskedFields): Fields {
  const fields = new Map<string, Field[]>();
  let lists = 0;

  function read(value: Json, name: string, membership: Membership): void {
    if (Array.isArray(value)) {
      const list = lists++;
      value.forEach((item, index) => {
        // Only objects and lists in a list can hold several fields; of plain values any may match beside the rest.
        const inside = typeof item === 'object' && item !== null ? new Map([...membership, [list, index]]) : membership;
        read(item, name, inside);
      });
    } else if (isJsonObject(value)) {
      for (const [key, inner] of Object.entries(value)) {
        const joined = name === '' ? key : `${name}.${key}`;
        if (onTheWay.has(joined)) read(inner, joined, membership);
      }
    } else if (names.has(name)) {
      const same = fields.get(name);
      if (same) same.push({ value, membership });
      else fields.set(name, [{ value, membership }]);
    }
  }

  read(event, '', NOWHERE);
  return fields;
}

/** True where every name has a value that matches, no two of them from different items of one list. */
export function matchesFields(rule: ReadonlyMap<string, readonly Matcher[]>, fields: Fields): boolean {
  // In the order of the names, which is event-ruler's: it tells in which items an absence is looked for.
  const stages = [...rule].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, matchers]) => stageOf(matchers, fields.get(name) ?? []));
  if (stages.some(({ matching, absent }) => matching.length === 0 && absent === null)) return false;
  const lists = listsFrom(stages);
  // A search that failed with the same items of the lists that are still asked fails again.
  const failed = new Set<string>();

  function search(at: number, so: Membership): boolean {
    const stage = stages[at];
    if (stage === undefined) return true;
    const key = `${at}|${keyOf(new Map([...so].filter(([list]) => lists[at]?.has(list))))}`;
    if (failed.has(key)) return false;
    if (stage.absent !== null && !stage.absent.some((membership) => joined(so, membership) !== null) && search(at + 1, so)) return true;
    for (const membership of stage.matching) {
      const both = joined(so, membership);
      if (both !== null && search(at + 1, both)) return true;
    }
    failed.add(key);
    return false;
  }

  return search(0, NOWHERE);
}

interface Stage {
  /** Where values that match stand, each place once. */
  matching: Membership[];
  /** Where the field stands at all, if its absence matches; else null. */
  absent: Membership[] | null;
}

function stageOf(matchers: readonly Matcher[], found: readonly Field[]): Stage {
  const matching = found.filter(({ value }) => matchers.some((matcher) => matcher !== 'absent' && matcher(value)));
  return { matching: places(matching), absent: matchers.includes('absent') ? places(found) : null };
}

function places(fields: readonly Field[]): Membership[] {
  return [...new Map(fields.map(({ membership }) => [keyOf(membership), membership])).values()];
}

function keyOf(membership: Membership): string {
  return [...membership].sort(([a], [b]) => a - b).join(';');
}

/** For each stage the lists that it and those after it look into: only these can contradict what was found before. */
function listsFrom(stages: readonly Stage[]): ReadonlySet<number>[] {
  const lists = new Set<number>();
  return stages
    .toReversed()
    .map(({ matching, absent }) => {
      for (const membership of [...matching, ...(absent ?? [])]) for (const list of membership.keys()) lists.add(list);
      return new Set(lists);
    })
    .toReversed();
}

/** Both memberships together; null where they name different items of one list. */
function joined(one: Membership, other: Membership): Membership | null {
  for (const [list, index] of other) if (one.has(list) && one.get(list) !== index) return null;
  return new Map([...one, ...other]);
}
