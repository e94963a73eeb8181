// `kill -9` of `maestro dev` under load: what was accepted ends rightly, streams go on where they were, nothing is lost and nothing doubled.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Maestro, MaestroError, type RunEvent } from '../../sdk/index.ts';
import { hash } from '../property/outcomes.ts';
import { type DevProcess, startDev } from './support/dev-process.ts';
import { type Services, startServices } from './support/services.ts';
import { workflowFiles } from './support/workflows.ts';

/** Times that the process is killed. */
const KILLS = Number(process.env['MAESTRO_CRASH_KILLS'] ?? 3);
const SEED = process.env['MAESTRO_CRASH_SEED'] ?? 'seed';
/** Starts that are under way at once. */
const STARTERS = 6;
const SHORTEST_LIFE_MS = 250;
const LONGEST_LIFE_MS = 700;

type Kind = 'e2e_five' | 'e2e_saga' | 'e2e_approval' | 'e2e_parent' | 'e2e_waits';

/** How each kind ends, which calls it makes, and in which mode it is started. */
const KINDS: { [kind in Kind]: { mode: 'async' | 'queued'; status: string; calls: string[] } } = {
  e2e_five: { mode: 'queued', status: 'completed', calls: ['a', 'b', 'c', 'd', 'e'] },
  e2e_saga: { mode: 'async', status: 'compensated', calls: ['first', 'second', 'third', 'undo-second', 'undo-first'] },
  e2e_approval: { mode: 'async', status: 'completed', calls: ['first', 'last'] },
  e2e_waits: { mode: 'async', status: 'cancelled', calls: ['first', 'undo-first'] },
  e2e_parent: { mode: 'queued', status: 'completed', calls: ['before', 'first', 'second', 'third', 'after'] },
};

const KIND_NAMES = Object.keys(KINDS) as Kind[];

let dev: DevProcess | undefined;
let services: Services | undefined;
let folder: string | undefined;

