// The step function over a DynamoDB on the wire: the same records, single-item writes only.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DynaliteServer, startDynalite } from '../store/dynalite-server.ts';
import { call, createWorld, done, ERROR, RUN, rejected, report, timedOut, undo } from './world.ts';

let server: DynaliteServer;
beforeAll(async () => {
  server = await startDynalite();
});
afterAll(() => server.close());

describe('the step function on dynamodb', () => {
  it('calls, answers from the record, stops a block, undoes in order and reports', async () => {
    const world = createWorld({ store: server.store() });
    world.caller.answers('s1', done({ deep: JSON.parse(`${'['.repeat(40)}1${']'.repeat(40)}`), text: '' }));
    world.caller.answers('s3', timedOut, rejected);
    const blocks = { blocks: ['0002'], stops: ['0002'] };

    const first = await world.step(call(1));
    expect(await world.another()(call(1))).toEqual(first);
    await world.step(call(2, { at: '0002.0001.0001', ...blocks }));
    await world.send(call(3, { at: '0002.0002.0001', attempts: 2, ...blocks }));
    expect(await world.send(call(3, { at: '0002.0002.0001', attempts: 2, attempt: 1, ...blocks }))).toMatchObject({
      error: 'Maestro.ServiceRejected',
    });
    expect(await world.send(call(4, { at: '0002.0003.0001', ...blocks }))).toMatchObject({ error: 'Maestro.Stopped' });
    expect(await world.step({ v: 1, op: 'page', run: RUN, step: 'each', at: '0002', error: ERROR })).toMatchObject({ more: false });
    for (const at of ['0002.0003.0001', '0002.0002.0001', '0002.0001.0001', '0001']) await world.step(undo(Number(at.slice(0, 4)), { at }));
    const { cause } = (await world.step(report())) as { cause: string };

    expect(JSON.parse(cause)).toMatchObject({ status: 'compensation_failed', undone: ['step1', 'step2'], unresolved: ['step3'] });
    expect(world.caller.keys().filter((key) => key.includes('undo'))).toEqual(['0002.0001.0001/undo 0', '0001/undo 0']);
    expect(world.events.map(({ n }) => n)).toEqual(world.events.map((_, index) => index + 1));
    expect(await world.runStatus()).toBe('compensation_failed');
  });
});
