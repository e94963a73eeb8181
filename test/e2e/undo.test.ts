// Ending runs before their end: cancel wherever they are, retry from where they failed, undo once more what was left.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Envelope, MaestroError } from '../../sdk/index.ts';
import type { Script } from './support/services.ts';
import { atCheckpoint, ended, newTag, openTarget, type Target } from './support/target.ts';

let target: Target;

beforeAll(async () => {
  target = await openTarget();
});

afterAll(() => target.close());

async function start(workflow: string, tag: string): Promise<string> {
  const { data } = await target.maestro.orchestrate.run({ workflow, input: { tag }, mode: 'async' });
  return data.run_id;
}

/** Refuses these steps for as long as they are in the set. */
function refusing(...steps: string[]): { script: Script; broken: Set<string> } {
  const broken = new Set(steps);
  return { broken, script: ({ step }) => (broken.has(step) ? { status: 422, body: { error: 'no' } } : undefined) };
}

async function conflict(work: Promise<Envelope>): Promise<number> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof MaestroError ? error.status : 0;
}

describe('cancelling', () => {
  test('in a call: the call ends, nothing more begins, what was done is undone in reverse', async () => {
    const tag = newTag();
    const go = Promise.withResolvers<undefined>();
    target.services.script(tag, ({ step }) => (step === 'second' ? go.promise : undefined));
    const runId = await start('e2e_saga', tag);
    await target.services.arrived(tag, 'second');

    await target.maestro.orchestrate.cancel(runId);
    go.resolve(undefined);
    const { data } = await ended(target, runId);

    expect(data).toMatchObject({ status: 'cancelled', run: { cancel_requested: true } });
    expect(target.services.steps(tag)).toEqual(['first', 'second', 'undo-second', 'undo-first']);
    expect(target.services.asked(tag).at(-1)?.body).toMatchObject({ of: 'first' });
  });

  test('in a wait: it ends at once', async () => {
    const tag = newTag();
    const runId = await start('e2e_waits', tag);
    for await (const event of target.maestro.orchestrate.stream(runId)) if (event.type === 'step.completed') break;

    await target.maestro.orchestrate.cancel(runId);

    expect((await ended(target, runId)).data.status).toBe('cancelled');
    expect(target.services.steps(tag)).toEqual(['first', 'undo-first']);
  });

  test('before the wait that it is about to begin: it is not waited for either', async () => {
    const tag = newTag();
    const go = Promise.withResolvers<undefined>();
    target.services.script(tag, ({ step }) => (step === 'first' ? go.promise : undefined));
    const runId = await start('e2e_waits', tag);
    await target.services.arrived(tag, 'first');

    await target.maestro.orchestrate.cancel(runId);
    go.resolve(undefined);

    expect((await ended(target, runId)).data.status).toBe('cancelled');
    expect(target.services.steps(tag)).toEqual(['first', 'undo-first']);
  });

  test('at a checkpoint: it is closed, and an answer is refused', async () => {
    const tag = newTag();
    const runId = await start('e2e_approval', tag);
    const { data: waiting } = await atCheckpoint(target, runId);

    await target.maestro.orchestrate.cancel(runId);
    const { data } = await ended(target, runId);
    const late = conflict(
      target.maestro.orchestrate.resolveCheckpoint(runId, waiting.pending_checkpoint?.id ?? '', { decision: 'approve' }),
    );

    expect(data).toMatchObject({ status: 'cancelled', pending_checkpoint: null });
    expect(target.services.steps(tag)).toEqual(['first', 'undo-first']);
    expect(await late).toBe(409);
  });

  test('with a child that runs: the child is cancelled and undone first, then the rest', async () => {
    const tag = newTag();
    const go = Promise.withResolvers<undefined>();
    target.services.script(tag, ({ step }) => (step === 'second' ? go.promise : undefined));
    const runId = await start('e2e_parent', tag);
    await target.services.arrived(tag, 'second');

    await target.maestro.orchestrate.cancel(runId);
    go.resolve(undefined);

    expect((await ended(target, runId)).data.status).toBe('cancelled');
    expect(target.services.steps(tag)).toEqual(['before', 'first', 'second', 'undo-second', 'undo-first', 'undo-before']);
  });

  test('by force: nothing is undone, what is owed is listed, and can be undone later', async () => {
    const tag = newTag();
    const runId = await start('e2e_waits', tag);
    for await (const event of target.maestro.orchestrate.stream(runId)) if (event.type === 'step.completed') break;

    await target.maestro.orchestrate.cancel(runId, { force: true });
    const { data: stopped } = await ended(target, runId);
    await target.maestro.orchestrate.undo(runId);
    const { data: undone } = await ended(target, runId);

    expect(stopped.status).toBe('compensation_failed');
    expect(stopped.undo.left).toHaveLength(1);
    expect(undone.undo.left).toEqual([]);
    expect(target.services.steps(tag)).toEqual(['first', 'undo-first']);
  });

  test('a run that has ended is 409', async () => {
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_one', input: { tag: newTag() } });

    expect(await conflict(target.maestro.orchestrate.cancel(data.run_id))).toBe(409);
  });
});

