// What one tenant's key can do, and what it cannot see.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Maestro, MaestroError } from '../../sdk/index.ts';
import { newTag, openTarget, type Target } from './support/target.ts';

let target: Target;
let other: Maestro;

beforeAll(async () => {
  target = await openTarget();
  other = await clientOf({ name: 'other', tenant: `other-${newTag()}`, scopes: ['run', 'read'] });
});

afterAll(() => target.close());

async function clientOf(request: Parameters<Maestro['keys']['create']>[0]): Promise<Maestro> {
  const { key } = await target.maestro.keys.create(request);
  return new Maestro({ baseUrl: target.url, apiKey: key, retries: 0 });
}

async function refusal(work: Promise<unknown>): Promise<[number, string]> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof MaestroError)) throw new Error(`it was not refused: ${String(error)}`);
  return [error.status, error.code];
}

describe('a run of another tenant', () => {
  test('does not exist: not to look at, not to follow, not to steer, not in the list', async () => {
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_approval', input: { tag: newTag() } });
    const { orchestrate } = other;
    const checkpoint = data.pending_checkpoint?.id ?? '';

    const refusals = await Promise.all(
      [data.run_id, data.job_id].flatMap((id) => [
        refusal(orchestrate.get(id)),
        refusal(orchestrate.stream(id).next()),
        refusal(orchestrate.cancel(id)),
        refusal(orchestrate.retry(id)),
        refusal(orchestrate.undo(id)),
        refusal(orchestrate.resolveCheckpoint(id, checkpoint, { decision: 'approve' })),
      ]),
    );
    const own = await orchestrate.run({ workflow: 'e2e_one', input: { tag: newTag() } });

    expect(refusals).toEqual(refusals.map(() => [404, 'not_found']));
    expect((await orchestrate.list()).data.map(({ id }) => id)).toEqual([own.data.run_id]);
    expect((await target.maestro.orchestrate.get(data.run_id)).data.status).toBe('waiting_checkpoint');
    await target.maestro.orchestrate.cancel(data.run_id);
  });

  test('the same Idempotency-Key in two tenants is two jobs', async () => {
    const request = { workflow: 'e2e_one', input: { tag: newTag() }, idempotencyKey: `shared-${newTag()}` };

    const [one, two] = [await target.maestro.orchestrate.run(request), await other.orchestrate.run(request)];

    expect(one.data.job_id).not.toBe(two.data.job_id);
  });
});

describe('a key', () => {
  test('without the scope is 403, and unknown, revoked or cut short 401', async () => {
    const reader = await target.maestro.keys.create({ name: 'reader', scopes: ['read'] });
    const client = new Maestro({ baseUrl: target.url, apiKey: reader.key, retries: 0 });
    const start = { workflow: 'e2e_one', input: { tag: newTag() } };
    await client.orchestrate.list();

    const scope = await refusal(client.orchestrate.run(start));
    const admin = await refusal(client.keys.list());
    const cut = await refusal(new Maestro({ baseUrl: target.url, apiKey: reader.key.slice(0, -1), retries: 0 }).orchestrate.list());
    await target.maestro.keys.revoke(reader.id);
    const revoked = await refusal(client.orchestrate.list());

    expect([scope, admin]).toEqual([
      [403, 'forbidden'],
      [403, 'forbidden'],
    ]);
    expect([cut, revoked]).toEqual([
      [401, 'unauthorized'],
      [401, 'unauthorized'],
    ]);
  });

  test('with a limit is 429 beyond it, and told when to come back', async () => {
    const limited = await clientOf({ name: 'limited', scopes: ['read'], rate_limit: 3 });
    const calls = await Promise.allSettled(Array.from({ length: 10 }, () => limited.orchestrate.list()));
    const refused = calls.flatMap((call) => (call.status === 'rejected' ? [call.reason as MaestroError] : []));

    expect(refused.length).toBeGreaterThanOrEqual(5);
    for (const error of refused) {
      expect(error.status).toBe(429);
      expect(error.retryAfter).toBeGreaterThan(0);
    }
  });
});

describe('the audit chain', () => {
  test('verifies after all of that', async () => {
    const verdict = await target.maestro.audit.verify();

    expect(verdict).toMatchObject({ ok: true, problems: [] });
    expect(verdict.receipts).toBeGreaterThan(0);
  });
});
