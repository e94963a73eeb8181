// What is written of a run's events, and when the feed is asked and stopped.

import { beforeEach, describe, expect, test } from 'vitest';
import { createStreamApi } from '../../functions/stream/index.ts';
import type { Envelope } from '../../shared/contract/index.ts';
import type { RunEvent } from '../../shared/runs/index.ts';
import { virtualClock } from '../engine/support.ts';
import { eventOf } from '../ingress/support.ts';

const RUN_ID = 'run_00000000000000000000000001';
const JOB_ID = 'job_00000000000000000000000001';
const START = Date.parse('2026-01-01T00:00:00.000Z');

let clock: ReturnType<typeof virtualClock>;
/** What the feed tells next; undefined: it waits. */
let told: (RunEvent | 'end' | Error)[];
/** How often the feed was asked for an event. */
let asked: number;
let followed: { after: number; untilMs: number | undefined; signal: AbortSignal | undefined }[];
let closed: boolean;
let wake: () => void;
/** The run as it is. */
let status: string;

beforeEach(() => {
  clock = virtualClock(START);
  told = [];
  asked = 0;
  followed = [];
  closed = false;
  wake = () => {};
  status = 'running';
});

async function* feed(signal: AbortSignal | undefined): AsyncGenerator<RunEvent> {
  signal?.addEventListener('abort', () => wake());
  try {
    for (;;) {
      asked++;
      while (told.length === 0 && !signal?.aborted) await new Promise<void>((resolve) => (wake = resolve));
      const next = told.shift();
      if (next === undefined || next === 'end' || signal?.aborted) return;
      if (next instanceof Error) throw next;
      yield next;
    }
  } finally {
    closed = true;
  }
}

function tell(...events: (RunEvent | 'end' | Error)[]): void {
  told.push(...events);
  wake();
}

function event(n: number, type: string, fields: object = {}): RunEvent {
  return { n, type, atMs: START + n, ...fields };
}

async function open(lastEventId?: string, signal?: AbortSignal): Promise<AsyncIterator<string>> {
  const api = createStreamApi({
    service: {
      async events(_caller, _id, after, options) {
        followed.push({ after, untilMs: options?.untilMs, signal: options?.signal });
        return { jobId: JOB_ID, runId: RUN_ID, events: feed(options?.signal) };
      },
      get: async () => ({ object: 'orchestration', data: { status } }) as unknown as Envelope,
    },
    keys: {
      check: async () => ({ ok: true, keyId: 'k', tenant: 'default', scopes: ['read'], rateLimit: null }),
      take: async () => 0,
    },
    clock,
    ids: { id: (prefix) => `${prefix}_00000000000000000000000000` },
    local: true,
    report: (error) => expect.fail(String(error)),
  });
  const asking = eventOf({
    path: `/api/v2/orchestrate/run/${RUN_ID}/events`,
    key: 'mk_any',
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  });
  const { statusCode, headers, body } = await api.handle(asking, signal ? { signal } : {});
  expect([statusCode, headers['content-type'], headers['cache-control']]).toEqual([200, 'text/event-stream', 'no-store']);
  if (typeof body === 'string') throw new Error('it is no stream');
  return body[Symbol.asyncIterator]();
}

/** All that is left. */
async function rest(stream: AsyncIterator<string>): Promise<string[]> {
  const parts: string[] = [];
  for (let part = await stream.next(); !part.done; part = await stream.next()) parts.push(part.value);
  return parts;
}

