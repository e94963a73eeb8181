import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { Maestro, type RunEvent } from '../../sdk/index.ts';
import {
  cut,
  envelope,
  type Handler,
  json,
  RUN_ID,
  refusal,
  silence,
  sse,
  startService,
  stream,
  type TestPlatform,
  type TestService,
  testPlatform,
} from './support.ts';

let service: TestService | undefined;
let platform: TestPlatform;

afterEach(async () => {
  await service?.close();
  service = undefined;
});

async function clientOf(...handlers: Handler[]): Promise<{ maestro: Maestro; service: TestService }> {
  service = await startService(...handlers);
  platform = testPlatform();
  return { service, maestro: new Maestro({ baseUrl: service.url, platform }) };
}

async function read(events: AsyncIterable<RunEvent>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of events) ids.push(id);
  return ids;
}

const lastIds = (asked: TestService['asked']): unknown[] => asked.map(({ headers }) => headers['last-event-id']);

it('tells every event and ends after the one with the envelope, though the connection stays open', async () => {
  const { maestro, service } = await clientOf(
    stream(sse(1, 'run.started') + sse(2, 'step.completed') + sse(3, 'run.completed', 'completed'), 'open'),
  );

  const events: RunEvent[] = [];
  for await (const event of maestro.orchestrate.stream(RUN_ID)) events.push(event);

  expect(events.map(({ type }) => type)).toEqual(['run.started', 'step.completed', 'run.completed']);
  expect(events.at(-1)?.envelope?.data.status).toBe('completed');
  expect(service.asked).toHaveLength(1);
  expect(service.asked[0]).toMatchObject({ url: `/api/v2/orchestrate/run/${RUN_ID}/events`, headers: { accept: 'text/event-stream' } });
});

it('goes on after the last event when the connection breaks, also in the middle of an event', async () => {
  const whole = sse(1, 'run.started') + sse(2, 'step.started') + sse(3, 'step.completed') + sse(4, 'run.completed', 'completed');
  const inTheMiddle = sse(1, 'run.started').length + 20;
  const { maestro, service } = await clientOf(
    stream(whole.slice(0, inTheMiddle), 'cut'),
    cut,
    stream(sse(2, 'step.started') + sse(3, 'step.completed'), 'cut'),
    stream(sse(4, 'run.completed', 'completed')),
  );

  expect(await read(maestro.orchestrate.stream(RUN_ID))).toEqual(['1', '2', '3', '4']);
  expect(lastIds(service.asked)).toEqual([undefined, '1', '1', '3']);
});

it('what a server tells again is told once', async () => {
  const { maestro } = await clientOf(
    stream(sse(1, 'run.started') + sse(2, 'step.started'), 'cut'),
    stream(sse(1, 'run.started') + sse(2, 'step.started') + sse(3, 'run.completed', 'completed')),
  );

  expect(await read(maestro.orchestrate.stream(RUN_ID))).toEqual(['1', '2', '3']);
});

it('a stream that the server ends is taken up again after the pause that it asks for, however often', async () => {
  const one = (n: number): Handler => stream(`retry: 70\n${sse(n, 'step.completed')}`);
  const { maestro, service } = await clientOf(one(1), one(2), one(3), one(4), one(5), one(6), stream(sse(7, 'run.failed', 'failed')));

  expect(await read(maestro.orchestrate.stream(RUN_ID))).toHaveLength(7);
  expect(platform.pauses).toEqual([70, 70, 70, 70, 70, 70]);
  expect(service.asked).toHaveLength(7);
});

it('`after` is where it begins', async () => {
  const { maestro, service } = await clientOf(stream(sse(5, 'run.completed', 'completed')));

  expect(await read(maestro.orchestrate.stream(RUN_ID, { after: '4' }))).toEqual(['5']);
  expect(lastIds(service.asked)).toEqual(['4']);
});

it('a run that had ended and has nothing more to tell ends the stream', async () => {
  const { maestro, service } = await clientOf(stream(': nothing\n\n'), json(200, envelope('completed')), stream(''));

  expect(await read(maestro.orchestrate.stream(RUN_ID, { after: 9 }))).toEqual([]);
  expect(service.asked.map(({ url }) => url.split('/').at(-1))).toEqual(['events', RUN_ID, 'events']);
});

it('a run that goes on and has nothing to tell is asked again', async () => {
  const { maestro } = await clientOf(stream(''), json(200, envelope('running')), stream(sse(1, 'run.completed', 'completed')));

  expect(await read(maestro.orchestrate.stream(RUN_ID))).toEqual(['1']);
});

it('a silent connection counts as broken', async () => {
  const quiet: Handler = (response, asked) => {
    stream(sse(1, 'run.started'), 'open')(response, asked);
  };
  const { maestro, service } = await clientOf(quiet, stream(sse(2, 'run.completed', 'completed')));

  const ids: string[] = [];
  for await (const { id } of maestro.orchestrate.stream(RUN_ID)) {
    ids.push(id);
    if (id === '1') setImmediate(() => platform.expire(45_000));
  }

  expect(ids).toEqual(['1', '2']);
  expect(lastIds(service.asked)).toEqual([undefined, '1']);
});

