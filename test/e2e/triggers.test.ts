// Runs that nobody asked for: events and schedules start them.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Run } from '../../sdk/index.ts';
import { ended, newTag, openTarget, type Target } from './support/target.ts';

let target: Target;

beforeAll(async () => {
  target = await openTarget();
});

afterAll(() => target.close());

/** An event that the pattern of `e2e_listener` takes, unless it is changed. */
function paid(tag: string, more: object = {}): { source: string; 'detail-type': string; detail: { [name: string]: string | number } } {
  return { source: 'com.example.e2e', 'detail-type': 'Paid', detail: { tag, amount: 12, payment: `p-${tag}`, ...more } };
}

async function runsOf(workflow: string, since: string): Promise<Run[]> {
  const runs: Run[] = [];
  for await (const run of target.maestro.orchestrate.listAll({ workflow, since })) runs.push(run);
  return runs;
}

describe('an event', () => {
  test('that a pattern matches starts the workflow with what the trigger takes from it', async () => {
    const tag = newTag();
    const since = new Date().toISOString();

    await target.maestro.events.put(paid(tag));
    await target.services.arrived(tag, 'heard');
    const [run] = await runsOf('e2e_listener', since);
    const { data } = await ended(target, run?.id ?? '');

    expect(data).toMatchObject({ status: 'completed', input: { tag, amount: 12 }, output: { amount: 12 }, run: { mode: 'event' } });
  });

  test('that comes twice starts one run; others that do not match start none', async () => {
    const tag = newTag();
    const since = new Date().toISOString();

    await target.maestro.events.put(paid(tag, { amount: 9 }));
    await target.maestro.events.put({ ...paid(tag), source: 'com.example.other' });
    await target.maestro.events.put(paid(tag));
    await target.maestro.events.put(paid(tag));
    const last = newTag();
    await target.maestro.events.put(paid(last));
    await target.services.arrived(last, 'heard');
    await target.services.arrived(tag, 'heard');
    for (const { id } of await runsOf('e2e_listener', since)) await ended(target, id);

    expect(await runsOf('e2e_listener', since)).toHaveLength(2);
    expect(target.services.steps(tag)).toEqual(['heard']);
  });

  test('of Maestro’s own tells of the end of every run, once', async () => {
    const tag = newTag();
    const since = new Date().toISOString();

    await target.maestro.events.put(paid(tag));
    await target.services.arrived(tag, 'heard');
    const [heard] = await runsOf('e2e_listener', since);
    await target.services.arrived(heard?.id ?? '', 'followed');
    const followers = (await runsOf('e2e_follower', since)).map(({ id }) => ended(target, id));

    const told = (await Promise.all(followers)).filter(({ data }) => JSON.stringify(data.input).includes(heard?.id ?? ''));
    expect(told).toHaveLength(1);
    expect(told[0]?.data).toMatchObject({ status: 'completed', output: { status: 'completed' }, run: { mode: 'event' } });
    expect(target.services.steps(heard?.id ?? '')).toEqual(['followed']);
  });

  test('without a source, or with nothing to tell, is refused', async () => {
    const response = await target.fetch('/api/v2/events', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ 'detail-type': 'Paid', detail: 1 }),
    });

    expect(response.status).toBe(422);
  });
});

describe('a schedule', () => {
  // A deployed service takes no workflow with triggers by its API.
  test.skipIf(process.env['MAESTRO_E2E_URL'] !== undefined)(
    'of a rate starts its workflow when it is made, and not again before its time',
    async () => {
      const tag = newTag();
      const since = new Date().toISOString();

      await target.maestro.workflows.deploy(
        'e2e_once',
        `name: e2e_once
version: "1"
triggers:
  - schedule: rate(1 day)
    input: { tag: ${tag}, at: "{{ .event.time }}" }
services:
  s: { type: http, endpoint: "${target.services.url}" }
steps:
  - { id: tick, service: s, method: "POST /tick", input: { tag: "{{ .input.tag }}" } }
output: { at: "{{ .input.at }}" }
`,
      );
      await target.services.arrived(tag, 'tick');
      const runs = await runsOf('e2e_once', since);
      const { data } = await ended(target, runs[0]?.id ?? '');

      expect(runs).toHaveLength(1);
      expect(data).toMatchObject({ status: 'completed', output: { at: expect.any(String) }, run: { mode: 'schedule' } });
      const { at } = data.output as { at: string };
      expect(Date.parse(at)).toBeGreaterThan(Date.parse(since) - 2_000);
      expect(Date.parse(at)).toBeLessThanOrEqual(Date.now());
      await target.maestro.workflows.remove('e2e_once');
      expect((await target.maestro.workflows.list()).data.map(({ name }) => name)).not.toContain('e2e_once');
    },
  );
});
