// Questions to people, and answers of services that come later.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Envelope, MaestroError } from '../../sdk/index.ts';
import { atCheckpoint, ended, newTag, openTarget, type Target } from './support/target.ts';

let target: Target;

beforeAll(async () => {
  target = await openTarget();
});

afterAll(() => target.close());

/** A run that waits for its answer: a sync start is answered there. */
async function asking(tag: string): Promise<{ runId: string; checkpoint: string; data: Envelope['data'] }> {
  const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_approval', input: { tag } });
  return { runId: data.run_id, checkpoint: data.pending_checkpoint?.id ?? '', data };
}

async function refusal(work: Promise<unknown>): Promise<MaestroError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof MaestroError)) throw new Error(`it was not refused: ${String(error)}`);
  return error;
}

describe('a checkpoint', () => {
  test('pauses the run, is answered, and the run goes on to its end', async () => {
    const tag = newTag();
    const { runId, checkpoint, data } = await asking(tag);
    expect(data).toMatchObject({
      status: 'waiting_checkpoint',
      pending_checkpoint: { id: expect.stringMatching(/^chk_/), step_id: 'ask', title: `Go on with ${tag}?` },
    });
    expect(JSON.stringify(data)).not.toMatch(/token/i);

    await target.maestro.orchestrate.resolveCheckpoint(runId, checkpoint, { decision: 'edit', amount: 12 });
    const end = await ended(target, runId);

    expect(end.data).toMatchObject({ status: 'completed', output: { decision: 'edit', amount: 12 }, pending_checkpoint: null });
    expect(target.services.steps(tag)).toEqual(['first', 'last']);
  });

  test('a wrong answer is 422 and leaves it open; the right one counts after it', async () => {
    const tag = newTag();
    const { runId, checkpoint } = await asking(tag);

    const wrong = await refusal(target.maestro.orchestrate.resolveCheckpoint(runId, checkpoint, { decision: 'edit', amount: -1 }));
    const open = await target.maestro.orchestrate.get(runId);
    await target.maestro.orchestrate.resolveCheckpoint(runId, checkpoint, { decision: 'approve' });

    expect([wrong.status, wrong.code]).toEqual([422, 'invalid']);
    expect(open.data.pending_checkpoint?.id).toBe(checkpoint);
    expect((await ended(target, runId)).data.status).toBe('completed');
  });

  test('a second answer is 409, also to a run that has ended', async () => {
    const tag = newTag();
    const { runId, checkpoint } = await asking(tag);
    await target.maestro.orchestrate.resolveCheckpoint(runId, checkpoint, { decision: 'approve' });
    const early = await refusal(target.maestro.orchestrate.resolveCheckpoint(runId, checkpoint, { decision: 'approve' }));
    await ended(target, runId);

    const late = await refusal(target.maestro.orchestrate.resolveCheckpoint(runId, checkpoint, { decision: 'reject' }));

    expect([early.status, late.status]).toEqual([409, 409]);
    expect(target.services.steps(tag)).toEqual(['first', 'last']);
  });

  test('of two answers at the same moment one counts', async () => {
    const tag = newTag();
    const { runId, checkpoint } = await asking(tag);

    const answers = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => target.maestro.orchestrate.resolveCheckpoint(runId, checkpoint, { decision: 'edit', amount: n })),
    );

    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await ended(target, runId)).data.status).toBe('completed');
  });

  test('rejected: the run ends and what was done is undone', async () => {
    const tag = newTag();
    const { runId, checkpoint } = await asking(tag);

    await target.maestro.orchestrate.resolveCheckpoint(runId, checkpoint, { decision: 'reject' });
    const { data } = await ended(target, runId);

    expect(data).toMatchObject({ status: 'compensated', error: { error: 'Maestro.Rejected', step: 'ask' } });
    expect(target.services.steps(tag)).toEqual(['first', 'undo-first']);
  });

  test('one that nobody answers ends as its file says, and an answer that comes after is 410', async () => {
    const tag = newTag();
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_brief', input: { tag }, mode: 'async' });
    const waiting = await atCheckpoint(target, data.run_id);
    const end = await ended(target, data.run_id);

    const late = await refusal(
      target.maestro.orchestrate.resolveCheckpoint(data.run_id, waiting.data.pending_checkpoint?.id ?? '', { decision: 'respond' }),
    );

    expect(end.data.status).toBe('compensated');
    expect(target.services.steps(tag)).toEqual(['first', 'undo-first']);
    expect([late.status, late.code]).toEqual([410, 'gone']);
  });

  test('one that is none is 404', async () => {
    const { runId } = await asking(newTag());

    const error = await refusal(
      target.maestro.orchestrate.resolveCheckpoint(runId, 'chk_00000000000000000000000000', { decision: 'approve' }),
    );

    expect(error.status).toBe(404);
    await target.maestro.orchestrate.cancel(runId);
    await ended(target, runId);
  });
});

describe('a callback', () => {
  test('the service answers later at the URL that it was given, once', async () => {
    const tag = newTag();
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_callback', input: { tag }, mode: 'async' });
    const { callbackUrl, body } = await target.services.arrived(tag, 'later');
    const answer = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"value":42}' };

    const accepted = await fetch(callbackUrl ?? '', answer);
    const { data: end } = await ended(target, data.run_id);
    const unknown = await fetch(`${callbackUrl?.slice(0, -6)}zzzzzz`, answer);

    expect(body['url']).toBe(callbackUrl);
    expect(callbackUrl).toMatch(new RegExp(`^${target.url}`));
    expect(accepted.status).toBe(202);
    expect(end).toMatchObject({ status: 'completed', output: { answer: 42 } });
    expect(unknown.status).toBe(404);
  });
});
