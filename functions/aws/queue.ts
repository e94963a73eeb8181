// Queues: runs that wait to be started, and undos that failed for good.

import { type Queue, ThrottledError } from '../../shared/orchestrate/ports.ts';
import type { DeadLetter } from '../../shared/runs/index.ts';
import type { SqsDoor } from './clients.ts';

/** Bytes of a letter. SQS takes 1 MB; consumers that are older than that limit take 256 KB. */
const MAX_LETTER_BYTES = 250_000;

const THROTTLED: readonly string[] = ['ThrottlingException', 'RequestThrottled', 'OverLimit'];

/** The queue of runs to be started. A message's body is the run's id. */
export function createStartQueue(sqs: () => Promise<SqsDoor>, queueUrl: string): Queue {
  return {
    async send(runId) {
      const { sdk, client } = await sqs();
      try {
        await client.send(new sdk.SendMessageCommand({ QueueUrl: queueUrl, MessageBody: runId }));
      } catch (error) {
        if (error instanceof Error && THROTTLED.includes(error.name))
          throw new ThrottledError(`run ${runId}: the queue of starts refused it for now`, { cause: error });
        throw error;
      }
    },
  };
}

/** Hides a message that was received, for so many seconds from now on. */
export function createHide(sqs: () => Promise<SqsDoor>, queueUrl: string): (receiptHandle: string, seconds: number) => Promise<void> {
  return async (receiptHandle, seconds) => {
    const { sdk, client } = await sqs();
    const change = { QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout: seconds };
    await client.send(new sdk.ChangeMessageVisibilityCommand(change));
  };
}

/** Tells of undos that ended with something left: a letter has what is needed to undo by hand. */
export function createUndoLetters(sqs: () => Promise<SqsDoor>, queueUrl: string): (letter: DeadLetter) => Promise<void> {
  return async (letter) => {
    const { sdk, client } = await sqs();
    await client.send(new sdk.SendMessageCommand({ QueueUrl: queueUrl, MessageBody: letterText(letter) }));
  };
}

/** A letter that is too long loses the requests, then the ends of its lists: the run's record and its report have them. */
function letterText(letter: DeadLetter): string {
  const text = JSON.stringify(letter);
  if (Buffer.byteLength(text) <= MAX_LETTER_BYTES) return text;
  const cut = (length: number): string =>
    JSON.stringify({
      ...letter,
      left: letter.left.slice(0, length).map(({ step, at, error }) => ({ step, at, error, undo: null })),
      unresolved: letter.unresolved.slice(0, length).map(({ step, at }) => ({ step, at, undo: null })),
      shortened: { left: letter.left.length, unresolved: letter.unresolved.length },
    });
  let length = Math.max(letter.left.length, letter.unresolved.length);
  while (length > 1 && Buffer.byteLength(cut(length)) > MAX_LETTER_BYTES) length = Math.floor(length / 2);
  return cut(length);
}
