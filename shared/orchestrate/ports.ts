// What the service needs of the world around it. Two sets of adapters: AWS (`functions/aws`) and the embedded default (`local/service`).

import type { Json, JsonObject } from '../json.ts';
import type { CancelExecutions, RunEvent } from '../runs/index.ts';
import type { ConditionalStep, InputSchema } from '../workflow/index.ts';

export { DEFAULT_TENANT } from '../runs/index.ts';

/** A workflow as the service needs it: plain data. */
export interface CatalogEntry {
  name: string;
  version: string;
  description: string | null;
  execution: 'standard' | 'express';
  /** The run's own time limit. */
  timeoutMs: number;
  /** JSON Schema subset of the input; null: anything is taken. */
  input: InputSchema | null;
  /** Paths of the input that the definition's states read (`needs.inputPaths` of the compiler). */
  inputPaths: string[][];
  /** Steps that a run may pass over; left out: not known. */
  conditional?: ConditionalStep[];
  /** As written in the file. */
  triggers: Json[];
  /** The YAML text, where it is known. */
  source: string | null;
  /** Unqualified ARN of the state machine. */
  machineArn: string;
  /** What is started: the `live` alias on AWS, the machine itself locally. */
  startArn: string;
  /** ARN of `<name>-undo` (its alias on AWS); null where nothing can be undone. */
  undoArn: string | null;
}

/** What has to be known of a workflow to start it. */
export type StartedWorkflow = Pick<CatalogEntry, 'name' | 'version' | 'execution' | 'timeoutMs' | 'inputPaths' | 'startArn'>;

/** The workflows that are there. */
export interface Catalog {
  find(name: string): Promise<CatalogEntry | undefined>;
  /** By name. */
  list(): Promise<CatalogEntry[]>;
  /** The workflow whose machine this is, with or without a version or alias; undefined when it is none of ours. */
  nameOf(machineArn: string): Promise<string | undefined>;
  /**
   * Compiles and deploys the text of a workflow file; replaces one of the same name. Left out: not here.
   * @throws ApiError `invalid` with the compiler's diagnostics as details
   */
  deploy?(text: string): Promise<CatalogEntry>;
  /** Takes a deployed workflow away; runs in flight go on. False: there is none. @throws ApiError `conflict` for one that was not deployed by `deploy` */
  remove?(name: string): Promise<boolean>;
}

/** StartExecution was refused for its rate; nothing was started. */
export class ThrottledError extends Error {
  override readonly name = 'ThrottledError';
}

/** Step Functions, or the embedded engine. */
export interface Executions extends CancelExecutions {
  /**
   * Starts an execution. For a Standard machine the same name and input again is the same execution: also when it has ended
   * (`ExecutionAlreadyExists` is success).
   * @throws ThrottledError
   */
  start(request: { entry: StartedWorkflow; name: string; input: Json }): Promise<{
    executionArn: string;
    /** The start as the execution's states see it: `$states.context.Execution.StartTime`. */
    startTime: string;
  }>;
  /** Answers a task token. One that was answered, timed out or is gone is no error. `output`: any JSON. */
  succeedTask(token: string, output: Json): Promise<void>;
}

/** Queued runs. A message is only the run's id: everything else is on record. */
export interface Queue {
  /** @throws ThrottledError, or what the adapter throws when the message was not taken */
  send(runId: string): Promise<void>;
}

/** An event as EventBridge delivers it. */
export interface BusEvent {
  version: '0';
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  /** ISO 8601, UTC. */
  time: string;
  region: string;
  resources: string[];
  detail: JsonObject;
}

/** What is put: the bus fills in the rest. */
export type NewBusEvent = Pick<BusEvent, 'source' | 'detail-type' | 'detail'> & { resources?: string[]; time?: string };

export interface Bus {
  /** Ids of the events, in order. At most 10 at a time. @throws when one was not taken */
  put(events: NewBusEvent[]): Promise<string[]>;
}

/** A run's events as they come. */
export interface EventFeed {
  /**
   * The events after number `after`, each once, in order, none missing; ends after the one that ends the run (if nothing of the run goes on),
   * when `signal` is aborted, or when `untilMs` (epoch) has passed. Every event is durable when it is told.
   */
  follow(runId: string, after: number, options?: { signal?: AbortSignal; untilMs?: number }): AsyncIterable<RunEvent>;
  /** Resolves when the run has ended or waits at a checkpoint, or `untilMs` (epoch) has passed. Reads Maestro's own records only. */
  settled(runId: string, untilMs: number): Promise<void>;
}

/** Chance and names. */
export interface ServiceIds {
  /** `<prefix>_` and a ULID. */
  id(prefix: 'run' | 'req' | 'plan'): string;
  /** URL-safe, 128 bits or more, without dots. */
  secret(): string;
}

/** Who asks: made by authentication, believed by everything behind it. */
export interface Caller {
  tenant: string;
  authMode: 'api_key' | 'service' | 'localhost' | 'callback' | 'internal';
  /** Key id, or IAM ARN: shown in receipts and as `by` of an answer. */
  principal: string;
  scopes: readonly ('run' | 'read' | 'admin')[];
}

/** Where a request came in, for the audit. */
export interface RequestSource {
  /** `req_…` */
  requestId: string;
  method: string;
  /** The route's pattern, without ids. */
  route: string;
}
