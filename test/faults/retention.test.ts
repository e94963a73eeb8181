// What is kept for how long: all of a run until it should have ended and for the time of retention beyond, receipts for ever. What has expired may
// go in any order, and nobody stumbles over what is left.

import { afterEach, describe, expect, test } from 'vitest';
import { ApiError } from '../../shared/contract/index.ts';
import { listCheckpoints } from '../../shared/runs/index.ts';
import { refused, rejected } from '../semantics/world.ts';
import { type Cloud, createCloud, ME } from './cloud.ts';
import { receiptsOf, runsOf } from './sound.ts';

const DAY_MS = 24 * 3_600_000;
const RETENTION_MS = 30 * DAY_MS;
const TIMEOUT_MS = 100 * DAY_MS;

const HEAD = 'version: "1"\ntimeout: 2400h\nservices:\n  s: { type: http, endpoint: "http://s" }\nsteps:\n';
const LONG = `name: long\n${HEAD}  - { id: a, service: s, method: /a, compensate: { method: /undo-a } }
  - { id: flaky, service: s, method: /flaky, on_error: continue }
  - { id: run_kid, workflow: kid }
  - { id: ask, checkpoint: { title: "Well?", timeout: 2000h } }
  - { id: end, service: s, method: /end }
`;
const KID = `name: kid\n${HEAD}  - { id: k, service: s, method: /k, compensate: { method: /undo-k } }\n`;

/** Kinds of items that are not of a run, and have no end: receipts and what belongs to them, and when they were last signed. */
const FOR_EVER = /^(AUDIT|HOUSEKEEPING)/;

let cloud: Cloud;

afterEach(() => cloud.close());

const code = async (work: Promise<unknown>): Promise<string> => {
  try {
    await cloud.drive(work);
    return 'ok';
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
};

/** A run of every mode, with a child, a checkpoint, an undo, and a retry. */
async function liveThrough(): Promise<string> {
  let down = true;
  cloud = await createCloud([LONG, KID], {
    mock: ({ step }) => (step === 'end' && down ? rejected() : step === 'flaky' ? refused() : undefined),
  });
  const { service, runs } = cloud.process('api');
  for (const mode of ['async', 'queued'] as const)
    await cloud.drive(service.run(ME, cloud.source(), { workflow: 'long', mode }, { idempotencyKey: mode }));
  await cloud.pass(60_000);
  const [first, second] = runsOf(cloud).filter(({ link }) => !link);
  const [checkpoint] = await cloud.drive(listCheckpoints(runs, first?.id ?? ''));
  await cloud.drive(service.resolveCheckpoint(ME, cloud.source(), first?.id ?? '', checkpoint?.id ?? '', {}));
  await cloud.pass(60_000);
  down = false;
  await cloud.drive(service.retry(ME, cloud.source(), first?.id ?? ''));
  await cloud.pass(60_000);
  return second?.id ?? '';
}

describe('what is on record', () => {
  test('has an end, but for receipts, and it is not before its run could have ended', async () => {
    await liveThrough();
    const items = cloud.items().filter(({ pk }) => !FOR_EVER.test(pk));
    expect(items.filter(({ expires }) => expires === null).map(({ pk, sk }) => `${pk} ${sk}`)).toEqual([]);
    const until = (cloud.clock.now() - 180_000 + TIMEOUT_MS + RETENTION_MS) / 1_000;
    const early = items.filter(({ pk, expires }) => /^(RUN|RUNS|OPEN|JOB|EXECUTION)#/.test(pk) && (expires ?? 0) < until);
    expect(items.map(({ pk }) => pk)).toContain('BREAKER');
    expect(early.map(({ pk, sk }) => `${pk} ${sk}`)).toEqual([]);
  });

  test('is there as long as its run waits, and gone from every list afterwards; receipts stay, and verify', async () => {
    const waiting = await liveThrough();
    cloud.sweepEveryMs = DAY_MS / 4;
    await cloud.pass(70 * DAY_MS);
    cloud.expire();
    const { service, audit } = cloud.process('api');
    const listed = async (): Promise<string[]> =>
      (await cloud.drive(cloud.process('api').service.list(ME, { limit: 100 }))).data.map(({ id }) => id);
    expect(await listed()).toContain(waiting);
    expect((await cloud.drive(service.get(ME, waiting))).data.pending_checkpoint).not.toBeNull();
    const before = receiptsOf(cloud);

    await cloud.pass(90 * DAY_MS);
    cloud.expire();

    expect(await listed()).toEqual([]);
    expect(await code(service.get(ME, waiting))).toBe('not_found');
    expect(receiptsOf(cloud)).toEqual(before);
    expect(await cloud.drive(audit.verify(ME.tenant))).toMatchObject({ ok: true });
    expect(cloud.items().filter(({ pk }) => !FOR_EVER.test(pk))).toEqual([]);
    expect(cloud.problems).toEqual([]);
  });

  test('may go item by item: what is left of a run is passed over', async () => {
    const waiting = await liveThrough();
    const items = cloud.items().filter(({ pk }) => !FOR_EVER.test(pk));
    for (const kind of ['RUN', 'STEP#', 'EVENT#', 'CHECKPOINT#', 'INPUT', '0', 'JOB']) {
      for (const { pk, sk } of items.filter(({ sk }) => sk.startsWith(kind))) await cloud.store.delete({ pk, sk });
      const { service } = cloud.another();
      await cloud.drive(service.list(ME, { limit: 100 }));
      for (const { id } of runsOf(cloud)) await cloud.drive(service.get(ME, id));
      expect(await code(service.get(ME, waiting)), kind).toBe('not_found');
      expect(await code(service.cancel(ME, cloud.source(), waiting)), kind).toBe('not_found');
      expect(await code(service.retry(ME, cloud.source(), waiting.replace('run_', 'job_'))), kind).toBe('not_found');
      await cloud.pass(3 * 3_600_000);
      expect(cloud.problems).toEqual([]);
    }
  });
});
