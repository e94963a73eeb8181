// An event source mapping in small: receives a batch, hands it over as Lambda does, deletes what was not told back.

import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';

/** The event as AWS documents it ("Using Lambda with Amazon SQS", standard queue). */
export function sqsEvent(messages: Message[]): SQSEvent {
  return {
    Records: messages.map((message): SQSRecord => {
      const { Attributes = {} } = message;
      return {
        messageId: message.MessageId ?? '',
        receiptHandle: message.ReceiptHandle ?? '',
        body: message.Body ?? '',
        attributes: {
          ApproximateReceiveCount: Attributes.ApproximateReceiveCount ?? '1',
          SentTimestamp: Attributes.SentTimestamp ?? '0',
          SenderId: Attributes.SenderId ?? 'AIDAIENQZJOLO23YVJ4VO',
          ApproximateFirstReceiveTimestamp: Attributes.ApproximateFirstReceiveTimestamp ?? '0',
        },
        messageAttributes: {},
        md5OfBody: message.MD5OfBody ?? '',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:starts',
        awsRegion: 'us-east-1',
      };
    }),
  };
}

/** One poll. Answers how many messages were handed over. */
export async function deliver(
  client: SQSClient,
  queueUrl: string,
  handler: (event: SQSEvent) => Promise<SQSBatchResponse>,
): Promise<number> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'] }),
  );
  if (Messages.length === 0) return 0;
  const { batchItemFailures } = await handler(sqsEvent(Messages));
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  const done = Messages.filter(({ MessageId = '' }) => !failed.has(MessageId));
  if (done.length > 0) {
    await client.send(
      new DeleteMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: done.map(({ MessageId = '', ReceiptHandle = '' }) => ({ Id: MessageId, ReceiptHandle })),
      }),
    );
  }
  return Messages.length;
}
