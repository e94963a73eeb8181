// What Maestro needs of a store: single-item conditional writes and strongly consistent reads, nothing else.
// Two adapters: `dynamodb/` on AWS, `sqlite/` on one machine. One contract suite runs on both.

import type { Json, JsonObject } from '../json.ts';

/** An item's key: partition and sort key. Items of one `pk` are ordered by `sk` in byte order of UTF-8. */
export interface Key {
  pk: string;
  sk: string;
}

/** Holds for the item as it is now, or the write is not made. A missing item has no fields. */
export interface Condition {
  /** The item must not exist. */
  absent?: true;
  /** The item must exist. */
  present?: true;
  /** Each field equals this value (null: the field is missing or null). */
  equals?: { [field: string]: string | number | boolean | null };
  /** Each field is one of these. */
  oneOf?: { [field: string]: (string | number)[] };
  /** Each field is a number and at least this. */
  atLeast?: { [field: string]: number };
}

export interface Change {
  set?: JsonObject;
  /** Added atomically; a missing field counts as 0. */
  add?: { [field: string]: number };
  remove?: string[];
  /** Epoch seconds. Left out: as it is. */
  expiresAt?: number;
}

export interface ListOptions {
  /** Only sort keys that begin with this. */
  prefix?: string;
  /** Only sort keys after (or, with `reverse`, before) this one. */
  after?: string;
  reverse?: boolean;
  limit?: number;
}

export interface Item extends Key {
  body: JsonObject;
}

/**
 * Bodies are values: one that was given to the store or came from it is not changed afterwards, by either side (an adapter may keep it).
 * An item whose `expiresAt` has passed may be gone at any moment and may also still be there.
 */
export interface Store {
  /** Strongly consistent, in the order asked; undefined where there is no item. At most 100 keys. */
  read(keys: Key[]): Promise<(JsonObject | undefined)[]>;
  /** Replaces the whole item. False when the condition did not hold. `expiresAt`: epoch seconds. */
  put(key: Key, body: JsonObject, condition?: Condition, expiresAt?: number): Promise<boolean>;
  /** Changes fields of the item (creating it if the condition allows). The item after the change, or undefined when the condition did not hold. */
  update(key: Key, change: Change, condition?: Condition): Promise<JsonObject | undefined>;
  delete(key: Key, condition?: Condition): Promise<boolean>;
  /** Items of one partition in order. */
  list(pk: string, options?: ListOptions): Promise<Item[]>;
  /**
   * Resolves when everything written so far is durable. A write's own promise may resolve earlier (SQLite: inside the turn's transaction), so
   * this is awaited before anything leaves the process. DynamoDB: at once.
   */
  durable(): Promise<void>;
}

/** Large values, addressed by key below a run's own prefix. S3 on AWS, a folder locally. */
export interface Blobs {
  put(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
}

export type { Json };
