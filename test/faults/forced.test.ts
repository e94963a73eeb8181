import { afterEach, describe, expect, test } from 'vitest';
import { createServiceWorld, ME, type ServiceWorld, SOURCE } from '../orchestrate/world.ts';
import { ok } from '../semantics/world.ts';

let world: ServiceWorld;

afterEach(() => world.close());

const HEAD = 'version: "1"\ntimeout: 1h\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false }\nsteps:\n';
const step = (id: string): string => `  - { id: ${id}, service: s, method: /${id}, compensate: { method: /undo-${id} } }\n`;
const kid = (name: string, steps: string): string => `name: ${name}\n${HEAD}${steps}`;

describe('a forced cancel', () => {
  test.each([
    ['runs', kid('kid', `${step('k')}  - { id: pause, wait: 30m }\n`), 'compensation_failed'],
    ['has completed', kid('kid', step('k')), 'completed'],
  ])('of a run whose sub-workflow %s lists it as left, and an undo that is asked for later undoes both', async (_how, child, status) => {
    const parent = kid('w', `  - { id: run_kid, workflow: kid }\n${step('a')}  - { id: pause, wait: 30m }\n`);
    world = await createServiceWorld([parent, child], { mock: () => ok({}) });
    const { service, drive, pass } = world;
    const { runId } = await drive(service.run(ME, SOURCE, { workflow: 'w', mode: 'async' }));
    await pass(60_000);

    const { data } = await drive(service.cancel(ME, SOURCE, runId, { force: true }));
    await pass(60_000);

    expect(data.status).toBe('compensation_failed');
    expect(world.undos()).toEqual([]);
    const record = await world.record(runId);
    const done = world.log();
    expect(record.report).toMatchObject({ left: [{ step: 'run_kid' }, ...(done.includes('a') ? [{ step: 'a' }] : [])] });
    const [first] = await world.steps(runId);
    expect((await world.record(first?.child ?? '')).status).toBe(status);

    await drive(service.undo(ME, SOURCE, runId));
    expect((await world.settle(runId)).status).toBe('cancelled');
    expect(world.undos()).toEqual(done.toReversed());
  });
});
