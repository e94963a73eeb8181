// The process is killed at every point where it writes or calls, one after the other, and begun again. Whatever the point: a service is
// called at least once and always under one key, what the record says has ended is not called again, and nothing that was done is left.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepError } from '../../functions/step/index.ts';
import type { Json } from '../../shared/json.ts';
import type { StepMessage } from '../../shared/protocol/step-message.ts';
import { listSteps } from '../../shared/runs/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { type Killing, killingStore } from './killing-store.ts';
import { call, createWorld, done, RUN_ID, rejected, report, undo, type World } from './world.ts';

/** A service that does what it is asked, once per key, and remembers it. */
interface Ledger {
  calls: { key: string; endedBefore: boolean; durable: boolean }[];
  performed: Set<string>;
}

interface Scenario {
  /** Steps that the service refuses, by number. */
  refused: number;
  steps: number;
  onUnknown: boolean;
  /** One machine, or many processes that wait for each other's leases. */
  sole: boolean;
}

/** Runs the steps and, where one is refused, the chain, as Step Functions would: a killed task is tried again. */
async function play(
  world: World,
  send: (message: StepMessage, attempt: number) => Promise<'ok' | 'failed'>,
  { refused, steps, onUnknown }: Scenario,
): Promise<Json> {
  let failed = 0;
  for (let n = 1; n <= steps && failed === 0; n++) {
    const message = call(n, { attempts: 4, service: { name: `s${n}`, type: 'http', endpoint: [] } });
    if (onUnknown && message.undo) message.undo = { ...message.undo, onUnknown: true };
    if (n === refused) world.caller.answers(`s${n}`, rejected);
    if ((await send(message, 0)) === 'failed') failed = n;
  }
  if (failed === 0) return 'completed';
  for (let n = failed; n >= 1; n--) await send(undo(n, { attempts: 50 }), 0);
  await send(report(), 0);
  return 'undone';
}

async function run(
  scenario: Scenario,
  killAt: number,
): Promise<{ world: World; ledger: Ledger; killing: Killing; result: Json; killed: boolean }> {
  const killing = killingStore(createSqliteStore(openDatabase({ path: ':memory:' })));
  const world = createWorld({ store: killing.store, sole: scenario.sole });
  const ledger: Ledger = { calls: [], performed: new Set() };
  const inner = world.caller.call.bind(world.caller);
  world.caller.call = async (request) => {
    killing.point();
    const key = request.idempotencyKey;
    ledger.calls.push({ key, endedBefore: killing.ended.has(key), durable: !killing.dirty });
    const outcome = await inner(request);
    if (outcome.outcome === 'done') ledger.performed.add(request.idempotencyKey);
    killing.point();
    return outcome;
  };
  for (let n = 1; n <= scenario.steps; n++) world.caller.answers(`s${n}`, done({ n }));
  killing.arm(killAt);
  let killed = false;
  let process = world.step;
  const send = async (message: StepMessage, first: number): Promise<'ok' | 'failed'> => {
    for (let attempt = first; ; attempt++) {
      try {
        await process(message.op === 'call' ? { ...message, attempt } : message);
        return 'ok';
      } catch (error) {
        if (!killing.dead) {
          if (error instanceof StepError) return 'failed';
          throw error;
        }
        killed = true;
        killing.arm(Number.POSITIVE_INFINITY);
        process = world.another();
        // The embedded engine sends the same attempt again after a kill, Step Functions the next one: both must hold.
        if (killAt % 2 === 0) attempt--;
      }
    }
  };
  const result = await play(world, send, scenario);
  return { world, ledger, killing, result, killed };
}

/** How many points there are to die at. */
async function countPoints(scenario: Scenario): Promise<number> {
  const inner = createSqliteStore(openDatabase({ path: ':memory:' }));
  let points = 0;
  const killing = killingStore(inner);
  killing.point = () => void points++;
  const world = createWorld({
    store: { ...killing.store, put: counted(inner.put), update: counted(inner.update), delete: counted(inner.delete, 1) },
    sole: scenario.sole,
  });
  function counted<A extends unknown[], R>(write: (...args: A) => Promise<R>, each = 2): (...args: A) => Promise<R> {
    return (...args) => {
      points += each;
      return write(...args);
    };
  }
  for (let n = 1; n <= scenario.steps; n++) world.caller.answers(`s${n}`, done({ n }));
  await play(
    world,
    async (message) =>
      world.step(message).then(
        () => 'ok' as const,
        () => 'failed' as const,
      ),
    scenario,
  );
  return points + world.caller.requests.length * 2;
}

const scenarios = [true, false].flatMap((sole): [name: string, scenario: Scenario][] => [
  [`a run that succeeds, ${sole ? 'on one machine' : 'among many processes'}`, { steps: 3, refused: 0, onUnknown: false, sole }],
  [
    `a run whose last step is refused, ${sole ? 'on one machine' : 'among many processes'}`,
    { steps: 3, refused: 3, onUnknown: false, sole },
  ],
  [
    `a run whose last step is refused, with undos on a doubt, ${sole ? 'on one machine' : 'among many processes'}`,
    { steps: 3, refused: 3, onUnknown: true, sole },
  ],
]);

describe.each(scenarios)('%s, killed at any point', (_name, scenario) => {
  it('calls at least once under one key, never again what has ended, and leaves nothing', async () => {
    const points = await countPoints(scenario);
    expect(points).toBeGreaterThan(20);
    let kills = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: points + 2 }), (killAt) =>
        check(scenario, killAt).then((killed) => void (kills += killed ? 1 : 0)),
      ),
      { examples: Array.from({ length: points + 3 }, (_, n) => [n]), numRuns: points + 3 },
    );
    expect(kills).toBeGreaterThan(points * 0.9);
  });
});

async function check(scenario: Scenario, killAt: number): Promise<boolean> {
  const { world, ledger, killing, result, killed } = await run(scenario, killAt);
  killing.arm(Number.POSITIVE_INFINITY);
  const last = scenario.refused === 0 ? scenario.steps : scenario.refused;
  const done = new Map((await listSteps(world.runs, RUN_ID)).map((step) => [step.at, step]));

  expect(ledger.calls.filter(({ endedBefore, durable }) => endedBefore || !durable)).toEqual([]);
  for (let n = 1; n <= last; n++) expect(ledger.calls.map(({ key }) => key)).toContain(`${RUN_ID}/000${n}`);
  if (scenario.refused === 0) {
    expect(result).toBe('completed');
    expect([...done.values()].map(({ state }) => state)).toEqual(['done', 'done', 'done']);
    return killed;
  }
  // Everything that was performed was undone, in reverse order.
  const undone = ledger.calls.filter(({ key }) => key.endsWith('/undo')).map(({ key }) => key.slice(RUN_ID.length + 1));
  for (const key of ledger.performed) if (!key.endsWith('/undo')) expect(ledger.performed).toContain(`${key}/undo`);
  expect(undone).toEqual([...undone].sort().reverse());
  const status = await world.runStatus();
  const doubtful = done.get(`000${last}`)?.state === 'unknown';
  expect(status).toBe(doubtful && !scenario.onUnknown ? 'compensation_failed' : 'compensated');
  expect(world.events.filter(({ type }) => type.startsWith('run.') && type !== 'run.started').length).toBeLessThanOrEqual(1);
  return killed;
}
