import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dropExpiredBlobs } from '../../local/runtime/expired-blobs.ts';
import { createVirtualClock } from '../../local/simulate/virtual-clock.ts';
import { createRun, createRuns } from '../../shared/runs/index.ts';
import { createFolderBlobs, createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { createWorld } from '../semantics/world.ts';
import { eventually } from '../support/eventually.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const KEPT = 'run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V';
const EXPIRED = 'run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9W';
const BEGINNING = 'run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9X';

const LARGE = `name: w
version: "1"
services: { s: { type: http, endpoint: "http://s.test" } }
steps:
  - { id: take, service: s, method: "POST /take", input: { all: "{{ .input }}" } }
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'maestro-blobs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('values go with the record of their run, and not while its first value may be there before it', async () => {
  const database = openDatabase({ path: ':memory:' });
  const blobs = createFolderBlobs(folder);
  const runs = createRuns({ store: createSqliteStore(database), blobs, clock: createVirtualClock(NOW_MS) });
  await createRun(runs, { id: KEPT, workflow: 'w' });
  for (const [name, ageHours] of [
    [KEPT, 2_000],
    [EXPIRED, 2_000],
    [BEGINNING, 1],
  ] as const) {
    await blobs.put(`${name}/0001/output`, new Uint8Array([1]));
    const changed = (NOW_MS - ageHours * 3_600_000) / 1_000;
    utimesSync(join(folder, name), changed, changed);
  }

  expect(await dropExpiredBlobs(blobs, runs)).toEqual([EXPIRED]);

  expect(readdirSync(folder).sort()).toEqual([KEPT, BEGINNING]);
  database.close();
});

test('a folder that was never written to holds nobody', async () => {
  expect(await createFolderBlobs(join(folder, 'none')).owners()).toEqual([]);
});

test('a process over a folder whose runs have expired deletes what they stored', async () => {
  const stored = join(folder, 'blobs');
  const first = await createWorld(LARGE, { dataFolder: folder });
  await first.run({ text: 'x'.repeat(300_000) });
  await first.close();
  expect(readdirSync(stored)).toHaveLength(1);

  const later = await createWorld(LARGE, { dataFolder: folder, generation: 2, startMs: Date.UTC(2100, 0, 1) });
  await later.pass(61_000);
  await eventually(() => expect(readdirSync(stored)).toEqual([]));
  await later.close();
});
