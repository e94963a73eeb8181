// One SQLite database per data folder, shared by the engine's journal and the records, with group commit.
//
//   D1. Every write of one event-loop turn, whoever makes it, is in one transaction; reads on this connection see it at once.
//   D2. The transaction is committed at the end of the turn (setImmediate). `committed()` resolves after that.
//   D3. Commit before effect: whoever lets something out of the process (a request, an answer, an event) that depends on a write
//       awaits `committed()` first. Steps within the process need not wait.
//   D4. A commit that fails (disk full, folder read-only) rejects every waiting `committed()` and every later one: what was not
//       written is not pretended. `onFailure` is told once, so that the process can stop.
//   D5. Who collects a turn's rows and writes them at its end does that in a `beforeCommit` hook, inside the transaction; a `write`
//       when the first row is collected makes sure that there is one.

import { chmodSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

const IN_MEMORY = ':memory:';
/** SQLite's files beside it get the same. */
const OWNER_ONLY = 0o600;

/** `power`: survives power loss (synchronous=FULL). `process`: survives kill -9 (NORMAL, no fsync per commit). */
export type Durability = 'power' | 'process';

export interface DatabaseOptions {
  /** A path, or `:memory:`. */
  path: string;
  durability?: Durability;
  /** Told once, when a commit has failed. */
  onFailure?: (error: Error) => void;
}

export interface Database {
  /** A prepared statement, cached by its text. */
  prepare(sql: string): StatementSync;
  /** Runs `change` inside this turn's transaction and returns what it returns. */
  write<T>(change: () => T): T;
  /** Resolves when everything written so far is durable; at once when nothing is pending. Rejects as D4 says. */
  committed(): Promise<void>;
  /** Calls `hook` just before every commit, inside its transaction; what it writes belongs to it. Returns how to take it back. */
  beforeCommit(hook: () => void): () => void;
  /** Transactions committed so far, for the benchmarks. */
  readonly commits: number;
  /** Commits what is pending and closes. */
  close(): void;
}

/**
 * Opens (and creates) the database.
 * @throws Error of node:sqlite when the file cannot be opened or is no database
 */
export function openDatabase(options: DatabaseOptions): Database {
  const sqlite = new DatabaseSync(options.path);
  // Whose folder it is in may be open to others: what runs were given is not.
  if (options.path !== IN_MEMORY) chmodSync(options.path, OWNER_ONLY);
  sqlite.exec(
    `PRAGMA journal_mode=WAL; PRAGMA synchronous=${options.durability === 'process' ? 'NORMAL' : 'FULL'}; PRAGMA busy_timeout=0; PRAGMA wal_autocheckpoint=4000`,
  );
  const statements = new Map<string, StatementSync>();
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let open = false;
  let failed: Error | undefined;
  let closed = false;
  let commits = 0;
  const hooks = new Set<() => void>();

  function fail(error: Error): void {
    failed = error;
    const told = waiting;
    waiting = [];
    for (const { reject } of told) reject(error);
    options.onFailure?.(error);
  }

  function commit(): void {
    if (!open || failed) return;
    try {
      for (const hook of hooks) hook();
      open = false;
      sqlite.exec('COMMIT');
      commits++;
    } catch (error) {
      return fail(error as Error);
    }
    const told = waiting;
    waiting = [];
    for (const { resolve } of told) resolve();
  }

  return {
    prepare(sql) {
      let statement = statements.get(sql);
      if (!statement) statements.set(sql, (statement = sqlite.prepare(sql)));
      return statement;
    },
    write(change) {
      if (failed) throw failed;
      if (!open) {
        sqlite.exec('BEGIN IMMEDIATE');
        open = true;
        setImmediate(commit);
      }
      return change();
    },
    committed() {
      if (failed) return Promise.reject(failed);
      if (!open) return Promise.resolve();
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    beforeCommit(hook) {
      hooks.add(hook);
      return () => hooks.delete(hook);
    },
    get commits() {
      return commits;
    },
    close() {
      if (closed) return;
      commit();
      closed = true;
      sqlite.close();
    },
  };
}
