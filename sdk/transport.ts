// Requests to the service: what is sent, how long is waited, and what is sent again.
//
//   T1. A request is sent again when nothing of it can have been performed: the connection was never made, or the service refused it for its
//       rate (429).
//   T2. After any other loss (no answer in time, a connection that broke, 502, 503, 504) it is sent again only when doing it twice is doing
//       it once (`repeatable`): GET, PUT, and those POSTs and DELETEs that say so. Else the caller is told that it may have been performed.
//   T3. The caller's signal ends everything at once, with the signal's reason.

import { ConnectionError, MaestroError } from './errors.ts';
import { type Platform, pause } from './platform.ts';
import type { ErrorDetail, Json } from './types.ts';

/** First pause before a request is sent again; doubled each time, and a random part of it taken off. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/** A service that asks for a longer wait is not waited for: the error says how long. */
const LONGEST_RETRY_AFTER_S = 60;

/** Answers that do not say whether the request was performed. */
const IN_DOUBT = new Set([502, 503, 504]);

/** Node's codes of a connection that was never made. (A browser does not tell.) */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What every method takes. */
export interface CallOptions {
  /** Ends the request, its repetitions included. */
  signal?: AbortSignal;
  /** For one attempt, ms. Default: the client's. */
  timeoutMs?: number;
}

export interface ServiceRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with a slash. */
  path: string;
  query?: { [name: string]: string | number | boolean | undefined };
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, with its media type. */
  text?: { body: string; type: string };
  headers?: { [name: string]: string };
  /** Doing it twice is doing it once. */
  repeatable: boolean;
}

export interface TransportOptions {
  baseUrl: string;
  apiKey: string | undefined;
  fetch: Fetch;
  timeoutMs: number;
  retries: number;
  streamRetries: number;
  platform: Platform;
}

export interface Transport {
  readonly platform: Platform;
  readonly retries: number;
  readonly streamRetries: number;
  /** The answer's JSON. @throws MaestroError, ConnectionError, the signal's reason */
  json<T>(request: ServiceRequest, options?: CallOptions): Promise<T>;
  /** The answer's text. */
  text(request: ServiceRequest, options?: CallOptions): Promise<string>;
  /**
   * One attempt, answered when the headers are there; its body is the caller's to read.
   * @throws MaestroError for a status over 299, ConnectionError, the signal's reason
   */
  open(request: ServiceRequest, options?: CallOptions): Promise<Response>;
  /**
   * Ms to wait after a failure before the next attempt; undefined: it is not to be repeated.
   * @param failures so far, from 1
   * @param most how many there may be
   */
  pauseAfter(error: unknown, failures: number, most: number, repeatable: boolean): number | undefined;
}

export function createTransport(settings: TransportOptions): Transport {
  const { platform, retries, streamRetries } = settings;

  async function attempt<T>(request: ServiceRequest, options: CallOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const { signal } = options;
    signal?.throwIfAborted();
    const abort = new AbortController();
    const timeoutMs = options.timeoutMs ?? settings.timeoutMs;
    let late = false;
    const cancelTimer = platform.setTimer(timeoutMs, () => {
      late = true;
      abort.abort();
    });
    const stop = (): void => abort.abort();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const response = await settings.fetch(urlOf(settings.baseUrl, request), initOf(settings.apiKey, request, abort.signal));
      if (!response.ok) throw await refusalOf(response, request, platform.now());
      return await read(response);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof MaestroError) throw error;
      throw lossOf(error, request, late ? timeoutMs : undefined);
    } finally {
      cancelTimer();
      signal?.removeEventListener('abort', stop);
    }
  }

  function pauseAfter(error: unknown, failures: number, most: number, repeatable: boolean): number | undefined {
    if (failures > most || !mayRepeat(error, repeatable)) return undefined;
    const asked = error instanceof MaestroError ? error.retryAfter : undefined;
    if (asked !== undefined) return asked > LONGEST_RETRY_AFTER_S ? undefined : asked * 1_000;
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
    return longest / 2 + (longest / 2) * platform.random();
  }

  async function send<T>(request: ServiceRequest, options: CallOptions, read: (response: Response) => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await attempt(request, options, read);
      } catch (error) {
        const pauseMs = pauseAfter(error, failures, retries, request.repeatable);
        if (pauseMs === undefined) throw error;
        await pause(platform, pauseMs, options.signal);
      }
    }
  }

  return {
    platform,
    retries,
    streamRetries,
    pauseAfter,
    json: (request, options = {}) => send(request, options, (response) => readJson(response, request)),
    text: (request, options = {}) => send(request, options, (response) => response.text()),
    open: (request, options = {}) => attempt(request, options, async (response) => response),
  };
}

