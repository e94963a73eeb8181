// A service on loopback that does what a test tells it to, and a platform whose pauses take no time.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Envelope, Orchestration, Platform, RunStatus } from '../../sdk/index.ts';

export const RUN_ID = 'run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V';
export const JOB_ID = 'job_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V';

/** The client's own time limits: these never pass by themselves. */
const LIMITS_MS = new Set([60_000, 45_000]);

export interface TestPlatform extends Platform {
  /** Every pause that was made, ms. */
  pauses: number[];
  /** Lets the time limits of this length pass, of what goes on now. */
  expire(ms: number): void;
}

/** Pauses pass at once; `random` is 1, so that they are as long as they get. */
export function testPlatform(): TestPlatform {
  const limits = new Set<{ ms: number; fire: () => void }>();
  let keys = 0;
  const pauses: number[] = [];
  return {
    pauses,
    now: () => Date.parse('2026-01-01T00:00:00Z'),
    random: () => 1,
    newKey: () => `key-${++keys}`,
    setTimer(ms, fire) {
      if (!LIMITS_MS.has(ms)) {
        pauses.push(ms);
        const soon = setImmediate(fire);
        return () => clearImmediate(soon);
      }
      const limit = { ms, fire };
      limits.add(limit);
      return () => limits.delete(limit);
    },
    expire(ms) {
      for (const limit of limits) if (limit.ms === ms) limit.fire();
    },
  };
}

export interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Handler = (response: ServerResponse, asked: Asked) => void;

export interface TestService {
  url: string;
  /** Every request, in order. */
  asked: Asked[];
  close(): Promise<void>;
}

/** Answers request number n with handler number n, and all after the last with the last. */
export async function startService(...handlers: Handler[]): Promise<TestService> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request
      .setEncoding('utf8')
      .on('data', (text: string) => {
        body += text;
      })
      .on('end', () => {
        const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
        asked.push(one);
        handlers[Math.min(asked.length, handlers.length) - 1]?.(response, one);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Answers JSON. */
export function json(status: number, body: unknown, headers: { [name: string]: string } = {}): Handler {
  return (response) => void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Answers an error as the service does. */
export function refusal(status: number, code: string, headers: { [name: string]: string } = {}, details?: unknown): Handler {
  return json(status, { error: { code, message: `it is ${code}`, request_id: 'req_1', ...(details ? { details } : {}) } }, headers);
}

/** Answers a stream: the text, then its end; `cut`: the connection breaks instead. */
export function stream(text: string, ending: 'end' | 'cut' | 'open' = 'end'): Handler {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (ending === 'end') response.end(text);
    else response.write(text === '' ? ': hello\n\n' : text, () => ending === 'cut' && response.socket?.resetAndDestroy());
  };
}

/** Breaks the connection without a word. */
export const cut: Handler = (response) => void response.socket?.resetAndDestroy();

/** Never answers. */
export const silence: Handler = () => {};

/** An event of the run as the service writes it; the last of a run carries the envelope. */
export function sse(number: number, type: string, status?: RunStatus): string {
  const event = {
    id: String(number),
    type,
    job_id: JOB_ID,
    run_id: RUN_ID,
    at: '2026-01-01T00:00:00.000Z',
    ...(status ? { envelope: envelope(status) } : {}),
  };
  return `id: ${number}\nevent: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** A run of `hello` at this status. */
export function envelope(status: RunStatus, more: Partial<Orchestration> = {}): Envelope {
  const run = {
    object: 'run' as const,
    id: RUN_ID,
    job_id: JOB_ID,
    status,
    mode: 'sync' as const,
    workflow: 'hello',
    version: '1',
    plan_id: null,
    execution: null,
    created_at: '2026-01-01T00:00:00.000Z',
    started_at: '2026-01-01T00:00:00.010Z',
    completed_at: null,
    deadline: null,
    duration_ms: 10,
    attempt: 1,
    retry_of: null,
    cancel_requested: false,
    metadata: null,
  };
  return {
    object: 'orchestration',
    data: {
      job_id: JOB_ID,
      run_id: RUN_ID,
      plan_id: null,
      status,
      job: {
        object: 'job',
        id: JOB_ID,
        kind: 'orchestration',
        status,
        mode: 'sync',
        durability: 'persisted',
        run_id: RUN_ID,
        created_at: run.created_at,
      },
      run,
      steps: [],
      input: {},
      output: null,
      error: null,
      undo: { undone: [], left: [], unresolved: [], irreversible: [] },
      pending_checkpoint: null,
      pending_checkpoints: [],
      artifacts: [],
      cost: null,
      audit_receipt: null,
      ...more,
    },
  };
}
