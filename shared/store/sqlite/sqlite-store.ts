// The `Store` on SQLite: one table of JSON texts, with the conditions evaluated here.
//
//   S1. This process is the only writer of the table, so a body that it wrote or read once stays true until it writes it again.
//   S2. Writes run at once, inside the turn's transaction of the `Database`; their promises resolve at once; `durable()` waits for the commit.
//   S3. A partition that was empty when it was first written to is known completely: a missing item of it costs no query.

import type { JsonObject } from '../../json.ts';
import { applyChange, conditionHolds } from '../condition.ts';
import type { Database } from '../database.ts';
import type { Condition, Item, ListOptions, Store } from '../ports.ts';

/** Partitions whose items are kept in memory: enough for the runs that are busy at once; waiting runs fall out and are read again. */
const KEPT_PARTITIONS = 512;
/** Items kept of one partition: beyond it (a foreach over thousands of items) they are read from the database again. */
const KEPT_ITEMS = 2_000;

/** Keys whose order in UTF-8 is that of JavaScript's comparison. */
const ASCII = /^[\x20-\x7e]*$/;

const CREATE =
  'CREATE TABLE IF NOT EXISTS items (pk TEXT NOT NULL, sk TEXT NOT NULL, body TEXT NOT NULL, expires INTEGER, PRIMARY KEY (pk, sk)) WITHOUT ROWID';
const GET = 'SELECT body FROM items WHERE pk = ? AND sk = ?';
const ANY = 'SELECT 1 FROM items WHERE pk = ? LIMIT 1';
const PUT =
  'INSERT INTO items (pk, sk, body, expires) VALUES (?, ?, ?, ?) ON CONFLICT (pk, sk) DO UPDATE SET body = excluded.body, expires = excluded.expires';
const CHANGE =
  'INSERT INTO items (pk, sk, body, expires) VALUES (?, ?, ?, ?) ON CONFLICT (pk, sk) DO UPDATE SET body = excluded.body, expires = coalesce(excluded.expires, expires)';
/** For an item that is known not to be there: cheaper than asking SQLite to look for a conflict. */
const INSERT = 'INSERT INTO items (pk, sk, body, expires) VALUES (?, ?, ?, ?)';
const DELETE = 'DELETE FROM items WHERE pk = ? AND sk = ?';
/** Scans the table: done once an hour at most. An index would cost every write a second one. */
const EXPIRE = 'DELETE FROM items WHERE expires IS NOT NULL AND expires <= ?';

export interface SqliteStore extends Store {
  /** Deletes what expired, as DynamoDB's TTL does. `nowSec`: epoch seconds. The number of items deleted. */
  deleteExpired(nowSec: number): number;
}

/** What is known of a partition. `undefined` in `items`: known not to exist. */
interface Partition {
  items: Map<string, JsonObject | undefined>;
  complete: boolean;
}

