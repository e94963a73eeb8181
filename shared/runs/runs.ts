// What every function of this folder works on, and the log of a run's events.
//
//   E1. Events of a run are numbered from 1 without gaps: number n is written only if it is not there, and only after n-1.
//   E2. The event of a run's end is the last one, until the run is undone (again): what ends late, a call that was in flight, is in the records
//       alone. So whoever follows a run knows by that event that there is no more, and a run's end is told once.

import type { Clock } from '../clock.ts';
import type { JsonObject } from '../json.ts';
import type { Blobs, Store } from '../store/index.ts';
import { endsRun } from './ends-run.ts';
import { EVENT_PREFIX, eventKey, runPartition } from './keys.ts';
import type { RunEvent } from './records.ts';

/** Records live this long after their run's deadline or, without one, after they were written. */
const RETENTION_MS = 90 * 24 * 3_600_000;

/** Runs whose last event number is remembered. */
const KEPT_TAILS = 1_000;

/** Numbers tried one after the other before the last one is looked up. */
const TRIES_BEFORE_LOOKING = 3;

/** The last event of a run, as far as is known. */
type Tail = Pick<RunEvent, 'n' | 'type'>;

const EMPTY: Tail = { n: 0, type: '' };

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
  /** Appends an event; answers it with its number. Undefined: the run's end has been told, and this is no news of an undo (E2). */
  append(runId: string, type: EventType, fields?: JsonObject, deadlineMs?: number): Promise<RunEvent | undefined>;
}

export function createRuns(options: RunsOptions): Runs {
  const { store, blobs, clock } = options;
  const retentionMs = options.retentionMs ?? RETENTION_MS;
  const tails = new Map<string, Tail>();

  function expiresAt(deadlineMs = 0): number {
    return Math.ceil((Math.max(clock.now(), deadlineMs) + retentionMs) / 1_000);
  }

  function remember(runId: string, tail: Tail): void {
    if ((tails.get(runId)?.n ?? -1) < tail.n) tails.set(runId, tail);
    if (tails.size > KEPT_TAILS) tails.delete(tails.keys().next().value ?? '');
  }

  async function findTail(runId: string): Promise<Tail> {
    const [last] = await store.list(runPartition(runId), { prefix: EVENT_PREFIX, reverse: true, limit: 1 });
    return last ? { n: Number(last.sk.slice(EVENT_PREFIX.length)), type: String(last.body['type']) } : EMPTY;
  }

  /** What stands at a number that was taken: another process's event. */
  async function taken(runId: string, n: number): Promise<Tail> {
    const [body] = await store.read([eventKey(runId, n)]);
    return { n, type: String(body?.['type']) };
  }

  return {
    store,
    blobs,
    clock,
    workflowOf: options.workflowOf ?? machineName,
    announceEnds: options.announceEnds ?? false,
    expiresAt,
    begin: (runId) => remember(runId, EMPTY),
    async append(runId, type, fields, deadlineMs) {
      const known = tails.get(runId);
      let tail = known ?? (await findTail(runId));
      // What this process remembers need not be the last one any more.
      let isLast = known === undefined;
      for (let conflicts = 0; ; conflicts++) {
        if (!follows(type, tail.type)) {
          if (isLast) return undefined;
          tail = await findTail(runId);
          isLast = true;
          continue;
        }
        const event: RunEvent = { n: tail.n + 1, type, atMs: clock.now(), ...fields };
        if (await store.put(eventKey(runId, event.n), event as JsonObject, { absent: true }, expiresAt(deadlineMs))) {
          remember(runId, event);
          options.onEvent?.(runId, event);
          return event;
        }
        // The number is taken, so the next one may be tried at once; far behind, looking is cheaper than trying.
        isLast = conflicts >= TRIES_BEFORE_LOOKING;
        tail = isLast ? await findTail(runId) : await taken(runId, event.n);
      }
    },
  };
}

/** E2; and two that see to the same undo tell of its beginning once. */
function follows(type: EventType, last: string): boolean {
  if (type === 'compensation.started' && last === type) return false;
  return type.startsWith('compensation.') || !endsRun(last);
}

function machineName(executionArn: string): string {
  const machine = executionArn.split(':')[6] ?? executionArn;
  return machine.endsWith('-undo') ? machine.slice(0, -'-undo'.length) : machine;
}
