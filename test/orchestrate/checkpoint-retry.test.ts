// A retried run over the embedded engine: people are not asked again what they have answered.

import { afterEach, describe, expect, test } from 'vitest';
import { listEvents } from '../../shared/runs/index.ts';
import { ok, rejected } from '../semantics/world.ts';
import { createServiceWorld, ME, type ServiceWorld, SOURCE } from './world.ts';

let world: ServiceWorld;

afterEach(() => world.close());

const ASKS = `name: asks
version: "1"
timeout: 12h
services:
  s: { type: http, endpoint: "http://s", breaker: false }
steps:
  - id: each
    foreach: "{{ [1, 2, 3] }}"
    as: n
    concurrency: 3
    output: said
    steps:
      - { id: ask, checkpoint: { title: "item {{ .n }}?", allow: [respond, reject], timeout: 2h }, output: answer }
      - { id: use, service: s, method: /use, input: { n: "{{ .n }}", said: "{{ .answer.answer.text }}", by: "{{ .answer.by }}" } }
`;

describe('a retry after a checkpoint', () => {
  test('takes its answer over, and goes on at once', async () => {
    let down = true;
    world = await createServiceWorld(ASKS, { mock: ({ items }) => (down && items[0] === 2 ? rejected() : ok({})) });
    const waiting = await world.settled();
    expect(waiting).toMatchObject({ status: 'waiting_checkpoint' });
    for (const { id, title } of waiting.pending_checkpoints)
      await world.drive(world.service.resolveCheckpoint(ME, SOURCE, waiting.run_id, id, { text: `yes to ${title}` }));
    const failed = await world.settle(waiting.run_id);
    expect(failed.status).toBe('failed');
    const before = world.calls.length;

    down = false;
    const { runId } = await world.drive(world.service.retry(ME, SOURCE, failed.run_id));
    const again = await world.settle(runId);

    expect(again).toMatchObject({ status: 'completed', run: { attempt: 2 }, pending_checkpoints: [] });
    expect(world.calls.slice(before)).toMatchObject([{ step: 'use', input: { n: 3, said: 'yes to item 3?', by: 'key of acme' } }]);
    expect(again.steps.filter(({ kind }) => kind === 'checkpoint')).toMatchObject(
      [0, 1, 2].map(() => ({ step_id: 'ask', status: 'done', reused: true })),
    );
    const types = (await listEvents(world.runtime.runs, runId)).map(({ type }) => type);
    expect(types.filter((type) => type === 'checkpoint.resolved')).toHaveLength(3);
    expect(types).not.toContain('checkpoint.waiting');
  });

  test('asks again what was rejected', async () => {
    world = await createServiceWorld(ASKS, { mock: () => ok({}) });
    const waiting = await world.settled();
    const [first] = waiting.pending_checkpoints;
    await world.drive(world.service.resolveCheckpoint(ME, SOURCE, waiting.run_id, first?.id ?? '', { decision: 'reject' }));
    const failed = await world.settle(waiting.run_id);
    expect(failed).toMatchObject({ status: 'failed', error: { error: 'Maestro.Rejected', message: 'rejected by key of acme' } });

    const { runId } = await world.drive(world.service.retry(ME, SOURCE, failed.run_id));

    expect((await world.settle(runId)).pending_checkpoints).toHaveLength(3);
  });
});
