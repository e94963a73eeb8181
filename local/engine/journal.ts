// The engine's tables, in the same database as Maestro's records.
//
//   J1. What an execution writes in one turn is one row of `journal`, in that turn's transaction.
//   J2. An execution keeps the definition it started with: definitions are stored by content, once.
//   J3. Events are never changed; the row of an execution is changed once, when it ends.

import { createHash } from 'node:crypto';
import type { JsonObject } from '../../shared/json.ts';
import type { Database } from '../../shared/store/database.ts';
import type { ExecutionStatus, StateMachineType } from './types.ts';

const TABLES = [
  `CREATE TABLE IF NOT EXISTS engine_definitions (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, text TEXT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS engine_machines (id INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT NOT NULL,
    definition INTEGER NOT NULL, role_arn TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, revision TEXT NOT NULL,
    settings TEXT NOT NULL, tags TEXT NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS engine_executions (id INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, machine_arn TEXT NOT NULL, type TEXT NOT NULL,
    status TEXT NOT NULL, definition INTEGER NOT NULL, role_arn TEXT NOT NULL, started INTEGER NOT NULL, stopped INTEGER, error TEXT, cause TEXT,
    input TEXT NOT NULL, output TEXT)`,
  `CREATE INDEX IF NOT EXISTS engine_executions_machine ON engine_executions (machine_arn, id)`,
  `CREATE INDEX IF NOT EXISTS engine_executions_running ON engine_executions (id) WHERE status = 'RUNNING'`,
  `CREATE TABLE IF NOT EXISTS engine_journal (id INTEGER PRIMARY KEY, execution INTEGER NOT NULL, entries TEXT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS engine_journal_execution ON engine_journal (execution)`,
];

export interface MachineRow {
  id: number;
  arn: string;
  name: string;
  type: StateMachineType;
  definition: number;
  roleArn: string;
  created: number;
  updated: number;
  revision: string;
  /** logging, tracing, encryption: kept and shown, without effect here. */
  settings: JsonObject;
  tags: { key: string; value: string }[];
}

export interface ExecutionRow {
  id: number;
  arn: string;
  machineArn: string;
  type: StateMachineType;
  status: ExecutionStatus;
  definition: number;
  roleArn: string;
  /** Epoch ms. */
  started: number;
  stopped: number | null;
  error: string | null;
  cause: string | null;
  input: string;
  output: string | null;
}

const MACHINE = 'id, arn, name, type, definition, role_arn AS roleArn, created, updated, revision, settings, tags';
const EXECUTION =
  'id, arn, machine_arn AS machineArn, type, status, definition, role_arn AS roleArn, started, stopped, error, cause, input, output';

export type Journal = ReturnType<typeof createJournal>;

