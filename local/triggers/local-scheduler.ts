// Schedules of one machine, as EventBridge Scheduler runs them.
//
//   S1. When a schedule was first seen is kept: a rate counts from then on, across restarts. Another expression is another schedule.
//   S2. A time fires within a minute of it or not at all: what passed while no process ran, or while the machine slept, is not made up for.
//   S3. One time fires once: its start is kept, then that it has fired. A crash between the two starts it again, which is the same run (`dedupeText`).

import type { Clock, Timer } from '../../shared/clock.ts';
import type { Store } from '../../shared/store/index.ts';
import { nextFire, scheduleEvent, triggeredStart } from '../../shared/triggers/index.ts';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../runtime/index.ts';
import type { Deliveries } from './deliveries.ts';
import { eventTime } from './local-bus.ts';
import type { ScheduleTrigger } from './trigger-table.ts';

const PARTITION = 'SCHEDULE';
/** "60 second precision": a time is late after that. */
const PRECISION_MS = 60_000;
const SECOND_MS = 1_000;
/** Timers stand still while a machine sleeps: the clock on the wall is looked at this often, so that a time after the sleep is not slept through. */
const WAKE_MS = 30_000;
/** A firing that could not be kept is tried again after this. */
const RETRY_MS = 1_000;

export interface SchedulerOptions {
  store: Store;
  clock: Clock;
  uuid: () => string;
  deliveries: Deliveries;
  onProblem: (error: Error) => void;
}

export interface Scheduler {
  /** Runs these schedules and no others from now on. */
  follow(schedules: readonly ScheduleTrigger[]): Promise<void>;
  stop(): void;
}

interface Running {
  schedule: ScheduleTrigger;
  timer: Timer | undefined;
}

export function createScheduler({ store, clock, uuid, deliveries, onProblem }: SchedulerOptions): Scheduler {
  /** By workflow and index. */
  const running = new Map<string, Running>();
  let stopped = false;

  /** @param afterMs the first time after this one is due next */
  function run(key: string, schedule: ScheduleTrigger, sinceMs: number, afterMs: number): void {
    const entry: Running = { schedule, timer: undefined };
    running.set(key, entry);
    wait(entry, Math.max(afterMs, clock.now() - PRECISION_MS - 1));

    function wait(mine: Running, afterMs: number): void {
      const dueMs = nextFire(schedule.schedule, afterMs, sinceMs);
      if (dueMs !== null) waitFor(mine, dueMs);
    }

    function waitFor(mine: Running, dueMs: number): void {
      if (stopped || running.get(key) !== mine) return;
      const left = dueMs - clock.now();
      mine.timer = clock.setTimer(Math.min(left, WAKE_MS), () => (clock.now() < dueMs ? waitFor(mine, dueMs) : void fire(mine, dueMs)));
    }

    async function fire(mine: Running, dueMs: number): Promise<void> {
      const late = clock.now() - dueMs > PRECISION_MS;
      try {
        if (!late) {
          await deliveries.add([firing(mine.schedule, dueMs, uuid())]);
          // Not if another expression has taken its place in the meantime.
          await store.update({ pk: PARTITION, sk: key }, { set: { firedMs: dueMs } }, { equals: { schedule: schedule.schedule } });
        }
        wait(mine, late ? clock.now() - PRECISION_MS - 1 : dueMs);
      } catch (error) {
        onProblem(error instanceof Error ? error : new Error(String(error)));
        if (!stopped && running.get(key) === mine) mine.timer = clock.setTimer(RETRY_MS, () => void fire(mine, dueMs));
      }
    }
  }

  return {
    async follow(schedules) {
      const wanted = new Map(schedules.map((schedule) => [`${schedule.workflow}#${schedule.index}`, schedule]));
      for (const [key, { schedule, timer }] of running) {
        const now = wanted.get(key);
        if (now?.schedule === schedule.schedule) continue;
        timer?.cancel();
        running.delete(key);
      }
      const kept = new Map((await store.list(PARTITION)).map(({ sk, body }) => [sk, body]));
      for (const key of kept.keys()) if (!wanted.has(key)) await store.delete({ pk: PARTITION, sk: key });
      for (const [key, schedule] of wanted) {
        const before = kept.get(key);
        const same = before?.['schedule'] === schedule.schedule;
        const sinceMs = same ? Number(before['sinceMs']) : Math.floor(clock.now() / SECOND_MS) * SECOND_MS;
        if (!same) await store.put({ pk: PARTITION, sk: key }, { schedule: schedule.schedule, sinceMs });
        const entry = running.get(key);
        // The expression is the same; its input may be another.
        if (entry) entry.schedule = schedule;
        else if (!stopped) run(key, schedule, sinceMs, same && typeof before['firedMs'] === 'number' ? before['firedMs'] : sinceMs - 1);
      }
      await store.durable();
    },
    stop() {
      stopped = true;
      for (const { timer } of running.values()) timer?.cancel();
      running.clear();
    },
  };
}

function firing({ workflow, index, trigger }: ScheduleTrigger, dueMs: number, id: string): Parameters<Deliveries['add']>[0][number] {
  const event = scheduleEvent({
    id,
    time: eventTime(dueMs),
    schedule: `arn:aws:scheduler:${LOCAL_REGION}:${LOCAL_ACCOUNT}:schedule/default/${workflow}-${index}`,
    account: LOCAL_ACCOUNT,
    region: LOCAL_REGION,
  });
  return { start: triggeredStart(workflow, trigger, index, event), event };
}
