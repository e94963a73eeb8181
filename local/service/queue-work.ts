// What the queue's messages are handed to: the starter, in the shape in which SQS hands them to a Lambda.

import type { SQSRecord } from 'aws-lambda';
import { createStarter, type StarterOptions } from '../../functions/starter/index.ts';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../runtime/index.ts';
import type { QueueMessage, QueueVerdict, QueueWork } from './queue.ts';

const QUEUE_ARN = `arn:aws:sqs:${LOCAL_REGION}:${LOCAL_ACCOUNT}:maestro-start`;

export function starterWork(options: Pick<StarterOptions, 'service' | 'catalog'>): QueueWork {
  return async (messages) => {
    const dead = new Map<string, QueueVerdict>();
    const starter = createStarter({
      ...options,
      // The queue has pauses of its own.
      hide: async () => {},
      onRefusal: (refusal, id, error) => {
        if (refusal !== 'malformed' && refusal !== 'refused') return;
        dead.set(id, { dead: error instanceof Error ? error.message : String(error) });
      },
    });
    const { batchItemFailures } = await starter({ Records: messages.map(recordOf) });
    return new Map(batchItemFailures.map(({ itemIdentifier }) => [itemIdentifier, dead.get(itemIdentifier) ?? 'again']));
  };
}

function recordOf({ id, body, receives, sentAtMs }: QueueMessage): SQSRecord {
  return {
    messageId: id,
    receiptHandle: id,
    body,
    attributes: {
      ApproximateReceiveCount: String(receives),
      SentTimestamp: String(sentAtMs),
      SenderId: LOCAL_ACCOUNT,
      ApproximateFirstReceiveTimestamp: String(sentAtMs),
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: QUEUE_ARN,
    awsRegion: LOCAL_REGION,
  };
}
