// What holds of the records and the services whatever died, once everything has come to rest.

import { expect } from 'vitest';
import { machineArn } from '../../local/runtime/index.ts';
import { isJsonObject, type JsonObject } from '../../shared/json.ts';
import { asRun, asStep, endsRun, isFinal, type RunEvent, type RunRecord, runEventSchema } from '../../shared/runs/index.ts';
import { type Cloud, ME } from './cloud.ts';

const MINUTE_MS = 60_000;

/** Every run that is on record, the oldest first. */
export function runsOf(cloud: Cloud): RunRecord[] {
  return cloud
    .items()
    .filter(({ sk }) => sk === 'RUN')
    .map(({ body }) => asRun(body))
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
}

export function eventsOf(cloud: Cloud, runId: string): RunEvent[] {
  return cloud
    .items()
    .filter(({ pk, sk }) => pk === `RUN#${runId}` && sk.startsWith('EVENT#'))
    .map(({ body }) => runEventSchema.parse(body));
}

/** Subjects of all receipts. */
export function receiptsOf(cloud: Cloud): JsonObject[] {
  return cloud
    .items()
    .flatMap(({ body }) => (body['object'] === 'audit_receipt' && isJsonObject(body['subject']) ? [body['subject']] : []));
}

/** Longer than everything that is waited for: a queued run's second message, a checkpoint, a Wait, the graces of the sweep. */
const LONGEST_MS = 25 * MINUTE_MS;

/** Lets time pass until nothing is left to be done, and a little more. */
export async function comeToRest(cloud: Cloud): Promise<void> {
  for (let passedMs = 0; passedMs < LONGEST_MS; passedMs += MINUTE_MS) {
    await cloud.pass(MINUTE_MS);
    const busy = runsOf(cloud).some(({ status }) => !isFinal(status)) || cloud.queue.size > 0 || openEntries(cloud).length > 0;
    if (!busy) break;
  }
  await cloud.pass(2 * MINUTE_MS);
}

/**
 * Checks all of it.
 * @param workflows names of those that there are
 * @param options.once no process died in a call: then nothing was asked twice under one key, which else is all that is promised
 */
export async function expectSound(cloud: Cloud, workflows: readonly string[], { once }: { once: boolean }): Promise<void> {
  const runs = runsOf(cloud);
  for (const run of runs) {
    expect(isFinal(run.status), `${run.workflow} is ${run.status}`).toBe(true);
    expectEvents(cloud, run);
  }
  expectExecutions(cloud, runs, workflows);
  if (once) expectOneCallPerKey(cloud);
  await expectLists(cloud, runs);
  expectReceipts(cloud, runs);
  expect(await cloud.drive(cloud.another().audit.verify(ME.tenant))).toMatchObject({ ok: true, problems: [] });
  expect(cloud.problems).toEqual([]);
  expect([...cloud.queue.values()]).toEqual([]);
}

/** Numbered without gaps; one end, and one more for every undo that was begun after it; the last event tells the run's end. */
function expectEvents(cloud: Cloud, run: RunRecord): void {
  const events = eventsOf(cloud, run.id);
  expect(events.map(({ n }) => n)).toEqual(events.map((_, index) => index + 1));
  const types = events.map(({ type }) => type);
  const again = types.filter((type, n) => type === 'compensation.started' && types.slice(0, n).some(endsRun));
  const ends = types.filter(endsRun);
  expect(ends, `${run.workflow}: ${types.join(' ')}`).toHaveLength(1 + again.length);
  expect(types.at(-1)).toBe(`run.${run.status}`);
}

/** No execution without a record, no run with two; one that began as its run was cancelled was stopped. */
function expectExecutions({ engine }: Cloud, runs: readonly RunRecord[], workflows: readonly string[]): void {
  const known = new Set(runs.map(({ execution }) => execution));
  const never = new Set(runs.filter(({ execution, status }) => execution === null && status === 'cancelled').map(({ id }) => id));
  for (const workflow of workflows) {
    // Express executions are in no list.
    if (engine.describeStateMachine(machineArn(workflow)).type === 'EXPRESS') continue;
    for (const { executionArn, name, status } of engine.listExecutions({ stateMachineArn: machineArn(workflow), maxResults: 100 }).items) {
      if (never.has(name)) expect(status).toBe('ABORTED');
      else expect(known, executionArn).toContain(executionArn);
      expect(status).not.toBe('RUNNING');
    }
  }
}

/** What a service was asked under one key it did not do twice. */
function expectOneCallPerKey({ calls }: Cloud): void {
  const done = calls.filter(({ performed }) => performed).map(({ key }) => key);
  expect(done).toEqual([...new Set(done)]);
}

/** Ids on the list that the sweep reads. */
function openEntries(cloud: Cloud): string[] {
  return cloud.items().flatMap(({ pk, body }) => (pk.startsWith('OPEN#') ? [String(body['id'])] : []));
}

/** The sweep has nothing left to look at, and people see every run once. */
async function expectLists(cloud: Cloud, runs: readonly RunRecord[]): Promise<void> {
  const known = new Set(runs.map(({ id }) => id));
  expect(openEntries(cloud).filter((id) => known.has(id))).toEqual([]);
  const { data } = await cloud.drive(cloud.another().service.list(ME, { limit: 100 }));
  const mine = runs.filter(({ tenant }) => tenant === ME.tenant).map(({ id }) => id);
  expect(data.map(({ id }) => id).sort()).toEqual(mine.sort());
}

/** Whatever was changed from outside is on the chain. */
function expectReceipts(cloud: Cloud, runs: readonly RunRecord[]): void {
  const receipts = receiptsOf(cloud);
  const has = (subject: JsonObject): void => expect(receipts).toContainEqual(expect.objectContaining(subject));
  for (const run of runs) {
    if (run.link) continue;
    // The id of an Express run is known after its receipt is written, which has the name of its execution.
    const [, , , , , kind, , execution_name = ''] = run.execution?.split(':') ?? [];
    if (kind === 'express') has({ action: 'run', execution_name });
    else if (run.retryOf === undefined) has({ action: 'run', run_id: run.id });
    else has({ action: 'retry', retry_of: run.retryOf });
    if (run.cancel) has({ action: 'cancel', run_id: run.id });
    if ((run.round ?? 1) > 1) has({ action: 'undo', run_id: run.id });
  }
  for (const { pk, sk, body } of cloud.items()) {
    const run_id = pk.slice('RUN#'.length);
    if (sk.startsWith('CHECKPOINT#') && body['state'] === 'resolved' && body['reusedFrom'] === undefined)
      has({ action: 'resolve', run_id });
    if (!sk.startsWith('STEP#')) continue;
    const step = asStep(body);
    if (step.kind === 'callback' && step.state === 'done' && !step.reused) has({ action: 'callback', run_id, at: step.at });
  }
}
