// One request and its answer on a pool: what was sent, what came back, and where it was cut off. Judges nothing.
//
//   X1. `sent` is false only if undici has not begun to write the request: then nothing can have reached the service.
//   X2. After the promise is settled no byte of a request that had not begun is written.

import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import type { Clock, Timer } from '../../clock.ts';

/** Largest body that is read of an answer that counts, bytes. */
export const MAX_BODY_BYTES = 10 * 1024 * 1024;
/** Largest body that is read of any other answer: enough for its excerpt, with secrets taken out before it is cut. */
const MAX_ERROR_BODY_BYTES = 16 * 1024;

type Cut = 'size' | 'time' | 'abort' | 'network';

export type Exchange =
  | { kind: 'answer'; status: number; headers: IncomingHttpHeaders; body: Buffer; cut?: Cut }
  | { kind: 'broken'; sent: boolean; why: 'time' | 'abort' | 'network'; cause?: unknown };

export interface ExchangeOptions {
  pool: Pool;
  method: string;
  path: string;
  headers: string[];
  body: string | null;
  timeoutMs: number;
  clock: Clock;
  signal: AbortSignal | undefined;
}

/** Makes one request. Never rejects. */
export function exchange(options: ExchangeOptions): Promise<Exchange> {
  return new Promise((resolve) => {
    const handler = new ExchangeHandler(options, resolve);
    options.pool.dispatch(
      { method: options.method, path: options.path, headers: options.headers, body: options.body, headersTimeout: 0, bodyTimeout: 0 },
      handler,
    );
  });
}

const NOTHING = Buffer.alloc(0);

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #resolve: (exchange: Exchange) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: Timer;
  /** An answer to HEAD has the length of the body that it leaves out. */
  readonly #hasBody: boolean;
  readonly #onAbort = (): void => this.#stop('abort');
  #settled = false;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #limit = 0;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor({ clock, timeoutMs, signal, method }: ExchangeOptions, resolve: (exchange: Exchange) => void) {
    this.#resolve = resolve;
    this.#signal = signal;
    this.#hasBody = method !== 'HEAD';
    this.#timer = clock.setTimer(timeoutMs, () => this.#stop('time'));
    if (signal?.aborted) this.#stop('abort');
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) controller.abort(new Error('the call ended before its turn came'));
    else this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx is news on the way, not the answer.
    if (status < 200 || this.#settled) return;
    this.#status = status;
    this.#headers = headers;
    this.#limit = status < 300 ? MAX_BODY_BYTES : MAX_ERROR_BODY_BYTES;
    if (this.#hasBody && status < 300 && Number(headers['content-length']) > MAX_BODY_BYTES) this.#stop('size');
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limit) {
      if (this.#status >= 300) this.#chunks.push(chunk);
      this.#stop('size');
    } else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#settle(this.#answer());
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle(this.#status > 0 ? this.#answer('network') : this.#broken('network', error));
  }

  #stop(why: 'size' | 'time' | 'abort'): void {
    if (this.#settled) return;
    this.#settle(this.#status > 0 ? this.#answer(why) : this.#broken(why === 'size' ? 'network' : why));
    this.#controller?.abort(new Error('the call has ended'));
  }

  #answer(cut?: Cut): Exchange {
    const body = this.#chunks.length === 1 ? (this.#chunks[0] ?? NOTHING) : Buffer.concat(this.#chunks);
    return { kind: 'answer', status: this.#status, headers: this.#headers, body, ...(cut ? { cut } : {}) };
  }

  #broken(why: 'time' | 'abort' | 'network', cause?: unknown): Exchange {
    return { kind: 'broken', sent: this.#controller !== undefined, why, cause };
  }

  #settle(result: Exchange): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer.cancel();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#chunks = [];
    this.#resolve(result);
  }
}