/** Lets everything that can go on go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe('an event', () => {
  test('is one message: its number, its type, and itself as JSON with the ids and the time', async () => {
    tell(event(3, 'step.completed', { step: 'say', at: 'steps/0', text: 'a\nb\u2028' }), 'end');

    const [retry, message] = await rest(await open());

    expect(retry).toBe('retry: 1000\n\n');
    expect(message).toBe(
      `id: 3\nevent: step.completed\ndata: ${JSON.stringify({
        step: 'say',
        text: 'a\nb\u2028',
        id: '3',
        type: 'step.completed',
        job_id: JOB_ID,
        run_id: RUN_ID,
        at: '2026-01-01T00:00:00.003Z',
        place: 'steps/0',
      })}\n\n`,
    );
  });

  test('is asked for only when the reader wants one', async () => {
    tell(event(1, 'a'), event(2, 'b'), event(3, 'c'));
    const stream = await open();

    await stream.next();
    await settle();
    const before = asked;
    await stream.next();
    await settle();

    expect([before, asked]).toEqual([0, 1]);
    await stream.return?.();
  });

  test('is looked for after Last-Event-ID, for ten minutes', async () => {
    tell('end');

    await rest(await open('41'));

    expect(followed).toMatchObject([{ after: 41, untilMs: START + 600_000 }]);
  });
});

describe('the envelope', () => {
  test('is with the event that ends the run, and then the stream ends', async () => {
    status = 'completed';
    tell(event(1, 'run.started'), event(2, 'run.completed'), 'end');

    const parts = await rest(await open());

    expect(parts).toHaveLength(3);
    expect(parts[1]).not.toContain('envelope');
    expect(parts[2]).toMatch(/^id: 2\nevent: run.completed\n.*"envelope":\{"object":"orchestration","data":\{"status":"completed"\}\}/);
  });

  test('is not with an end that the run has gone on from', async () => {
    status = 'compensated';
    tell(event(1, 'run.compensation_failed'), event(2, 'compensation.started'), event(3, 'run.compensated'), 'end');

    const parts = await rest(await open());

    expect(parts.slice(1).map((part) => part.includes('envelope'))).toEqual([false, false, true]);
  });

  test('is not told while the run goes on, and the client is told to come back', async () => {
    tell(event(1, 'run.compensation_failed'), 'end');
    status = 'compensating';

    const parts = await rest(await open());

    expect(parts.map((part) => part.split('\n')[0])).toEqual(['retry: 1000', 'id: 1', 'retry: 1000']);
    expect(parts.join('')).not.toContain('envelope');
  });
});

describe('a stream', () => {
  test('without news has a comment every 15 seconds', async () => {
    const stream = await open();
    await stream.next();
    const beats: string[] = [];
    for (let beat = 1; beat <= 3; beat++) {
      const next = stream.next();
      await settle();
      clock.next();
      beats.push((await next).value ?? '');
      expect(clock.now()).toBe(START + beat * 15_000);
    }
    const next = stream.next();
    await settle();
    tell(event(1, 'run.started'));

    expect(beats).toEqual([':\n\n', ':\n\n', ':\n\n']);
    expect((await next).value).toMatch(/^id: 1\n/);
    await stream.return?.();
    expect(clock.timers).toBe(0);
  });

  test('whose time is over ends, and the client is told to come back', async () => {
    tell(event(1, 'run.started'), 'end');

    const parts = await rest(await open());

    expect(parts.at(-1)).toBe('retry: 1000\n\n');
  });

  test('that its reader leaves stops the feed, also while it waits for an event', async () => {
    const stream = await open();
    await stream.next();
    const waiting = stream.next();
    await settle();

    const left = stream.return?.();

    await Promise.all([waiting, left]);
    await rest(stream);
    expect([closed, clock.timers, followed[0]?.signal?.aborted]).toEqual([true, 0, true]);
  });

  test('whose client has gone stops the feed', async () => {
    const gone = new AbortController();
    const stream = await open(undefined, gone.signal);
    await stream.next();
    const waiting = stream.next();
    await settle();

    gone.abort();

    await waiting;
    await rest(stream);
    expect([closed, clock.timers]).toEqual([true, 0]);
  });

  test('whose client had gone before it began asks for nothing', async () => {
    const stream = await open(undefined, AbortSignal.abort());

    await rest(stream);

    expect(followed[0]?.signal?.aborted).toBe(true);
  });

  test('whose feed fails fails, so that the connection is cut and the client comes back', async () => {
    const stream = await open();
    await stream.next();
    tell(new Error('the table is away'));

    await expect(stream.next()).rejects.toThrow('the table is away');
    expect([closed, clock.timers]).toEqual([true, 0]);
  });

  test('of many readers is one feed each', async () => {
    const streams = await Promise.all(Array.from({ length: 200 }, () => open()));
    await Promise.all(streams.map((stream) => stream.next()));

    await Promise.all(streams.map(async (stream) => stream.return?.()));

    expect(followed).toHaveLength(200);
    expect(followed.every(({ signal }) => signal?.aborted)).toBe(true);
  });
});
