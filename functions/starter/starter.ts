// Messages of the start queue become runs: ids of queued runs, and triggers that fired.
//
//   Q1. A message leaves the queue when its run exists, and not before: what failed is told back one by one.
//   Q2. A refusal for its rate is no failure of the message: it is hidden for a while that grows with each receive, and comes back.
//   Q3. A message that can never become a run (not ours, a workflow that is not there, an input that is refused) comes back at once, so that its
//       receives are used up within seconds and it ends in the dead-letter queue.
//   Q4. Every other failure leaves the message as it is: it comes back after the queue's own visibility timeout.

import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { ApiError, RUN_ID } from '../../shared/contract/index.ts';
import { type Catalog, ThrottledError } from '../../shared/orchestrate/ports.ts';
import type { Service } from '../../shared/orchestrate/service.ts';
import { type TriggerMessage, triggeredStart, triggerMessageSchema } from '../../shared/triggers/index.ts';

/** Seconds that a refused message is hidden: the first time, and the most. SQS allows 12 hours; a run should not wait for longer than this. */
const FIRST_PAUSE_SEC = 5;
const LONGEST_PAUSE_SEC = 900;

/** What is wrong with a message, without what stands in it. */
export type Refusal = 'throttled' | 'malformed' | 'refused' | 'failed';

export interface StarterOptions {
  service: Pick<Service, 'startQueued' | 'startTriggered'>;
  catalog: Pick<Catalog, 'find'>;
  /** Hides a message that was received for `seconds` from now on. */
  hide(receiptHandle: string, seconds: number): Promise<void>;
  /** Told of every message that was not done. */
  onRefusal?: (refusal: Refusal, messageId: string, error: unknown) => void;
}

export type Starter = (event: SQSEvent) => Promise<SQSBatchResponse>;

/** Thrown for a message that is none of ours. */
class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

export function createStarter(options: StarterOptions): Starter {
  async function perform(record: SQSRecord): Promise<void> {
    const body = record.body.trim();
    if (RUN_ID.test(body)) await options.service.startQueued(body);
    else await startTriggered(options, parseTrigger(body));
  }

  /** True when the message is done. */
  async function take(record: SQSRecord): Promise<boolean> {
    try {
      await perform(record);
      return true;
    } catch (error) {
      const refusal = refusalOf(error);
      options.onRefusal?.(refusal, record.messageId, error);
      const seconds = hiddenFor(refusal, record);
      // That it cannot be hidden changes only when it comes back.
      if (seconds !== undefined) await options.hide(record.receiptHandle, seconds).catch(() => {});
      return false;
    }
  }

  return async ({ Records }) => {
    const done = await Promise.all(Records.map(take));
    return { batchItemFailures: Records.filter((_, index) => !done[index]).map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

async function startTriggered(
  { service, catalog }: StarterOptions,
  { trigger: { workflow, index }, event }: TriggerMessage,
): Promise<void> {
  const entry = await catalog.find(workflow);
  const trigger = entry?.triggers[index];
  if (trigger === undefined) throw new MalformedMessageError(`trigger ${index} of workflow ${workflow}: it is not deployed`);
  await service.startTriggered(triggeredStart(workflow, trigger, index, event));
}

/** @throws MalformedMessageError */
function parseTrigger(body: string): TriggerMessage {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new MalformedMessageError('message: found neither a run id nor JSON');
  }
  const parsed = triggerMessageSchema.safeParse(value);
  if (!parsed.success) throw new MalformedMessageError(`message: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof ThrottledError) return 'throttled';
  if (error instanceof MalformedMessageError) return 'malformed';
  if (!(error instanceof ApiError)) return 'failed';
  if (error.code === 'rate_limited') return 'throttled';
  return error.status < 500 ? 'refused' : 'failed';
}

/** Undefined: the queue's own visibility timeout. */
function hiddenFor(refusal: Refusal, record: SQSRecord): number | undefined {
  if (refusal === 'failed') return undefined;
  if (refusal !== 'throttled') return 0;
  const received = Number(record.attributes.ApproximateReceiveCount);
  const most = Math.min(FIRST_PAUSE_SEC * 2 ** Math.max(0, received - 1), LONGEST_PAUSE_SEC);
  // Messages that were refused together come back apart: by their ids, which are as good as chance.
  return Math.ceil(most / 2 + (most / 2) * fraction(record.messageId));
}

/** 0 to 1, of a text. */
function fraction(text: string): number {
  let sum = 0;
  for (let index = 0; index < text.length; index++) sum = (sum * 31 + text.charCodeAt(index)) % 1_000;
  return sum / 1_000;
}
