import { follow } from './follow.ts';
import { pagesOf } from './pages.ts';
import { API, RUNS, runPath } from './paths.ts';
import type { CallOptions, ServiceRequest, Transport } from './transport.ts';
import type { CheckpointAnswer, Envelope, Json, ListQuery, Run, RunEvent, RunList, RunRequest } from './types.ts';

/** What to run, and the key that makes it one job however often it is asked for. */
export type RunOptions = RunRequest & {
  /** 1 to 255 visible ASCII characters. Default: one for each call, so that its repetitions after a lost answer start nothing twice. */
  idempotencyKey?: string;
};

/** Runs: started, looked at, steered. `id` is a run's or a job's everywhere. */
export interface Orchestrate {
  /** Starts a run and tells its events to the end, as `stream` does. The run is started when the iteration begins. */
  run(request: RunOptions & { stream: true }, options?: CallOptions): AsyncGenerator<RunEvent, void>;
  /** Starts a run. With `mode: 'sync'` (default) answers when it has ended or waits at a checkpoint, or after 25 s; else at once. */
  run(request: RunOptions & { stream?: false }, options?: CallOptions): Promise<Envelope>;
  get(id: string, options?: CallOptions): Promise<Envelope>;
  /** One page, newest first. */
  list(query?: ListQuery, options?: CallOptions): Promise<RunList>;
  /** All runs that the query means, page after page. */
  listAll(query?: Omit<ListQuery, 'cursor'>, options?: CallOptions): AsyncGenerator<Run, void>;
  /**
   * The events of a run as they come, each once, in order, over as many connections as it takes; ends after the last, which carries the
   * envelope.
   * @param options.after number of an event: only later ones are told
   */
  stream(id: string, options?: CallOptions & { after?: number | string }): AsyncGenerator<RunEvent, void>;
  /** Answers a checkpoint. @throws MaestroError `invalid` (a wrong answer: it stays open), `conflict` (answered before), `gone` (expired) */
  resolveCheckpoint(id: string, checkpointId: string, answer: CheckpointAnswer, options?: CallOptions): Promise<Envelope>;
  /** Cancels with undo; `force` without, and what is owed is listed as left. */
  cancel(id: string, options?: CallOptions & { force?: boolean }): Promise<Envelope>;
  /** A new run of the same job. */
  retry(id: string, options?: CallOptions): Promise<Envelope>;
  /** Runs again the undos that failed. */
  undo(id: string, options?: CallOptions): Promise<Envelope>;
  artifacts(id: string, options?: CallOptions): Promise<Json>;
  /** Plans and prices a request, and runs nothing. */
  plan(request: Omit<RunRequest, 'stream' | 'mode'>, options?: CallOptions): Promise<Json>;
}

export function createOrchestrate(transport: Transport): Orchestrate {
  function run(request: RunOptions & { stream: true }, options?: CallOptions): AsyncGenerator<RunEvent, void>;
  function run(request: RunOptions & { stream?: false }, options?: CallOptions): Promise<Envelope>;
  function run(request: RunOptions, options: CallOptions = {}): AsyncGenerator<RunEvent, void> | Promise<Envelope> {
    const { idempotencyKey = transport.platform.newKey(), ...body } = request;
    const start: ServiceRequest = {
      method: 'POST',
      path: RUNS,
      body,
      headers: { 'idempotency-key': idempotencyKey, ...(body.stream ? { accept: 'text/event-stream' } : {}) },
      repeatable: true,
    };
    return body.stream ? follow(transport, { start, id: undefined, after: 0 }, options) : transport.json<Envelope>(start, options);
  }

  function post(id: string, what: string, body: object, options: CallOptions | undefined): Promise<Envelope> {
    // Twice does no more than once, or would begin another run; either way a second answer would not be the first's. So: T1 only.
    return transport.json({ method: 'POST', path: `${runPath(id)}/${what}`, body, repeatable: false }, options);
  }

  const list = (query: ListQuery = {}, options?: CallOptions): Promise<RunList> =>
    transport.json({ method: 'GET', path: RUNS, query: { ...query }, repeatable: true }, options);

  return {
    run,
    list,
    listAll: (query, options) => pagesOf((cursor) => list({ ...query, ...cursor }, options)),
    get: (id, options) => transport.json({ method: 'GET', path: runPath(id), repeatable: true }, options),
    stream: (id, { after = 0, ...options } = {}) => follow(transport, { id, after: Number(after) }, options),
    resolveCheckpoint: (id, checkpointId, answer, options) => post(id, `checkpoints/${encodeURIComponent(checkpointId)}`, answer, options),
    cancel: (id, { force, ...options } = {}) => post(id, 'cancel', force ? { force } : {}, options),
    retry: (id, options) => post(id, 'retry', {}, options),
    undo: (id, options) => post(id, 'undo', {}, options),
    artifacts: (id, options) => transport.json({ method: 'GET', path: `${runPath(id)}/artifacts`, repeatable: true }, options),
    plan: (body, options) => transport.json({ method: 'POST', path: `${API}/orchestrate/plan`, body, repeatable: true }, options),
  };
}