afterEach(async () => {
  await dev?.kill();
  await services?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** A run that was accepted: its id was answered. */
interface Accepted {
  tag: string;
  kind: Kind;
  runId: string;
}

// A deployed service is nobody's to kill.
describe.skipIf(process.env['MAESTRO_E2E_URL'] !== undefined)('maestro dev that is killed', () => {
  test(
    `${KILLS} times under load ends every run that it accepted, and its streams and its audit chain are whole`,
    async () => {
      services = await startServices();
      folder = mkdtempSync(join(tmpdir(), 'maestro-e2e-crash-'));
      for (const [name, text] of Object.entries(workflowFiles(services.url))) writeFileSync(join(folder, name), text);
      dev = await startDev({ folder });
      const maestro = new Maestro({ baseUrl: dev.url, apiKey: dev.apiKey, retries: 0 });
      const url = dev.url;
      const load = createLoad(maestro, services);

      for (let kill = 0; kill < KILLS; kill++) {
        await pause(SHORTEST_LIFE_MS + (hash(`${SEED}|${kill}`) % (LONGEST_LIFE_MS - SHORTEST_LIFE_MS)));
        await dev.kill();
        dev = await startDev({ folder });
        // Callback URLs and open streams hold the address.
        expect(dev.url).toBe(url);
        expect(dev.left).toBeGreaterThan(0);
      }
      const { accepted, streams, events } = await load.end();
      for (const tag of events) await services.arrived(tag, 'heard');

      expect(accepted.length).toBeGreaterThan(10 * KILLS);
      expect(streams.some(({ connections }) => connections > 1)).toBe(true);
      for (const { runId, events } of streams) {
        expect([runId, events.map(({ id }) => Number(id))]).toEqual([runId, events.map((_, index) => index + 1)]);
        expect(events.at(-1)?.envelope?.data.run_id).toBe(runId);
      }
      const wrong: unknown[] = [];
      for (const { tag, kind, runId } of accepted) {
        const { data } = await maestro.orchestrate.get(runId);
        const calls = [...new Set(services.asked(tag).map(({ key, step }) => `${key} ${step}`))].map((call) => call.split(' ')[1]);
        const { status, calls: expected } = KINDS[kind];
        if (data.status !== status || calls.join() !== expected.join()) wrong.push({ runId, kind, status: data.status, calls });
      }
      expect(wrong).toEqual([]);
      expect(events.length).toBeGreaterThan(0);
      const keys = events.map((tag) => new Set(services?.asked(tag).map(({ key }) => key)).size);
      expect(keys).toEqual(events.map(() => 1));
      expect(await maestro.audit.verify()).toMatchObject({ ok: true, problems: [] });
      expect(await dev.stop()).toBe(0);
    },
    60_000 + KILLS * 20_000,
  );
});

interface Followed {
  runId: string;
  events: RunEvent[];
  connections: number;
}

interface Load {
  /** Starts nothing more, and resolves when all has ended. `events`: tags of the events that were accepted. */
  end(): Promise<{ accepted: Accepted[]; streams: Followed[]; events: string[] }>;
}

/** Starts runs, puts events, answers checkpoints, cancels, and follows every run, whatever becomes of the process, until it is told to end. */
function createLoad(maestro: Maestro, { script }: Services): Load {
  const accepted: Accepted[] = [];
  const streams: Followed[] = [];
  const events: string[] = [];
  const going: Promise<void>[] = [];
  let ending = false;
  let count = 0;

  async function startOne(): Promise<void> {
    const n = count++;
    const kind = KIND_NAMES[n % KIND_NAMES.length] ?? 'e2e_five';
    const tag = `${SEED}-${n}`;
    script(tag, async ({ step }) => {
      await pause(5 + (hash(tag + step) % 40));
      return kind === 'e2e_saga' && step === 'third' ? { status: 422 } : undefined;
    });
    const request = { workflow: kind, input: { tag }, mode: KINDS[kind].mode, idempotencyKey: tag };
    const { data } = await untilAnswered(() => maestro.orchestrate.run(request));
    accepted.push({ tag, kind, runId: data.run_id });
    going.push(finish(data.run_id, kind));
  }

  async function finish(runId: string, kind: Kind): Promise<void> {
    const stream: Followed = { runId, events: [], connections: 0 };
    streams.push(stream);
    while (!stream.events.at(-1)?.envelope) {
      stream.connections++;
      try {
        for await (const event of maestro.orchestrate.stream(runId, { after: stream.events.length })) {
          stream.events.push(event);
          if (event.type === 'checkpoint.waiting' && kind === 'e2e_approval') await approve(runId);
          if (event.type === 'step.completed' && kind === 'e2e_waits') await steer(() => maestro.orchestrate.cancel(runId));
        }
      } catch (error) {
        if (error instanceof MaestroError) throw error;
        await pause(30);
      }
    }
  }

  async function approve(runId: string): Promise<void> {
    const { data } = await untilAnswered(() => maestro.orchestrate.get(runId));
    const id = data.pending_checkpoint?.id;
    if (id === undefined) return;
    await steer(() => maestro.orchestrate.resolveCheckpoint(runId, id, { decision: 'approve' }));
  }

  /** What was asked for may have been done although the answer to it was lost. */
  async function steer(ask: () => Promise<unknown>): Promise<void> {
    await untilAnswered(ask).catch((error: unknown) => {
      if (!(error instanceof MaestroError && error.code === 'conflict')) throw error;
    });
  }

  /** Puts an event that starts a workflow; put again after a lost answer, it is the same payment. */
  async function putOne(): Promise<void> {
    const tag = `${SEED}-event-${count++}`;
    const detail = { tag, amount: 12, payment: tag };
    await untilAnswered(() => maestro.events.put({ source: 'com.example.e2e', 'detail-type': 'Paid', detail }));
    events.push(tag);
  }

  const starters = Array.from({ length: STARTERS }, async () => {
    while (!ending) await (count % 7 === 0 ? putOne() : startOne());
  });
  return {
    async end() {
      ending = true;
      await Promise.all(starters);
      await Promise.all(going);
      return { accepted, streams, events };
    },
  };
}

/** Asks again for as long as there is no answer. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof MaestroError) throw error;
      await pause(20);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