describe('a step that fails for good', () => {
  test('ends the run, and everything before it is undone in reverse', async () => {
    const tag = newTag();
    target.services.script(tag, refusing('third').script);

    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_saga', input: { tag } });

    expect(data).toMatchObject({ status: 'compensated', error: { step: 'third', error: 'Maestro.ServiceRejected' } });
    expect(target.services.steps(tag)).toEqual(['first', 'second', 'third', 'undo-second', 'undo-first']);
    expect(data.steps.map(({ step_id, status }) => [step_id, status])).toEqual([
      ['first', 'undone'],
      ['second', 'undone'],
      ['third', 'not_performed'],
    ]);
  });
});

describe('retrying', () => {
  test('where nothing was undone it goes on from the failed step, as another run of the same job', async () => {
    const tag = newTag();
    const { script, broken } = refusing('second');
    target.services.script(tag, script);
    const { data: failed } = await target.maestro.orchestrate.run({ workflow: 'e2e_plain', input: { tag } });
    broken.clear();

    const { data: again } = await target.maestro.orchestrate.retry(failed.run_id);
    const { data } = await ended(target, again.run_id);

    expect(failed.status).toBe('failed');
    expect(again.run_id).not.toBe(failed.run_id);
    expect(data).toMatchObject({
      job_id: failed.job_id,
      status: 'completed',
      output: { first: 'first' },
      run: { attempt: 2, retry_of: failed.run_id },
    });
    expect(data.steps.map(({ step_id, reused }) => [step_id, reused])).toEqual([
      ['first', true],
      ['second', false],
      ['third', false],
    ]);
    expect(target.services.steps(tag)).toEqual(['first', 'second', 'second', 'third']);
    expect((await target.maestro.orchestrate.get(failed.job_id)).data.run_id).toBe(data.run_id);
  });

  test('where something was undone it begins anew', async () => {
    const tag = newTag();
    const { script, broken } = refusing('third');
    target.services.script(tag, script);
    const { data: failed } = await target.maestro.orchestrate.run({ workflow: 'e2e_saga', input: { tag } });
    broken.clear();

    const { data: again } = await target.maestro.orchestrate.retry(failed.run_id);

    expect((await ended(target, again.run_id)).data.status).toBe('completed');
    expect(target.services.steps(tag)).toEqual(['first', 'second', 'third', 'undo-second', 'undo-first', 'first', 'second', 'third']);
  });

  test('a run that is completed, or goes on, is 409', async () => {
    const { data } = await target.maestro.orchestrate.run({ workflow: 'e2e_one', input: { tag: newTag() } });
    const waiting = await target.maestro.orchestrate.run({ workflow: 'e2e_approval', input: { tag: newTag() } });

    expect(await conflict(target.maestro.orchestrate.retry(data.run_id))).toBe(409);
    expect(await conflict(target.maestro.orchestrate.retry(waiting.data.run_id))).toBe(409);
    await target.maestro.orchestrate.cancel(waiting.data.run_id);
    await ended(target, waiting.data.run_id);
  });
});

describe('an undo that failed', () => {
  test('is listed as left with all that is needed, and done by asking again', async () => {
    const tag = newTag();
    const { script, broken } = refusing('third', 'undo-second');
    target.services.script(tag, script);
    const { data: failed } = await target.maestro.orchestrate.run({ workflow: 'e2e_saga', input: { tag } });
    const stillBroken = await target.maestro.orchestrate.undo(failed.run_id).then(() => ended(target, failed.run_id));
    broken.clear();

    await target.maestro.orchestrate.undo(failed.run_id);
    const { data } = await ended(target, failed.run_id);

    expect(failed.status).toBe('compensation_failed');
    expect(failed.undo.left).toEqual([expect.objectContaining({ step: 'second' })]);
    expect(stillBroken.data.status).toBe('compensation_failed');
    expect(data).toMatchObject({ status: 'compensated', undo: { left: [] } });
    expect(target.services.steps(tag)).toEqual(['first', 'second', 'third', 'undo-second', 'undo-first', 'undo-second', 'undo-second']);
    expect(await conflict(target.maestro.orchestrate.undo(failed.run_id))).toBe(409);
  });
});
