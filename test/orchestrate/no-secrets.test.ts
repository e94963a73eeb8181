// What people are shown and what is kept for the audit holds no task token and no callback's secret.

import { afterEach, describe, expect, test } from 'vitest';
import type { Json } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { callbackToken, listEvents, runRecordKey } from '../../shared/runs/index.ts';
import type { Item } from '../../shared/store/index.ts';
import { ok, rejected } from '../semantics/world.ts';
import { createServiceWorld, ME, type ServiceWorld, SOURCE } from './world.ts';

let world: ServiceWorld;

afterEach(() => world.close());

const FILE = `name: asks
version: "1"
timeout: 12h
services:
  s: { type: http, endpoint: "http://s", breaker: false }
steps:
  - { id: later, service: s, method: /later, await: callback, timeout: 1h, compensate: { method: /undo } }
  - { id: ask, checkpoint: { title: "go on?", timeout: 2h, allow: [respond, reject] } }
  - { id: end, service: s, method: /end }
`;

/** Every \`token\` and \`callback\` of the run's records: what must not get out. */
async function secretsOf(runId: string): Promise<string[]> {
  const items = await world.runtime.runs.store.list(runRecordKey(runId).pk);
  return items
    .flatMap(({ body }) => [body['token'], body['callback']])
    .filter((value) => typeof value === 'string' && value !== '') as string[];
}

async function receipts(): Promise<Item[]> {
  const chains = Array.from({ length: 16 }, (_, chain) => world.runtime.runs.store.list(`AUDIT#${ME.tenant}#${chain}`));
  return (await Promise.all(chains)).flat();
}

async function shown(runId: string): Promise<string> {
  const { service, runtime } = world;
  const all: unknown[] = [
    await world.drive(service.get(ME, runId)),
    await world.drive(service.list(ME, {})),
    await world.drive(listEvents(runtime.runs, runId)),
    ...(await receipts()),
    await world.drive(runtime.runs.store.list(runRecordKey(runId).pk, { prefix: 'RUN' })),
  ];
  return JSON.stringify(all);
}

describe('no token and no secret', () => {
  test.each(['respond', 'reject'] as const)('is in an envelope, a list, an event, a receipt or a refusal: %s', async (decision) => {
    world = await createServiceWorld(FILE, { mock: ({ step }) => (step === 'end' ? rejected() : ok({})) });
    const { service } = world;
    const { runId } = await world.drive(service.run(ME, SOURCE, { workflow: 'asks' }));
    await world.pass(1_000);
    const callback = callbackToken(runId, await world.step(runId, 'later'));
    const texts: string[] = [await shown(runId)];
    await world.drive(service.answerCallback(SOURCE, callback, { fine: true } satisfies Json));
    const waiting = await world.settle(runId);
    texts.push(await shown(runId));
    const id = waiting.pending_checkpoint?.id ?? '';
    for (const answer of [{ decision: 'edit' as const }, { decision }, {}])
      await world
        .drive(service.resolveCheckpoint(ME, SOURCE, runId, id, answer))
        .catch((error: unknown) => texts.push(JSON.stringify([String(error), error])));
    await world.settle(runId);
    texts.push(await shown(runId));

    const secrets = await secretsOf(runId);
    expect(secrets.length).toBeGreaterThanOrEqual(3);
    expect(secrets.some((secret) => callback.endsWith(`.${secret}`))).toBe(true);
    for (const text of texts) for (const secret of secrets) expect(text).not.toContain(secret);
    expect(texts).toHaveLength(5);
    expect(await receipts()).toHaveLength(3);
    expect(isJsonObject(JSON.parse(texts[0] ?? '')[0])).toBe(true);
  });
});
