// What the recorder does with an event: an execution's new status, or the minute that has passed.
//
//   F1. An event of a machine that is none of ours is no business of the recorder, unless a run of it is on record.
//   F2. A status that could not be recorded is thrown: EventBridge tells it again, and puts it aside after a day.
//   F3. The minute's work ends in time and throws nothing: what is left is for the next minute, which a metric tells of.

import type { EventBridgeEvent } from 'aws-lambda';
import type { Audit } from '../../shared/audit/index.ts';
import type { Catalog } from '../../shared/orchestrate/index.ts';
import type { Service } from '../../shared/orchestrate/service.ts';
import { findRun, findRunId, type Runs } from '../../shared/runs/index.ts';
import type { Key } from '../../shared/store/index.ts';
import type { ExecutionStatusChange, Recorder } from './recorder.ts';
import { completeChange, parseStatusDetail, STATUS_CHANGE } from './status-event.ts';

/** Kept free at the end of an invocation, for what was begun before. */
const RESERVE_MS = 10_000;
const DAY_MS = 24 * 3_600_000;
const HEADS_KEY: Key = { pk: 'HOUSEKEEPING', sk: 'AUDIT_HEADS' };

export type RecorderEvent = Pick<EventBridgeEvent<string, unknown>, 'detail-type' | 'detail'>;

/** Parts of the minute's work, as they are told of when they fail. */
export type MinutePart = 'sweep of runs' | 'sweep of starts and answers' | 'audit heads';

export interface RecorderFunctionOptions {
  runs: Runs;
  recorder: Recorder;
  service: Pick<Service, 'sweep'>;
  audit: Pick<Audit, 'signHeads'>;
  describe(executionArn: string): Promise<ExecutionStatusChange | undefined>;
  catalog: Pick<Catalog, 'nameOf'>;
  isUndoMachine(stateMachineArn: string): Promise<boolean>;
  onRecovered(runIds: string[]): void;
  onFailure(part: MinutePart, error: unknown): void;
}

/** @param remainingMs what is left of the invocation's time */
export type RecorderFunction = (event: RecorderEvent, remainingMs: number) => Promise<void>;

export function createRecorderFunction(options: RecorderFunctionOptions): RecorderFunction {
  const { runs, recorder } = options;

  async function isOurs(executionArn: string, stateMachineArn: string, startDate: number): Promise<boolean> {
    if ((await options.catalog.nameOf(stateMachineArn)) !== undefined || (await options.isUndoMachine(stateMachineArn))) return true;
    return (await findRun(runs, await findRunId(runs, executionArn, startDate))) !== undefined;
  }

  async function onStatus(event: RecorderEvent): Promise<void> {
    const detail = parseStatusDetail(event.detail);
    if (!(await isOurs(detail.executionArn, detail.stateMachineArn, detail.startDate))) return;
    await recorder.onExecutionStatus(await completeChange(detail, options.describe));
  }

  async function onMinute(remainingMs: number): Promise<void> {
    const now = runs.clock.now();
    const untilMs = now + Math.max(0, remainingMs - RESERVE_MS);
    const attempt = async (part: MinutePart, work: () => Promise<unknown>): Promise<void> => {
      if (runs.clock.now() >= untilMs) return options.onFailure(part, new Error('there was no time left for it in this minute'));
      await work().catch((error: unknown) => options.onFailure(part, error));
    };
    // Starts and answers first: people wait for them. They take a share of the time, so that undos get theirs.
    await attempt('sweep of starts and answers', () => options.service.sweep(now, now + (untilMs - now) / 2));
    await attempt('sweep of runs', async () => options.onRecovered(await recorder.sweep(now, untilMs)));
    await attempt('audit heads', () => signHeadsDaily(options, now));
  }

  return (event, remainingMs) => (event['detail-type'] === STATUS_CHANGE ? onStatus(event) : onMinute(remainingMs));
}

/** Once a day, whichever minute it is. Signed twice at once is signed once: a head is of a chain's last receipt. */
async function signHeadsDaily({ runs, audit }: RecorderFunctionOptions, now: number): Promise<void> {
  const [body] = await runs.store.read([HEADS_KEY]);
  const last = body?.['atMs'];
  if (typeof last === 'number' && now - last < DAY_MS) return;
  await audit.signHeads();
  await runs.store.put(HEADS_KEY, { atMs: now });
}
