// Events as they come over the wire, and taken up again after a connection was cut.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunEvent } from '../../sdk/index.ts';
import { ended, newTag, openTarget, type Target } from './support/target.ts';

let target: Target;

beforeAll(async () => {
  target = await openTarget();
});

afterAll(() => target.close());

interface Wire {
  id: string;
  event: string;
  data: RunEvent;
}

/** Events of one connection, as they stand on the wire. Ends when `enough` says so, by cutting the connection. */
async function read(response: Response, enough: (events: readonly Wire[]) => boolean = () => false): Promise<Wire[]> {
  const events: Wire[] = [];
  let text = '';
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return events;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
      if (!fields.has('data')) continue;
      events.push({ id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? '') });
    }
    if (!enough(events)) continue;
    await reader.cancel();
    return events;
  }
}

/** Holds every call of a tag until it is let go. */
function hold(tag: string): () => void {
  const go = Promise.withResolvers<undefined>();
  target.services.script(tag, () => go.promise);
  return () => go.resolve(undefined);
}

describe('the stream of a run', () => {
  test('a start with stream: true is answered by its events, live, to the one that ends it', async () => {
    const tag = newTag();
    const release = hold(tag);

    const response = await target.fetch('/api/v2/orchestrate/run', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ workflow: 'e2e_five', input: { tag }, stream: true }),
    });
    let released = false;
    const events = await read(response, (soFar) => {
      // The first call is under way and unanswered: what has come so far was told while the run goes on.
      if (!released && soFar.some(({ event }) => event === 'step.started')) {
        released = true;
        release();
      }
      return false;
    });

    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ event }) => event === 'step.completed').map(({ data }) => data.step)).toEqual(['a', 'b', 'c', 'd', 'e']);
    const last = events.at(-1);
    expect(last).toMatchObject({ event: 'run.completed', data: { type: 'run.completed', envelope: { data: { status: 'completed' } } } });
    for (const { id, event, data } of events)
      expect(data).toMatchObject({ id, type: event, run_id: last?.data.run_id, job_id: last?.data.job_id, at: expect.any(String) });
  });

  test('a connection that was cut in the middle is taken up with Last-Event-ID: nothing is lost and nothing comes twice', async () => {
    const tag = newTag();
    const release = hold(tag);
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_five', input: { tag }, mode: 'async' });
    const path = `/api/v2/orchestrate/run/${data.run_id}/events`;
    await target.services.arrived(tag, 'a');

    const before = await read(await target.fetch(path), (events) => events.some(({ event }) => event === 'step.started'));
    release();
    await target.services.arrived(tag, 'c');
    const lastId = before.at(-1)?.id ?? '';
    const after = await read(await target.fetch(path, { headers: { 'last-event-id': lastId } }));
    const whole = await read(await target.fetch(path));

    expect(before.length).toBeGreaterThan(0);
    expect([...before, ...after].map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
    expect(whole.at(-1)?.event).toBe('run.completed');
  });

  test('many readers of one run each get all of it', async () => {
    const tag = newTag();
    const release = hold(tag);
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_five', input: { tag }, mode: 'async' });

    const readers = Array.from({ length: 50 }, async () => read(await target.fetch(`/api/v2/orchestrate/run/${data.run_id}/events`)));
    await target.services.arrived(tag, 'a');
    release();
    const told = await Promise.all(readers);

    expect(new Set(told.map((events) => events.map(({ id, event }) => `${id} ${event}`).join())).size).toBe(1);
    expect(told[0]?.at(-1)?.event).toBe('run.completed');
  });

  test('the SDK follows a run that is long over', async () => {
    const tag = newTag();
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_one', input: { tag } });

    expect((await ended(target, data.job_id)).data.status).toBe('completed');
  });

  test('of a run that is not there is 404, and no stream', async () => {
    const response = await target.fetch('/api/v2/orchestrate/run/run_00000000000000000000000000/events');

    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toMatch(/json/);
  });
});
