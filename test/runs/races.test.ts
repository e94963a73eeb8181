import { describe, expect, it } from 'vitest';
import { createCheckpointFunction } from '../../functions/checkpoint/index.ts';
import { createRecorder } from '../../functions/recorder/index.ts';
import type { CheckpointMessage, RunRef } from '../../shared/protocol/step-message.ts';
import { createRun, createRuns, endRun, findRunId, listOpenRuns, listSteps, readRun, requestCancel } from '../../shared/runs/index.ts';
import type { Key, Store } from '../../shared/store/index.ts';
import { createSqliteStore, openDatabase } from '../../shared/store/sqlite/index.ts';
import { call, createWorld, jumpingClock, memoryBlobs, RUN, RUN_ID, START_MS, type World } from '../step/world.ts';

/** A store on which something else happens just before or after a write of one's own. */
function between(inner: Store, hooks: { before?: (key: Key) => Promise<void>; after?: (key: Key) => Promise<void> }): Store {
  return {
    ...inner,
    async put(key, ...rest) {
      await hooks.before?.(key);
      const written = await inner.put(key, ...rest);
      await hooks.after?.(key);
      return written;
    },
    async update(key, ...rest) {
      await hooks.before?.(key);
      const written = await inner.update(key, ...rest);
      await hooks.after?.(key);
      return written;
    },
  };
}

function records() {
  const clock = jumpingClock();
  const store = createSqliteStore(openDatabase({ path: ':memory:' }));
  const blobs = memoryBlobs();
  return { store, runs: createRuns({ store, blobs, clock }), on: (other: Store) => createRuns({ store: other, blobs, clock }) };
}

async function open({ runs }: Pick<World, 'runs'>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { run } of listOpenRuns(runs)) if (run) ids.push(run.id);
  return ids;
}

describe('two that make the same run', () => {
  it('in the same millisecond leave it on the list that the sweep reads', async () => {
    const { store, runs, on } = records();
    let quicker = true;
    const slow = between(store, {
      async before({ sk }) {
        if (sk !== 'RUN' || !quicker) return;
        quicker = false;
        await createRun(runs, { run: RUN, workflow: 'order' });
      },
    });

    await createRun(on(slow), { run: RUN, workflow: 'order' });

    expect(await open({ runs })).toEqual([RUN_ID]);
  });
});

describe('a process that dies while it makes a run', () => {
  it('leaves nothing that the next one does not complete: the parent knows its child, and events find it', async () => {
    const child: RunRef = [
      'arn:aws:states:us-east-1:123456789012:execution:billing:child',
      '2026-01-02T03:04:06Z',
      { parent: { run: RUN_ID, at: '0002' } },
    ];
    const made = { run: child, workflow: 'billing', link: child[2] ?? null };
    for (let point = 0; point < 9; point++) {
      const { store, runs, on } = records();
      let left = point;
      const dying = between(store, {
        async before() {
          if (left-- <= 0) throw new Error('killed');
        },
      });
      await createRun(on(dying), made).catch(() => undefined);

      const { id } = await createRun(runs, made);

      expect(await listSteps(runs, RUN_ID), `killed before write ${point}`).toMatchObject([{ state: 'child', child: id }]);
      expect(await findRunId(runs, child[0], Date.parse(child[1]))).toBe(id);
      expect(await open({ runs })).toEqual([id]);
    }
  });
});

describe('an undo that is asked for again', () => {
  it('is on the list that the sweep reads before it is claimed, so that a crash does not leave it for ever', async () => {
    const world = createWorld();
    await world.step(call(1));
    await endRun(world.runs, await readRun(world.runs, RUN_ID), { status: 'compensation_failed' });
    const started: string[] = [];
    const executions = {
      async start(_machine: string, name: string) {
        started.push(name);
        return undefined;
      },
    };
    let dead = false;
    const dying = between(world.store, {
      async before() {
        if (dead) throw new Error('killed');
      },
      async after({ sk }) {
        dead ||= sk === 'RUN';
      },
    });
    const runs = createRuns({ store: dying, blobs: world.blobs, clock: world.clock });
    await expect(createRecorder({ runs, executions }).undoAgain(RUN_ID)).rejects.toThrow('killed');

    await createRecorder({ runs: world.runs, executions }).sweep(START_MS);

    expect(started).toEqual([`${RUN_ID}-undo-2-1`]);
  });
});

describe('a cancel', () => {
  it('that comes while a checkpoint opens keeps it from waiting', async () => {
    const world = createWorld();
    await world.step(call(1));
    const slow = between(world.store, {
      async before({ sk }) {
        if (sk.startsWith('CHECKPOINT#')) await requestCancel(world.runs, RUN_ID);
      },
    });
    const message: CheckpointMessage = {
      v: 1,
      op: 'checkpoint',
      run: RUN,
      step: 'ask',
      at: '0002',
      token: 'token',
      limit: 300_000,
      title: 'May it?',
      allow: ['approve'],
      timeout: 60,
      onTimeout: 'fail',
    };
    const runs = createRuns({ store: slow, blobs: world.blobs, clock: world.clock });

    await expect(createCheckpointFunction({ runs })(message)).rejects.toMatchObject({ name: 'Maestro.Cancelled' });

    expect(await world.store.list(`RUN#${RUN_ID}`, { prefix: 'CHECKPOINT#' })).toMatchObject([{ body: { state: 'cancelled' } }]);
    expect(await world.runStatus()).toBe('running');
  });
});
