// The queue of runs that are to be started: items of the store, worked off in this process.
//
//   Q1. A message is in the store before it is taken for sent, and leaves it only when its run has begun or needs no start any more.
//   Q2. What goes wrong is tried again, later each time, for as long as it takes.
//   Q3. A message that can never become a run is put aside, with the reason.
//   Q4. A run is in the queue once, however often it is sent.
//   Q5. At most `BATCHES` batches are under way at once.

import type { Clock, Timer } from '../../shared/clock.ts';
import type { Queue } from '../../shared/orchestrate/ports.ts';
import type { Store } from '../../shared/store/index.ts';

const PARTITION = 'QUEUE';
/** Messages that are handed over together: SQS gives a Lambda as many. */
const BATCH = 10;
const BATCHES = 4;
/** ms until a message that could not be worked off is tried again: doubled each time, up to the second. */
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 60_000;

/** A message as it is handed to the worker. */
export interface QueueMessage {
  id: string;
  body: string;
  /** Times that it has been handed over, this one included. */
  receives: number;
  sentAtMs: number;
}

export interface LocalQueue extends Queue {
  /** Takes up what an earlier process left, and begins to work. */
  start(work: QueueWork): Promise<void>;
  /** Begins nothing more; resolves when what is under way has ended. */
  stop(): Promise<void>;
}

/** What is to be done with a message that was not worked off: try it again, or put it aside for this reason. */
export type QueueVerdict = 'again' | { dead: string };

/** Works off a batch. Messages that are not in the answer are done. */
export type QueueWork = (messages: readonly QueueMessage[]) => Promise<ReadonlyMap<string, QueueVerdict>>;

export interface LocalQueueOptions {
  store: Store;
  clock: Clock;
  /** A new message's id; in order. */
  id(): string;
  /** Keeps what was put aside; durable when it resolves. */
  deadLetter(letter: QueueDeadLetter): Promise<void>;
  /** Told of what will be tried again, and of what was put aside. */
  onProblem: (error: Error) => void;
}

/** A message that can never become a run. */
export interface QueueDeadLetter {
  kind: 'queue';
  body: string;
  sentAtMs: number;
  /** Epoch ms. */
  atMs: number;
  reason: string;
}

export function createLocalQueue({ store, clock, id: newId, deadLetter, onProblem: problem }: LocalQueueOptions): LocalQueue {
  const ready: QueueMessage[] = [];
  /** Bodies of all messages that are here (Q4). */
  const present = new Set<string>();
  const waiting = new Set<Timer>();
  let work: QueueWork | undefined;
  let underWay = 0;
  let stopped = false;
  let idle = (): void => {};

  function proceed(): void {
    while (work && !stopped && underWay < BATCHES && ready.length > 0) {
      underWay++;
      void workOff(work, ready.splice(0, BATCH)).finally(() => {
        underWay--;
        if (underWay === 0) idle();
        proceed();
      });
    }
  }

  async function workOff(worker: QueueWork, batch: QueueMessage[]): Promise<void> {
    for (const message of batch) message.receives++;
    try {
      const verdicts = await worker(batch);
      for (const message of batch) {
        const verdict = verdicts.get(message.id);
        if (verdict === 'again') later(message);
        else await drop(message, verdict?.dead);
      }
    } catch (error) {
      for (const message of batch) later(message);
      problem(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async function drop({ id, body, sentAtMs }: QueueMessage, reason?: string): Promise<void> {
    if (reason !== undefined) {
      await deadLetter({ kind: 'queue', body, sentAtMs, atMs: clock.now(), reason });
      problem(new Error(`queue: a message was put aside, for it can never become a run: ${reason}`));
    }
    await store.delete(keyOf(id));
    present.delete(body);
  }

  function later(message: QueueMessage): void {
    const pauseMs = Math.min(FIRST_RETRY_MS * 2 ** (message.receives - 1), LONGEST_RETRY_MS);
    const timer = clock.setTimer(pauseMs, () => {
      waiting.delete(timer);
      ready.push(message);
      proceed();
    });
    waiting.add(timer);
  }

  return {
    async send(body) {
      if (present.has(body)) return;
      present.add(body);
      const message = { id: newId(), body, receives: 0, sentAtMs: clock.now() };
      await store.put(keyOf(message.id), { body, sentAtMs: message.sentAtMs });
      await store.durable();
      ready.push(message);
      proceed();
    },
    async start(worker) {
      for (const { sk, body } of await store.list(PARTITION)) {
        const message = { id: sk, body: String(body['body']), receives: 0, sentAtMs: Number(body['sentAtMs']) };
        if (present.has(message.body)) continue;
        present.add(message.body);
        ready.push(message);
      }
      work = worker;
      proceed();
    },
    async stop() {
      stopped = true;
      for (const timer of waiting) timer.cancel();
      if (underWay > 0) await new Promise<void>((resolve) => (idle = resolve));
    },
  };
}

function keyOf(id: string): { pk: string; sk: string } {
  return { pk: PARTITION, sk: id };
}
