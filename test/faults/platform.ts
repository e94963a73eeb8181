// What AWS puts between a function and its services, without the wire.

import type { SQSEvent } from 'aws-lambda';
import type { SfnDoor } from '../../functions/aws/clients.ts';
import { OPERATIONS } from '../../local/endpoint/operations.ts';
import type { Engine } from '../../local/engine/index.ts';
import type { Mortal } from './mortal.ts';

/** The SDK's client, which asks the engine: the operations of its endpoint, without the wire. */
export function sfnClient(engine: Engine, mortal: Mortal): SfnDoor['client'] {
  const client = {
    send: (command: { constructor: { name: string }; input: unknown }) =>
      mortal.outside(async () => {
        const operation = OPERATIONS.get(command.constructor.name.replace(/Command$/, ''));
        if (!operation) throw new Error(`the engine has no ${command.constructor.name}`);
        const answer = await operation(engine, command.input);
        // Dates are seconds on the wire and `Date` in the SDK.
        for (const [name, value] of Object.entries(answer)) {
          if (name.endsWith('Date') && typeof value === 'number') answer[name] = new Date(value * 1_000);
        }
        return answer;
      }),
  };
  return client as unknown as SfnDoor['client'];
}

/** A message as Lambda gets it. */
export function sqsEvent(messageId: string, body: string, receives: number): SQSEvent {
  const attributes = {
    ApproximateReceiveCount: String(receives),
    SentTimestamp: '0',
    SenderId: 's',
    ApproximateFirstReceiveTimestamp: '0',
  };
  return {
    Records: [
      {
        messageId,
        receiptHandle: messageId,
        body,
        attributes,
        messageAttributes: {},
        md5OfBody: '',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:start',
        awsRegion: 'us-east-1',
      },
    ],
  };
}
