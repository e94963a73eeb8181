import { afterEach, describe, expect, it } from 'vitest';
import type { CallRequest } from '../../shared/calls/index.ts';
import {
  type CassetteCall,
  CassetteError,
  cassetteText,
  parseCassette,
  recordingCaller,
  replayingCaller,
} from '../../shared/observe/index.ts';
import { brief, closeAll, http, httpServer, json, newCaller, RUN_ID, request } from './support.ts';

afterEach(closeAll);

const OTHER_RUN = 'run_01J11111111111111111111111';
const service = http(1, { name: 'shop' });

function at(place: string, more: Partial<CallRequest> = {}, run = RUN_ID): CallRequest {
  return request(service, { idempotencyKey: `${run}/${place}`, runId: run, ...more });
}

async function record(
  ...requests: CallRequest[]
): Promise<{ cassette: ReturnType<typeof parseCassette>; text: string; hits: () => number }> {
  let hits = 0;
  const port = await httpServer((_, response) => {
    hits++;
    if (hits === 2) response.writeHead(503, { 'retry-after': '1' }).end('busy');
    else json(response, { hit: hits });
  });
  const calls: CassetteCall[] = [];
  const caller = recordingCaller(newCaller({ TOKEN: 'canary-token' }), (call) => calls.push(call));
  for (const made of requests) {
    await caller.call({
      ...made,
      service: { ...made.service, endpoint: [`http://127.0.0.1:${port}`], headers: [{ name: 'x-key', value: [{ secret: 'TOKEN' }] }] },
    });
  }
  const text = cassetteText(calls);
  return { cassette: parseCassette(text), text, hits: () => hits };
}

describe('a cassette', () => {
  it('answers the same calls of another run as the services did, and calls nothing', async () => {
    const { cassette, hits } = await record(
      at('0001', { input: { run: RUN_ID, b: 1, a: 2 } }),
      at('0002'),
      at('0002', { attempt: 1 }),
      at('0001/undo'),
    );
    const caller = replayingCaller(cassette);

    const outcomes = [
      await caller.call(at('0001', { input: { a: 2, b: 1, run: OTHER_RUN } }, OTHER_RUN)),
      await caller.call(at('0001/undo', {}, OTHER_RUN)),
      await caller.call(at('0002', {}, OTHER_RUN)),
      await caller.call(at('0002', { attempt: 1 }, OTHER_RUN)),
    ];

    expect(outcomes.map(brief)).toEqual([
      { outcome: 'done', value: { hit: 1 } },
      { outcome: 'done', value: { hit: 4 } },
      { outcome: 'unknown', error: 'Maestro.ServiceUnavailable' },
      { outcome: 'done', value: { hit: 3 } },
    ]);
    expect(outcomes[2]).toMatchObject({ retryAfterMs: 1_000, detail: { status: 503, body: 'busy' } });
    expect(hits()).toBe(4);
  });

  it('holds no header, no input, no key and no secret', async () => {
    const { text } = await record(at('0001', { input: { card: '4111-1111' }, method: ['/pay/', { v: 'ada@example.com' }] }));

    for (const hidden of ['canary-token', '4111-1111', 'ada@example.com', 'x-key', RUN_ID, '127.0.0.1', 'traceparent'])
      expect(text).not.toContain(hidden);
    expect(text).toContain('POST /pay/{}');
  });

  it.each<[string, CallRequest, RegExp]>([
    ['another place', at('0009'), /not in the cassette/],
    ['another try', at('0001', { attempt: 1 }), /not in the cassette/],
    ['another input', at('0001', { input: { a: 2 } }), /another input/],
    ['another value in the path', at('0001', { input: { a: 1 }, method: ['/orders', { v: '/x' }] }), /recorded as shop POST \/orders/],
    ['another service', { ...at('0001', { input: { a: 1 } }), service: { ...service, name: 'shipping' } }, /recorded as shop/],
  ])('fails clearly on %s', async (_, asked, message) => {
    const { cassette } = await record(at('0001', { input: { a: 1 } }));

    const outcome = await replayingCaller(cassette).call(asked);

    expect(outcome).toMatchObject({ outcome: 'not_performed', error: 'Maestro.BadConfiguration', message: expect.stringMatching(message) });
  });

  it('answers each recording once', async () => {
    const { cassette } = await record(at('0001'));
    const caller = replayingCaller(cassette);

    expect((await caller.call(at('0001'))).outcome).toBe('done');
    expect((await caller.call(at('0001'))).outcome).toBe('not_performed');
  });

  it('is not changed by what a run does with an answer', async () => {
    const { cassette } = await record(at('0001'));
    const outcome = await replayingCaller(cassette).call(at('0001'));
    if (outcome.outcome === 'done') Reflect.set(Object(outcome.value), 'hit', 'changed');

    expect(brief(await replayingCaller(cassette).call(at('0001')))).toEqual({ outcome: 'done', value: { hit: 1 } });
  });

  it('knows an origin without an environment', () => {
    expect(
      replayingCaller({ format: 'maestro-cassette', version: 1, calls: [] }).origin({
        service: { ...service, endpoint: ['https://', { env: 'HOST' }] },
      }),
    ).toBe('http:https://{env.HOST}');
  });

  it.each([
    '',
    '{}',
    '[]',
    '{"format":"maestro-cassette","version":2,"calls":[]}',
    '{"format":"maestro-cassette","version":1,"calls":[{}]}',
  ])('is not %j', (text) => {
    expect(() => parseCassette(text)).toThrow(CassetteError);
  });
});
