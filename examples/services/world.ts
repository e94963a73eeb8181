// What the demo services have done so far. Undo is visible here: a collection that is empty again was cleaned up.

import type { Json, JsonObject } from './json.ts';

/** Everything that a demo operation can create, by kind. */
const KINDS = [
  'reports',
  'files',
  'thumbnails',
  'videos',
  'instances',
  'deployments',
  'targets',
  'dns_records',
  'leads',
  'assignments',
  'campaign_members',
  'reservations',
  'charges',
  'refunds',
  'shipments',
  'accounts',
  'subscriptions',
  'workspaces',
  'mails',
  'notifications',
] as const;

type Kind = (typeof KINDS)[number];

export interface World {
  /** Adds a thing under the next id of its kind (`charge-1`, `charge-2`, ...), or under the given id; returns it with its `id`. */
  add(kind: Kind, thing: JsonObject, id?: string): JsonObject & { id: string };
  get(kind: Kind, id: string): JsonObject | undefined;
  /** Removes a thing; false when there was none, so that removing twice is harmless. */
  remove(kind: Kind, id: string): boolean;
  all(kind: Kind): JsonObject[];
  /** All kinds that hold something, each with its things in the order of creation. */
  snapshot(): { [kind: string]: Json[] };
  /** Empties everything and starts the ids anew. */
  reset(): void;
}

/** Makes an empty world. Ids are counted per kind, never random, so that a run can be repeated to the letter. */
export function createWorld(): World {
  const things = new Map<Kind, Map<string, JsonObject>>(KINDS.map((kind) => [kind, new Map()]));
  const counters = new Map<Kind, number>();
  const of = (kind: Kind): Map<string, JsonObject> => {
    const found = things.get(kind);
    if (found === undefined) throw new Error(`the demo world has no kind "${kind}"`);
    return found;
  };
  const nextId = (kind: Kind): string => {
    const count = (counters.get(kind) ?? 0) + 1;
    counters.set(kind, count);
    return `${kind.replace(/s$/, '').replaceAll('_', '-')}-${count}`;
  };
  return {
    add(kind, thing, id = nextId(kind)) {
      const made = { ...thing, id };
      of(kind).set(id, made);
      return made;
    },
    get: (kind, id) => of(kind).get(id),
    remove: (kind, id) => of(kind).delete(id),
    all: (kind) => [...of(kind).values()],
    snapshot: () => Object.fromEntries([...things].filter(([, held]) => held.size > 0).map(([kind, held]) => [kind, [...held.values()]])),
    reset() {
      for (const held of things.values()) held.clear();
      counters.clear();
    },
  };
}