/** Opens the store on a database that is this process's own (S1); creates its table when it is not there. */
export function createSqliteStore(database: Database): SqliteStore {
  database.write(() => {
    database.prepare(CREATE).run();
  });
  const [getItem, anyItem, putItem, insertItem, changeItem, deleteItem] = [GET, ANY, PUT, INSERT, CHANGE, DELETE].map((sql) =>
    database.prepare(sql),
  );
  if (!getItem || !anyItem || !putItem || !insertItem || !changeItem || !deleteItem)
    throw new Error('sqlite store: statements were not prepared');
  const partitions = new Map<string, Partition>();

  function partition(pk: string): Partition {
    let found = partitions.get(pk);
    if (found) return found;
    found = { items: new Map(), complete: anyItem?.get(pk) === undefined };
    partitions.set(pk, found);
    if (partitions.size > KEPT_PARTITIONS) {
      const oldest = partitions.keys().next().value;
      if (oldest !== undefined) partitions.delete(oldest);
    }
    return found;
  }

  function keep(pk: string, sk: string, body: JsonObject | undefined): void {
    const found = partition(pk);
    if (found.items.size >= KEPT_ITEMS && !found.items.has(sk)) {
      found.items.clear();
      found.complete = false;
    }
    found.items.set(sk, body);
  }

  function current(pk: string, sk: string): JsonObject | undefined {
    const found = partition(pk);
    const known = found.items.get(sk);
    if (known !== undefined || found.complete || found.items.has(sk)) return known;
    const row = getItem?.get(pk, sk);
    const body = row === undefined ? undefined : (JSON.parse(String(row.body)) as JsonObject);
    keep(pk, sk, body);
    return body;
  }

  function allowed(pk: string, sk: string, condition: Condition | undefined): boolean {
    return condition === undefined || conditionHolds(current(pk, sk), condition);
  }

  return {
    async read(keys) {
      return keys.map(({ pk, sk }) => current(pk, sk));
    },
    async put({ pk, sk }, body, condition, expiresAt) {
      if (!allowed(pk, sk, condition)) return false;
      // The partition's knowledge is taken before the write: after it, an empty partition is no longer seen as one.
      const { complete, items } = partition(pk);
      const statement = condition?.absent || (complete && items.get(sk) === undefined) ? insertItem : putItem;
      database.write(() => statement.run(pk, sk, JSON.stringify(body), expiresAt ?? null));
      keep(pk, sk, body);
      return true;
    },
    async update({ pk, sk }, change, condition) {
      const before = current(pk, sk);
      if (condition && !conditionHolds(before, condition)) return undefined;
      const body = applyChange(before, change);
      database.write(() => changeItem.run(pk, sk, JSON.stringify(body), change.expiresAt ?? null));
      keep(pk, sk, body);
      return body;
    },
    async delete({ pk, sk }, condition) {
      if (!allowed(pk, sk, condition)) return false;
      partition(pk);
      database.write(() => deleteItem.run(pk, sk));
      keep(pk, sk, undefined);
      return true;
    },
    async list(pk, options = {}) {
      const known = partitions.get(pk);
      if (known?.complete) {
        const found = listKnown(pk, known.items, options);
        if (found) return found;
      }
      const where = ['pk = ?'];
      const values: (string | number)[] = [pk];
      if (options.prefix) {
        // Code points are compared as UTF-8 bytes, and U+10FFFF is the greatest of them.
        where.push('sk >= ? AND sk < ?');
        values.push(options.prefix, `${options.prefix}\u{10FFFF}\u{10FFFF}`);
      }
      if (options.after !== undefined) {
        where.push(options.reverse ? 'sk < ?' : 'sk > ?');
        values.push(options.after);
      }
      values.push(options.limit ?? -1);
      const sql = `SELECT sk, body FROM items WHERE ${where.join(' AND ')} ORDER BY sk ${options.reverse ? 'DESC' : 'ASC'} LIMIT ?`;
      const rows = database.prepare(sql).all(...values);
      return rows.map((row): Item => ({ pk, sk: String(row.sk), body: JSON.parse(String(row.body)) as JsonObject }));
    },
    durable: () => database.committed(),
    deleteExpired(nowSec) {
      const removed = Number(database.write(() => database.prepare(EXPIRE).run(nowSec)).changes);
      if (removed > 0) partitions.clear();
      return removed;
    },
  };
}

/** A list from what is known of a whole partition; undefined where a key is not plain ASCII, whose order JavaScript does not know. */
function listKnown(pk: string, items: Partition['items'], { prefix = '', after, reverse = false, limit }: ListOptions): Item[] | undefined {
  const found: Item[] = [];
  for (const [sk, body] of items) {
    if (!ASCII.test(sk)) return undefined;
    if (body === undefined || !sk.startsWith(prefix)) continue;
    if (after === undefined || (reverse ? sk < after : sk > after)) found.push({ pk, sk, body });
  }
  found.sort((a, b) => (a.sk < b.sk === reverse ? 1 : -1));
  return limit === undefined ? found : found.slice(0, limit);
}
