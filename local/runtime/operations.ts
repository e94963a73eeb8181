// What can be asked of whoever holds a data folder: this process, or another one over its control address. One interface for both.

import * as z from 'zod';
import type { Envelope, RunList } from '../../shared/contract/index.ts';
import { RUN_STATUSES } from '../../shared/contract/index.ts';
import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';
import type { RunEvent } from '../../shared/runs/index.ts';
import type { InputSchema } from '../../shared/workflow/index.ts';

const json: z.ZodType<Json> = z.json();
const object = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'an object');

/** A compiled workflow as the runtime needs it; plain data, so that it can be handed to another process. */
export const registrationSchema = z.object({
  name: z.string(),
  version: z.string(),
  execution: z.enum(['standard', 'express']),
  timeoutMs: z.number(),
  definition: object,
  undoDefinition: object.nullable(),
  /** Placeholder → what has to stand there. */
  substitutions: z.record(
    z.string(),
    z.object({ kind: z.enum(['step', 'checkpoint', 'bus', 'workflow', 'undo']), workflow: z.string().exactOptional() }),
  ),
  /** Paths of the run's input that its templates read; `[]` among them: all of it. */
  inputPaths: z.array(z.array(z.string())),
  description: z.string().nullable().exactOptional(),
  /** JSON Schema subset of the input; null: anything is taken. */
  input: z
    .custom<InputSchema>((value) => isJsonObject(value))
    .nullable()
    .exactOptional(),
  /** Steps that a run may pass over. */
  conditional: z
    .array(z.object({ step: z.string(), at: z.string(), kind: z.enum(['call', 'callback', 'emit', 'workflow', 'checkpoint']) }))
    .exactOptional(),
  /** As written in the file. */
  triggers: z.array(json).exactOptional(),
  /** The file's text. */
  source: z.string().exactOptional(),
});

export type Registration = z.infer<typeof registrationSchema>;

export const startSchema = z.object({
  /** Registered first, children before those that call them. */
  registrations: z.array(registrationSchema),
  /** The workflow to start: one of those, or one that is registered already. */
  workflow: z.string(),
  input: json,
  /** Default: made. */
  runId: z.string().optional(),
  /** Shown with the run: where the workflow came from. */
  file: z.string().optional(),
});

export type StartRequest = z.infer<typeof startSchema>;

export const listSchema = z.object({
  status: z.enum(RUN_STATUSES).exactOptional(),
  workflow: z.string().exactOptional(),
  /** Epoch ms. */
  sinceMs: z.number().exactOptional(),
  limit: z.number().exactOptional(),
  cursor: z.string().exactOptional(),
});

export type ListRequest = z.infer<typeof listSchema>;

export interface BreakerSummary {
  origin: string;
  state: 'closed' | 'open' | 'half_open';
  /** When probes are let through again; null unless it is open. */
  retry_at: string | null;
}

/** Who holds the folder. */
export interface HolderStatus {
  pid: number;
  version: string;
  /** `execute` or `dev`. */
  role: string;
  data_folder: string;
  urls: { [name: string]: string };
}

export interface RunOperations {
  status(): Promise<HolderStatus>;
  /** Resolves when the start is durable. */
  start(request: StartRequest): Promise<{ runId: string }>;
  /**
   * Tells the events of a run, each after it was committed, and resolves with the run when it has ended.
   * @param after number of an event: only later ones are told and looked at. Default 0: all.
   */
  watch(runId: string, onEvent: (event: RunEvent) => void, after?: number): Promise<Envelope>;
  /** Newest first; every tenant's. */
  list(request: ListRequest): Promise<RunList>;
  /** @param id of a run or a job */
  get(id: string): Promise<Envelope>;
  /** Resolves when the request is recorded; the run ends on its own. `force`: it ends at once, nothing is undone, and all that is owed is listed. */
  cancel(runId: string, options?: { force?: boolean }): Promise<void>;
  /** Starts what is left of a run's undo; resolves when that is recorded, with the number of the last event before it. */
  undo(runId: string): Promise<{ after: number }>;
  breakers(): Promise<BreakerSummary[]>;
  /** Closes a breaker by hand; false when there is none. */
  resetBreaker(origin: string): Promise<boolean>;
}