/** T1, T2. */
function mayRepeat(error: unknown, repeatable: boolean): boolean {
  if (error instanceof ConnectionError) return repeatable || !error.maybePerformed;
  return error instanceof MaestroError && (error.status === 429 || (repeatable && IN_DOUBT.has(error.status)));
}

function urlOf(baseUrl: string, { path, query = {} }: ServiceRequest): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return `${baseUrl}${path}${given.size === 0 ? '' : `?${given}`}`;
}

function initOf(apiKey: string | undefined, request: ServiceRequest, signal: AbortSignal): RequestInit {
  const { method, body, text } = request;
  return {
    method,
    signal,
    headers: {
      accept: 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(text === undefined ? {} : { 'content-type': text.type }),
      ...request.headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(text === undefined ? {} : { body: text.body }),
  };
}

/** Answers are objects. They are the service's own, of shapes that the contract fixes, and are not checked again. */
async function readJson<T>(response: Response, request: ServiceRequest): Promise<T> {
  const value = parseObject(await response.text());
  if (!value) throw notMaestro(response, request);
  return value as T;
}

function parseObject(text: string): { [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function refusalOf(response: Response, request: ServiceRequest, nowMs: number): Promise<MaestroError> {
  const retryAfter = readRetryAfter(response.headers.get('retry-after'), nowMs);
  const told = readError(await response.text());
  if (told) {
    const { code, message, details, requestId } = told;
    return new MaestroError(message, { code, status: response.status, details, requestId, retryAfter });
  }
  // A gateway before the service, which speaks its own language.
  if (response.status === 429) {
    return new MaestroError(`${where(request)}: too many requests`, { code: 'rate_limited', status: 429, retryAfter });
  }
  if (IN_DOUBT.has(response.status)) {
    return new MaestroError(`${where(request)}: no service answers behind this address (HTTP ${response.status})`, {
      code: 'unavailable',
      status: response.status,
      retryAfter,
    });
  }
  return notMaestro(response, request);
}

interface ToldError {
  code: string;
  message: string;
  details: ErrorDetail[] | Json | undefined;
  requestId: string | undefined;
}

/** `{error: {code, message, details?, request_id}}`; undefined for anything else. */
function readError(text: string): ToldError | undefined {
  const error = parseObject(text)?.['error'];
  if (!isRecord(error)) return undefined;
  const { code, message, details, request_id: requestId } = error;
  if (typeof code !== 'string' || typeof message !== 'string') return undefined;
  return { code, message, details: details as Json | undefined, requestId: typeof requestId === 'string' ? requestId : undefined };
}

function notMaestro(response: Response, request: ServiceRequest): MaestroError {
  const type = response.headers.get('content-type') ?? 'no media type';
  return new MaestroError(
    `${where(request)}: what answered is no Maestro service (HTTP ${response.status}, ${type}). Check the base URL.`,
    {
      code: 'not_maestro',
      status: response.status,
    },
  );
}

function lossOf(cause: unknown, request: ServiceRequest, timedOutMs: number | undefined): ConnectionError {
  const performs = request.method !== 'GET';
  if (timedOutMs !== undefined) {
    const message = `${where(request)}: no whole answer within ${timedOutMs} ms`;
    return new ConnectionError(message, { code: 'timeout', maybePerformed: performs }, { cause });
  }
  const code = reasonOf(cause);
  const message = `${where(request)}: the connection failed${code === undefined ? '' : ` (${code})`}`;
  return new ConnectionError(
    message,
    { code: 'connection', maybePerformed: performs && (code === undefined || !NEVER_SENT.has(code)) },
    { cause },
  );
}

/** The system's code of a failed connection, where the platform tells it: Node puts it below `fetch failed`, one deep or in a list of tries. */
function reasonOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; isRecord(at) && depth < 4; depth++) {
    if (typeof at['code'] === 'string') return at['code'];
    const inner = at['cause'] ?? (Array.isArray(at['errors']) ? at['errors'][0] : undefined);
    at = inner;
  }
  return undefined;
}

/** Seconds, from seconds or from a date. */
function readRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const dateMs = Date.parse(value);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, Math.ceil((dateMs - nowMs) / 1_000));
}

function where({ method, path }: ServiceRequest): string {
  return `${method} ${path}`;
}

function isRecord(value: unknown): value is { [name: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