it('a service that cannot be reached any more is given up; an event that comes makes up for earlier failures', async () => {
  const { maestro, service } = await clientOf(cut, cut, cut, cut, stream(sse(1, 'run.started'), 'cut'), cut);

  const ids: string[] = [];
  const reading = (async () => {
    for await (const { id } of maestro.orchestrate.stream(RUN_ID)) ids.push(id);
  })();

  await expect(reading).rejects.toMatchObject({ name: 'ConnectionError' });
  expect(ids).toEqual(['1']);
  expect(service.asked).toHaveLength(4 + 1 + 8);
  expect(platform.pauses.slice(4)).toEqual([1_000, 1_000, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

it('a service that never answered is given up as early as for any other request', async () => {
  const { maestro, service } = await clientOf(cut);

  await expect(read(maestro.orchestrate.stream(RUN_ID))).rejects.toMatchObject({ name: 'ConnectionError' });
  expect(service.asked).toHaveLength(5);
});

it('a refusal is told: 401 and 404 at once, 429 after it was waited out', async () => {
  const { maestro, service } = await clientOf(refusal(429, 'rate_limited', { 'retry-after': '3' }), refusal(404, 'not_found'));

  await expect(read(maestro.orchestrate.stream(RUN_ID))).rejects.toMatchObject({ code: 'not_found' });
  expect(platform.pauses).toEqual([3_000]);
  expect(service.asked).toHaveLength(2);
});

it('run with stream starts the run and tells its events; a cut before the first event repeats the start under its key', async () => {
  const { maestro, service } = await clientOf(
    cut,
    stream(sse(1, 'job.created'), 'cut'),
    stream(sse(2, 'run.started') + sse(3, 'run.completed', 'completed')),
  );

  expect(await read(maestro.orchestrate.run({ workflow: 'hello', stream: true }))).toEqual(['1', '2', '3']);
  expect(service.asked.map(({ method, url, headers }) => [method, url.split('/').at(-1), headers['idempotency-key']])).toEqual([
    ['POST', 'run', 'key-1'],
    ['POST', 'run', 'key-1'],
    ['GET', 'events', undefined],
  ]);
  expect(JSON.parse(service.asked[0]?.body ?? '')).toEqual({ workflow: 'hello', stream: true });
});

it('a start that is answered with the envelope alone is followed by its events', async () => {
  const { maestro } = await clientOf(json(202, envelope('running')), stream(sse(1, 'run.completed', 'completed')));

  expect(await read(maestro.orchestrate.run({ workflow: 'hello', stream: true }))).toEqual(['1']);
});

it('the signal ends a stream with its reason, while it waits for an event and while it waits to connect', async () => {
  const reason = new Error('enough');
  const abort = new AbortController();
  const { maestro } = await clientOf(stream(sse(1, 'run.started'), 'open'), silence);

  const waiting = (async () => {
    for await (const _ of maestro.orchestrate.stream(RUN_ID, { signal: abort.signal })) setImmediate(() => abort.abort(reason));
  })();
  await expect(waiting).rejects.toBe(reason);

  const later = new AbortController();
  const connecting = read(maestro.orchestrate.stream(RUN_ID, { signal: later.signal }));
  later.abort(reason);
  await expect(connecting).rejects.toBe(reason);
});

it('leaving the loop lets go of the connection', async () => {
  const closed = Promise.withResolvers<void>();
  const { maestro } = await clientOf((response, asked) => {
    response.on('close', () => closed.resolve());
    stream(sse(1, 'run.started'), 'open')(response, asked);
  });

  for await (const _ of maestro.orchestrate.stream(RUN_ID)) break;

  await expect(closed.promise).resolves.toBeUndefined();
});

it('something that is no stream of events is said to be none', async () => {
  const page: Handler = (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
  const { maestro } = await clientOf(page, stream('data: hello\n\n'));

  await expect(read(maestro.orchestrate.stream(RUN_ID))).rejects.toMatchObject({ code: 'not_maestro' });
  await expect(read(maestro.orchestrate.stream(RUN_ID))).rejects.toMatchObject({ code: 'not_maestro' });
});

it('wherever connections break, no event is lost and none is told twice', async () => {
  const texts = Array.from({ length: 9 }, (_, index) => sse(index + 1, 'step.completed'));
  texts.push(sse(10, 'run.compensated', 'compensated'));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ bytes: fc.nat(600), again: fc.nat(2), ending: fc.constantFrom('end', 'cut') }), { maxLength: 4 }),
      async (breaks) => {
        const serve =
          (bytes: number, again: number, ending: 'end' | 'cut'): Handler =>
          (response, asked) => {
            if (asked.url.endsWith(RUN_ID)) return json(200, envelope('running'))(response, asked);
            const after = Number(asked.headers['last-event-id'] ?? 0);
            stream(
              texts
                .slice(Math.max(0, after - again))
                .join('')
                .slice(0, bytes),
              ending,
            )(response, asked);
          };
        const broken = breaks.map(({ bytes, again, ending }) => serve(bytes, again, ending));
        const { maestro, service: started } = await clientOf(...broken, serve(1_000_000, 1, 'end'));
        const ids = await read(maestro.orchestrate.stream(RUN_ID));
        await started.close();
        expect(ids).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
      },
    ),
    { seed: 20_260_101, numRuns: 60 },
  );
});
