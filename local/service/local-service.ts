// Maestro's service on one machine: the ports of shared/orchestrate over the embedded runtime, and what works behind them.
//
// Owns: what is made, begun and ended, and in which order. Does not own: HTTP, files that are watched, what any part does.
//
//   S1. Nothing is begun before `start`: until then workflows can be registered, and what comes in is kept.
//   S2. `drain` ends those who wait for news, so that their requests are answered; `close` lets what was begun be recorded.

import { join } from 'node:path';
import { undoAgain } from '../../functions/recorder/index.ts';
import { type Audit, createAudit } from '../../shared/audit/index.ts';
import type { Breakers } from '../../shared/breaker/index.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import { createKeys, type Keys } from '../../shared/keys/index.ts';
import { type Bus, createService, type Service, type ServiceIds } from '../../shared/orchestrate/index.ts';
import { keepDeadLetter, type Runtime } from '../runtime/index.ts';
import { createLocalTriggers } from '../triggers/index.ts';
import { firstApiKey } from './api-key.ts';
import { isKeyOf, localAuditKey } from './audit-key.ts';
import { createLocalCatalog, type LocalCatalog } from './catalog.ts';
import { createLocalFeed } from './event-feed.ts';
import { createLocalExecutions } from './executions.ts';
import { createLocalQueue } from './queue.ts';
import { starterWork } from './queue-work.ts';
import { workflowFiles } from './workflow-files.ts';

/** How often what a crash or a lost event interrupted is looked for. */
const SWEEP_MS = 60_000;
/** How often the heads of the audit chains are signed. */
const HEADS_MS = 24 * 3_600_000;

const LOST_KEY = 'Put the file back; until then `maestro audit verify` finds those receipts altered.';

export interface LocalServiceOptions {
  runtime: Runtime;
  /** null: everything is in memory. */
  dataFolder: string | null;
  /** Told of what went wrong behind the scenes. */
  onProblem: (error: Error) => void;
}

export interface LocalService {
  service: Service;
  keys: Keys;
  audit: Audit;
  catalog: LocalCatalog;
  bus: Bus;
  breakers: Breakers;
  ids: ServiceIds;
  /** The first API key: made when there is none that is good, and kept in the data folder. */
  apiKey(): Promise<string>;
  /** To be called when workflows of files have come, gone or changed. */
  changed(): Promise<void>;
  /** Takes up what an earlier process left, and begins to work: queue, triggers, sweeps. After the runtime has recovered. */
  start(): Promise<void>;
  /** Ends event streams and waits for runs, for good. */
  drain(): void;
  /** Begins nothing more, lets what is under way end, and signs the audit chains. The runtime is closed by its owner, afterwards. */
  close(): Promise<void>;
}

export async function createLocalService({ runtime, dataFolder, onProblem }: LocalServiceOptions): Promise<LocalService> {
  const { runs, engine, registry } = runtime;
  const { clock, ids: chance, watch, executions, recorder, cancellations, breakers } = runtime.parts;
  const { store } = runs;
  const ids: ServiceIds = {
    id: (prefix) => `${prefix}${chance.runId(clock.now()).slice('run'.length)}`,
    secret: () => chance.secret(),
  };
  const auditKey = localAuditKey(dataFolder);
  const audit = createAudit({ store, clock, key: auditKey });
  const keys = createKeys({ store, clock, ids: chance, defaultRateLimit: null });
  const feed = createLocalFeed(runs, watch, clock);
  const catalog = createLocalCatalog({
    registry,
    files: workflowFiles(dataFolder === null ? null : join(dataFolder, 'workflows')),
    onChange: () => void triggers.changed().catch(problem),
  });
  const queue = createLocalQueue({
    store,
    clock,
    id: () => ids.id('req'),
    deadLetter: (letter) => keepDeadLetter(dataFolder, letter),
    onProblem,
  });
  const service = createService({
    runs,
    catalog,
    executions: createLocalExecutions(engine, executions),
    queue,
    feed,
    audit,
    ids,
    undoAgain: (runId) => undoAgain(recorder, runId),
    onCancelled: (runId) => cancellations.resume(runId),
  });
  const triggers = createLocalTriggers({
    store,
    clock,
    ids: chance,
    service,
    catalog,
    deadLetter: (letter) => keepDeadLetter(dataFolder, letter),
    onProblem,
  });
  runtime.connectBus(triggers.bus);
  const repeats = createRepeats(clock, problem);
  let closed = false;

  function problem(error: unknown): void {
    onProblem(error instanceof Error ? error : new Error(String(error)));
  }

  if (!(await isKeyOf(store, auditKey)))
    problem(
      new Error(
        `${join(dataFolder ?? '', 'audit.key')}: it is another key than the one that earlier receipts are signed with. ${LOST_KEY}`,
      ),
    );
  for (const { name, message } of await catalog.restore()) problem(new Error(`workflow ${name}: it was not taken up again: ${message}`));
  return {
    service,
    keys,
    audit,
    catalog,
    bus: triggers.bus,
    breakers,
    ids,
    apiKey: () => firstApiKey(keys, store, dataFolder),
    changed: () => triggers.changed(),
    async start() {
      await queue.start(starterWork({ service, catalog }));
      await service.resume(clock.now());
      await triggers.start();
      repeats.every(SWEEP_MS, () => service.sweep(clock.now()));
      repeats.every(HEADS_MS, () => audit.signHeads());
    },
    drain: () => feed.close(),
    async close() {
      if (closed) return;
      closed = true;
      feed.close();
      repeats.stop();
      await Promise.all([queue.stop(), triggers.close()]);
      // Storage that has failed takes no head, and is no reason not to end.
      await audit
        .signHeads()
        .then(() => store.durable())
        .catch(problem);
    },
  };
}

interface Repeats {
  /** Does it now and then; one is over before the next begins. */
  every(periodMs: number, work: () => Promise<unknown>): void;
  stop(): void;
}

function createRepeats(clock: Clock, onProblem: (error: unknown) => void): Repeats {
  const timers = new Set<Timer>();
  let stopped = false;

  function every(periodMs: number, work: () => Promise<unknown>): void {
    const timer = clock.setTimer(periodMs, () => {
      timers.delete(timer);
      work()
        .catch(onProblem)
        .finally(() => !stopped && every(periodMs, work));
    });
    timers.add(timer);
  }

  return {
    every,
    stop() {
      stopped = true;
      for (const timer of timers) timer.cancel();
    },
  };
}
