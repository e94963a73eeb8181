// Starts that triggers asked for: kept in the store until the run exists, or the start has been given up.
//
//   D1. What `add` has answered survives a kill: it is in the store, and is taken up by `resume`.
//   D2. A start may be performed twice; its `dedupe` text makes both the same run.
//   D3. A start that is refused for good, or has failed too often, is written to the dead letters before it leaves the store.
//   D4. At most `AT_ONCE` starts are under way, so that workflows that start one another in a circle take turns with everything else.

import type { Clock, Timer } from '../../shared/clock.ts';
import { ApiError } from '../../shared/contract/index.ts';
import { isJsonObject, type JsonObject } from '../../shared/json.ts';
import type { Service } from '../../shared/orchestrate/service.ts';
import type { Key, Store } from '../../shared/store/index.ts';
import type { TriggeredStart } from '../../shared/triggers/index.ts';

const PARTITION = 'TRIGGERED';
const AT_ONCE = 16;
/** Tries of one start in one process: with the pauses between them about three minutes. */
const MAX_TRIES = 10;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 60_000;

/** A start, and the event that asked for it: all that is needed to start it by hand. */
export type Delivery = {
  start: TriggeredStart;
  event: JsonObject;
};

/** A start that was given up. */
export type TriggerDeadLetter = Delivery & {
  kind: 'trigger';
  /** Epoch ms. */
  atMs: number;
  tries: number;
  error: { name: string; message: string };
};

export interface DeliveriesOptions {
  store: Store;
  clock: Clock;
  service: Pick<Service, 'startTriggered'>;
  /** Keeps what was given up; durable when it resolves. */
  deadLetter: (letter: TriggerDeadLetter) => Promise<void>;
  onProblem: (error: Error) => void;
}

export interface Deliveries {
  /** Durable when it resolves; performed once `resume` has been called. */
  add(deliveries: Delivery[]): Promise<void>;
  /** Takes up what an earlier process left, and begins to perform. */
  resume(): Promise<void>;
  /** Begins nothing more; resolves when what is under way has ended. */
  stop(): Promise<void>;
}

interface Entry {
  key: Key;
  delivery: Delivery;
  tries: number;
}

export function createDeliveries({ store, clock, service, deadLetter, onProblem }: DeliveriesOptions): Deliveries {
  const ready: Entry[] = [];
  /** Sort keys of the starts that are this process's to perform. */
  const known = new Set<string>();
  const pauses = new Set<Timer>();
  const underWay = new Set<Promise<void>>();
  let performing = false;
  let stopped = false;
  let count = 0;

  function proceed(): void {
    while (performing && !stopped && underWay.size < AT_ONCE) {
      const entry = ready.shift();
      if (!entry) return;
      const work = perform(entry).finally(() => {
        underWay.delete(work);
        proceed();
      });
      underWay.add(work);
    }
  }

  async function perform(entry: Entry): Promise<void> {
    entry.tries++;
    try {
      await service.startTriggered(entry.delivery.start);
    } catch (error) {
      if (!isForGood(error) && entry.tries < MAX_TRIES) return later(entry, error);
      if (!(await giveUp(entry, error))) return;
    }
    known.delete(entry.key.sk);
    await store.delete(entry.key).catch(problem);
  }

  /** False: it could not be written down, and stays in the store for the next process. */
  async function giveUp({ delivery, tries }: Entry, error: unknown): Promise<boolean> {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    try {
      await deadLetter({ kind: 'trigger', atMs: clock.now(), tries, error: { name, message }, ...delivery });
      onProblem(
        new Error(
          `trigger ${delivery.start.request.trigger} of workflow ${delivery.start.workflow}: given up after ${tries} tries: ${message}`,
        ),
      );
      return true;
    } catch (failure) {
      problem(failure);
      return false;
    }
  }

  function later(entry: Entry, error: unknown): void {
    if (entry.tries === 1) problem(error);
    const pause = clock.setTimer(Math.min(FIRST_PAUSE_MS * 2 ** (entry.tries - 1), LONGEST_PAUSE_MS), () => {
      pauses.delete(pause);
      ready.push(entry);
      proceed();
    });
    pauses.add(pause);
  }

  function problem(error: unknown): void {
    onProblem(error instanceof Error ? error : new Error(String(error)));
  }

  return {
    async add(deliveries) {
      const entries = deliveries.map((delivery) => entryOf(orderOf(clock.now(), count++, delivery), delivery));
      for (const { key } of entries) known.add(key.sk);
      for (const { key, delivery } of entries) await store.put(key, delivery);
      await store.durable();
      ready.push(...entries);
      proceed();
    },
    async resume() {
      for (const { sk, body } of await store.list(PARTITION)) {
        if (known.has(sk)) continue;
        known.add(sk);
        ready.push(entryOf(sk, asDelivery(body)));
      }
      performing = true;
      proceed();
    },
    async stop() {
      stopped = true;
      for (const pause of pauses) pause.cancel();
      await Promise.all(underWay);
    },
  };
}

function entryOf(sk: string, delivery: Delivery): Entry {
  return { key: { pk: PARTITION, sk }, delivery, tries: 0 };
}

/** In the order of arrival, and unlike any other: the event's id belongs to it. */
function orderOf(nowMs: number, count: number, { start }: Delivery): string {
  return `${String(nowMs).padStart(14, '0')}#${String(count).padStart(8, '0')}#${start.request.event}#${start.workflow}#${start.request.trigger}`;
}

/** A body from the store. Our own writes are believed; a body of another kind is not. */
function asDelivery(body: JsonObject): Delivery {
  if (!isJsonObject(body['start']) || !isJsonObject(body['event'])) throw new Error('trigger delivery: found an item of another kind');
  return body as Delivery;
}

/** The service refused, and would again: an input that its schema does not allow, a workflow that is gone. */
function isForGood(error: unknown): boolean {
  return error instanceof ApiError && error.status < 500 && error.code !== 'rate_limited';
}
