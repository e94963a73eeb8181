// The public door of the ports. The adapters have doors of their own (`sqlite/`, `dynamodb/`), so that neither drags in the other's driver.

export type { Database, DatabaseOptions, Durability } from './database.ts';
export type { Blobs, Change, Condition, Item, Key, ListOptions, Store } from './ports.ts';
