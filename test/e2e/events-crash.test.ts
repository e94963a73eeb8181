// Events that `maestro dev` accepted start their runs, once each, although it is killed in the middle.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Maestro } from '../../sdk/index.ts';
import { type DevProcess, startDev } from './support/dev-process.ts';

const KILLS = 3;
/** Requests that are under way at once; the process is killed when half of a batch has been answered. */
const AT_ONCE = 20;

/** It has no `dedupe`: two deliveries of one event are told apart from two events by the event's id alone. */
const LISTENER = `name: listener
version: "1"
triggers:
  - event: { source: [com.example.crash], detail: { tag: [{ exists: true }] } }
    input: { tag: "{{ .event.detail.tag }}", id: "{{ .event.id }}" }
steps:
  - { wait: 100ms }
output: { tag: "{{ .input.tag }}" }
`;

let dev: DevProcess | undefined;
let folder: string | undefined;

afterEach(async () => {
  await dev?.kill();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

test(`an event that was answered before one of ${KILLS} kills has exactly one run, which completes`, async () => {
  folder = mkdtempSync(join(tmpdir(), 'maestro-e2e-events-'));
  writeFileSync(join(folder, 'listener.yaml'), LISTENER);
  dev = await startDev({ folder });
  const accepted: string[] = [];

  for (let kill = 0; kill < KILLS; kill++) {
    const { events } = new Maestro({ baseUrl: dev.url, apiKey: dev.apiKey, retries: 0 });
    const half = Promise.withResolvers<void>();
    const before = accepted.length;
    const puts = Array.from({ length: AT_ONCE }, async (_, index) => {
      try {
        const { data } = await events.put({ source: 'com.example.crash', 'detail-type': 'Crash', detail: { tag: `${kill}-${index}` } });
        accepted.push(data[0]?.event_id ?? '');
      } catch {
        // Not answered: it may have been taken or not.
      }
      if (accepted.length - before >= AT_ONCE / 2) half.resolve();
    });
    await half.promise;
    await dev.kill();
    await Promise.all(puts);
    dev = await startDev({ folder });
  }

  const { orchestrate, events } = new Maestro({ baseUrl: dev.url, apiKey: dev.apiKey });
  accepted.push(
    (await events.put({ source: 'com.example.crash', 'detail-type': 'Crash', detail: { tag: 'last' } })).data[0]?.event_id ?? '',
  );
  const runs = new Map<string, string[]>();
  // What is taken up after a start is in the store before the process says that it is ready; a run is listed when it exists.
  while (![...accepted].every((id) => runs.has(id))) {
    runs.clear();
    for await (const { id } of orchestrate.listAll({ workflow: 'listener' })) {
      const { data } = await orchestrate.get(id);
      const event = (data.input as { id: string }).id;
      runs.set(event, [...(runs.get(event) ?? []), id]);
    }
  }
  for (const ids of runs.values()) for (const id of ids) for await (const _ of orchestrate.stream(id));
  const statuses = await Promise.all([...runs.values()].flat().map(async (id) => (await orchestrate.get(id)).data.status));

  expect(accepted.length).toBeGreaterThan(KILLS * (AT_ONCE / 2));
  expect([...runs.values()].filter((ids) => ids.length !== 1)).toEqual([]);
  expect(new Set(statuses)).toEqual(new Set(['completed']));
}, 60_000);