/** Makes the tables where they are missing, and the statements on them. */
export function createJournal(database: Database) {
  database.write(() => {
    for (const table of TABLES) database.prepare(table).run();
  });
  const run = (sql: string, ...values: (string | number | null)[]): void => {
    database.write(() => database.prepare(sql).run(...values));
  };
  const appendEntries = database.prepare('INSERT INTO engine_journal (execution, entries) VALUES (?, ?)');
  const insertExecution = database.prepare(
    `INSERT INTO engine_executions (id, arn, machine_arn, type, status, definition, role_arn, started, input) VALUES (?, ?, ?, ?, 'RUNNING', ?, ?, ?, ?)`,
  );
  const endExecution = database.prepare(
    'UPDATE engine_executions SET status = ?, stopped = ?, error = ?, cause = ?, output = ? WHERE id = ?',
  );

  return {
    /** The id of a definition's text, stored if new. */
    definitionId(text: string): number {
      const hash = createHash('sha256').update(text).digest('hex');
      run('INSERT OR IGNORE INTO engine_definitions (hash, text) VALUES (?, ?)', hash, text);
      return (database.prepare('SELECT id FROM engine_definitions WHERE hash = ?').get(hash) as { id: number }).id;
    },
    definition(id: number): string {
      return (database.prepare('SELECT text FROM engine_definitions WHERE id = ?').get(id) as { text: string }).text;
    },
    insertMachine(row: Omit<MachineRow, 'id'>): void {
      run(
        `INSERT INTO engine_machines (arn, name, type, definition, role_arn, created, updated, revision, settings, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[row.arn, row.name, row.type, row.definition, row.roleArn, row.created, row.updated, row.revision],
        JSON.stringify(row.settings),
        JSON.stringify(row.tags),
      );
    },
    updateMachine(row: MachineRow): void {
      run(
        `UPDATE engine_machines SET definition = ?, role_arn = ?, updated = ?, revision = ?, settings = ?, tags = ? WHERE id = ?`,
        ...[row.definition, row.roleArn, row.updated, row.revision, JSON.stringify(row.settings), JSON.stringify(row.tags), row.id],
      );
    },
    deleteMachine(arn: string): void {
      run('DELETE FROM engine_machines WHERE arn = ?', arn);
    },
    machine(arn: string): MachineRow | undefined {
      return readMachine(database.prepare(`SELECT ${MACHINE} FROM engine_machines WHERE arn = ?`).get(arn));
    },
    machines(after: number, limit: number): MachineRow[] {
      const rows = database.prepare(`SELECT ${MACHINE} FROM engine_machines WHERE id > ? ORDER BY id LIMIT ?`).all(after, limit);
      return rows.flatMap((row) => readMachine(row) ?? []);
    },
    nextExecutionId(): number {
      return (database.prepare('SELECT coalesce(max(id), 0) + 1 AS id FROM engine_executions').get() as { id: number }).id;
    },
    insertExecution(row: Omit<ExecutionRow, 'status' | 'stopped' | 'error' | 'cause' | 'output'>): void {
      database.write(() =>
        insertExecution.run(row.id, row.arn, row.machineArn, row.type, row.definition, row.roleArn, row.started, row.input),
      );
    },
    endExecution(
      id: number,
      status: ExecutionStatus,
      stopped: number,
      error: string | null,
      cause: string | null,
      output: string | null,
    ): void {
      database.write(() => endExecution.run(status, stopped, error, cause, output, id));
    },
    execution(arn: string): ExecutionRow | undefined {
      return database.prepare(`SELECT ${EXECUTION} FROM engine_executions WHERE arn = ?`).get(arn) as ExecutionRow | undefined;
    },
    running(after: number, limit: number): ExecutionRow[] {
      const sql = `SELECT ${EXECUTION} FROM engine_executions INDEXED BY engine_executions_running WHERE status = 'RUNNING' AND id > ? ORDER BY id LIMIT ?`;
      return database.prepare(sql).all(after, limit) as unknown as ExecutionRow[];
    },
    /** Newest first, ids below `before`. */
    executions(machineArn: string, status: string | undefined, before: number, limit: number): ExecutionRow[] {
      const sql = `SELECT ${EXECUTION} FROM engine_executions WHERE machine_arn = ? AND id < ? AND (? IS NULL OR status = ?) ORDER BY id DESC LIMIT ?`;
      return database.prepare(sql).all(machineArn, before, status ?? null, status ?? null, limit) as unknown as ExecutionRow[];
    },
    /** Writes inside the transaction that is open (see `beforeCommit`). */
    append(execution: number, entries: string): void {
      appendEntries.run(execution, entries);
    },
    entries(execution: number): string[] {
      const rows = database.prepare('SELECT entries FROM engine_journal WHERE execution = ? ORDER BY id').all(execution);
      return rows.map((row) => (row as { entries: string }).entries);
    },
  };
}

function readMachine(row: unknown): MachineRow | undefined {
  if (row === undefined) return undefined;
  const raw = row as Omit<MachineRow, 'settings' | 'tags'> & { settings: string; tags: string };
  return { ...raw, settings: JSON.parse(raw.settings), tags: JSON.parse(raw.tags) };
}
