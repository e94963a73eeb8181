// What every function of this folder works on, and the log of a run's events.
//
//   E1. Events of a run are numbered from 1 without gaps: number n is written only if it is not there, and only after n-1.

import type { Clock } from '../clock.ts';
import type { JsonObject } from '../json.ts';
import type { Blobs, Store } from '../store/index.ts';
import { EVENT_PREFIX, eventKey, runPartition } from './keys.ts';
import type { RunEvent } from './records.ts';

/** Records live this long after their run's deadline or, without one, after they were written. */
const RETENTION_MS = 90 * 24 * 3_600_000;

/** Runs whose last event number is remembered. */
const KEPT_TAILS = 1_000;

/** Numbers tried one after the other before the last one is looked up. */
const TRIES_BEFORE_LOOKING = 3;

const EVENT_TYPES = [
  'job.created',
  'plan.created',
  'run.queued',
  'run.started',
  'step.started',
  'step.retrying',
  'step.completed',
  'step.failed',
  'step.skipped',
  'checkpoint.waiting',
  'checkpoint.resolved',
  'compensation.started',
  'compensation.step_completed',
  'compensation.step_failed',
  'compensation.completed',
  'run.completed',
  'run.failed',
  'run.compensated',
  'run.compensation_failed',
  'run.cancelled',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

export interface RunsOptions {
  store: Store;
  blobs: Blobs;
  clock: Clock;
  /** Default 90 days. */
  retentionMs?: number;
  /** The workflow that an execution runs, for runs that nobody announced. Default: the state machine's name, without `-undo`. */
  workflowOf?: (executionArn: string) => string | Promise<string>;
  /** Others are told how runs end: a run that has ended stays on the list of open runs until that was done (by the recorder). Default false. */
  announceEnds?: boolean;
  /** Told of every event after it was written. */
  onEvent?: (runId: string, event: RunEvent) => void;
}

export interface Runs {
  readonly store: Store;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly workflowOf: (executionArn: string) => string | Promise<string>;
  readonly announceEnds: boolean;
  /** Epoch seconds for the TTL of a record of a run with this deadline (ms). */
  expiresAt(deadlineMs?: number): number;
  /** Says that a run was made just now, so that its first event needs no look for an earlier one. */
  begin(runId: string): void;
  /** Appends an event; answers it with its number. */
  append(runId: string, type: EventType, fields?: JsonObject, deadlineMs?: number): Promise<RunEvent>;
}

export function createRuns(options: RunsOptions): Runs {
  const { store, blobs, clock } = options;
  const retentionMs = options.retentionMs ?? RETENTION_MS;
  const tails = new Map<string, number>();

  function expiresAt(deadlineMs = 0): number {
    return Math.ceil((Math.max(clock.now(), deadlineMs) + retentionMs) / 1_000);
  }

  function remember(runId: string, tail: number): void {
    if ((tails.get(runId) ?? -1) < tail) tails.set(runId, tail);
    if (tails.size > KEPT_TAILS) tails.delete(tails.keys().next().value ?? '');
  }

  async function findTail(runId: string): Promise<number> {
    const [last] = await store.list(runPartition(runId), { prefix: EVENT_PREFIX, reverse: true, limit: 1 });
    return last ? Number(last.sk.slice(EVENT_PREFIX.length)) : 0;
  }

  return {
    store,
    blobs,
    clock,
    workflowOf: options.workflowOf ?? machineName,
    announceEnds: options.announceEnds ?? false,
    expiresAt,
    begin: (runId) => remember(runId, 0),
    async append(runId, type, fields, deadlineMs) {
      let tail = tails.get(runId) ?? (await findTail(runId));
      for (let conflicts = 0; ; conflicts++) {
        const event: RunEvent = { n: tail + 1, type, atMs: clock.now(), ...fields };
        if (await store.put(eventKey(runId, event.n), event as JsonObject, { absent: true }, expiresAt(deadlineMs))) {
          remember(runId, event.n);
          options.onEvent?.(runId, event);
          return event;
        }
        // The number is taken, so the next one may be tried at once; far behind, looking is cheaper than trying.
        tail = conflicts < TRIES_BEFORE_LOOKING ? Math.max(event.n, tails.get(runId) ?? 0) : await findTail(runId);
      }
    },
  };
}

function machineName(executionArn: string): string {
  const machine = executionArn.split(':')[6] ?? executionArn;
  return machine.endsWith('-undo') ? machine.slice(0, -'-undo'.length) : machine;
}
