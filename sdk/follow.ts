// A run's events as they come, over as many connections as it takes.
//
//   F1. Each event is told once, in order: a connection goes on after the last event that was told (`Last-Event-ID`), and what a server tells
//       again is passed over.
//   F2. It ends after the event that carries the envelope; or, where there is no such event any more to come, when the run has ended and a
//       further connection brought nothing.
//   F3. A stream that the server ends is no failure. A connection that is lost, or silent for too long, is one; an event that comes makes
//       up for all before it. A stream that was there is missed for longer than one that never was: services are restarted.

import { ConnectionError, MaestroError } from './errors.ts';
import { runPath } from './paths.ts';
import { pause } from './platform.ts';
import { createEventParser, readEvents, type ServerSentEvent } from './server-sent-events.ts';
import type { CallOptions, ServiceRequest, Transport } from './transport.ts';
import type { Envelope, RunEvent, RunStatus } from './types.ts';

/** The service sends a comment every 15 s; a connection that is silent for three of them is gone. */
const LONGEST_SILENCE_MS = 45_000;

/** Pause before a stream that the server ended is taken up again, unless it says otherwise (`retry:`). */
const RECONNECT_MS = 1_000;

/** Status of a stream of which everything was told. */
const NOTHING_MORE = 204;

const ENDED: ReadonlySet<RunStatus> = new Set(['completed', 'failed', 'compensated', 'compensation_failed', 'cancelled']);

export interface FollowTarget {
  /** The first request, where it is another than the one for the run's events: the start of a run, which answers with its stream. */
  start?: ServiceRequest;
  /** Run or job; undefined until the first answer tells it. */
  id: string | undefined;
  /** Events up to this number are not told. */
  after: number;
}

/** What is known of the run, and how far it was told. */
interface Position {
  start: ServiceRequest | undefined;
  id: string | undefined;
  after: number;
  /** Pause before the next connection, ms. */
  retryMs: number;
  /** The service said that there is nothing more to come. */
  over: boolean;
  /** There was a stream: whoever has one is worth more patience. */
  connected: boolean;
}

/**
 * Tells a run's events until it has ended.
 * @throws MaestroError for what the service refuses, ConnectionError when it cannot be reached any more, the signal's reason
 */
export async function* follow(transport: Transport, target: FollowTarget, options: CallOptions = {}): AsyncGenerator<RunEvent, void> {
  const at: Position = { start: target.start, id: target.id, after: target.after, retryMs: RECONNECT_MS, over: false, connected: false };
  let failures = 0;
  let hasEnded = false;
  for (;;) {
    const isStart = at.id === undefined;
    let told = false;
    try {
      for await (const event of connect(transport, at, options)) {
        told = true;
        failures = 0;
        yield event;
        if (event.envelope) return;
      }
    } catch (error) {
      const pauseMs = transport.pauseAfter(error, ++failures, at.connected ? transport.streamRetries : transport.retries, true);
      if (pauseMs === undefined) throw error;
      await pause(transport.platform, error instanceof ConnectionError ? Math.max(pauseMs, at.retryMs) : pauseMs, options.signal);
      continue;
    }
    if (at.over) return;
    failures = 0;
    if (isStart && !told) continue;
    if (!told) {
      if (hasEnded) return;
      hasEnded = await runHasEnded(transport, at.id ?? '', options);
    }
    await pause(transport.platform, hasEnded ? 0 : at.retryMs, options.signal);
  }
}

/** One connection: its events, to its end. Moves the position on. */
async function* connect(transport: Transport, at: Position, options: CallOptions): AsyncGenerator<RunEvent, void> {
  const request = at.id === undefined && at.start ? at.start : eventsRequest(at.id ?? '', at.after);
  const response = await transport.open(request, options);
  const type = response.headers.get('content-type') ?? '';
  if (response.status === NOTHING_MORE) {
    at.over = true;
    return;
  }
  if (!response.body || !type.startsWith('text/event-stream')) {
    // The start of a run may be answered with its envelope alone.
    at.id = readRunId(await response.text(), request, response.status);
    return;
  }
  at.connected = true;
  const watch = watchSilence(transport, options.signal);
  const parser = createEventParser();
  try {
    for await (const message of readEvents(response.body, parser, watch)) {
      at.retryMs = parser.retryMs() ?? at.retryMs;
      const event = readEvent(message, request);
      at.id = event.run_id;
      if (Number(event.id) <= at.after) continue;
      at.after = Number(event.id);
      yield event;
    }
    at.retryMs = parser.retryMs() ?? at.retryMs;
    if (at.id === undefined) throw new Error('it ended before the run was named');
  } catch (error) {
    if (error instanceof MaestroError) throw error;
    watch.check();
    throw new ConnectionError(
      `${request.method} ${request.path}: the stream broke`,
      { code: 'connection', maybePerformed: true },
      { cause: error },
    );
  } finally {
    watch.end();
  }
  watch.check();
}

interface SilenceWatch {
  signal: AbortSignal;
  onRead(): void;
  /** @throws the caller's reason, or ConnectionError when it was silent for too long */
  check(): void;
  end(): void;
}

/** Aborts its signal when nothing is read for too long, or the caller's signal is aborted. */
function watchSilence({ platform }: Transport, signal: AbortSignal | undefined): SilenceWatch {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  let cancel = platform.setTimer(LONGEST_SILENCE_MS, stop);
  return {
    signal: abort.signal,
    onRead() {
      cancel();
      cancel = platform.setTimer(LONGEST_SILENCE_MS, stop);
    },
    check() {
      signal?.throwIfAborted();
      if (abort.signal.aborted)
        throw new ConnectionError(`events: nothing came for ${LONGEST_SILENCE_MS} ms`, { code: 'timeout', maybePerformed: true });
    },
    end() {
      cancel();
      signal?.removeEventListener('abort', stop);
    },
  };
}

async function runHasEnded(transport: Transport, id: string, options: CallOptions): Promise<boolean> {
  const { data } = await transport.json<Envelope>({ method: 'GET', path: runPath(id), repeatable: true }, options);
  return ENDED.has(data.status);
}

function eventsRequest(id: string, after: number): ServiceRequest {
  return {
    method: 'GET',
    path: `${runPath(id)}/events`,
    headers: { accept: 'text/event-stream', ...(after > 0 ? { 'last-event-id': String(after) } : {}) },
    repeatable: true,
  };
}

function readRunId(text: string, request: ServiceRequest, status: number): string {
  const id = parse(text)?.['data'];
  if (isRecord(id) && typeof id['run_id'] === 'string') return id['run_id'];
  throw notEvents(request, status);
}

/** Fields are the service's own; only what is relied on here is looked at. */
function readEvent({ data, id }: ServerSentEvent, request: ServiceRequest): RunEvent {
  const event = parse(data);
  const number = event?.['id'] ?? id;
  if (!event || typeof event['run_id'] !== 'string' || !/^\d+$/.test(String(number))) throw notEvents(request, 200);
  return { ...event, id: String(number) } as RunEvent;
}

function notEvents({ method, path }: ServiceRequest, status: number): MaestroError {
  return new MaestroError(`${method} ${path}: what answered is not the events of a run. Check the base URL.`, {
    code: 'not_maestro',
    status,
  });
}

function parse(text: string): { [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is { [name: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
