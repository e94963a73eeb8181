// The start queue over the SQS wire protocol: real sends, receives, visibility and redrive.

import { ChangeMessageVisibilityCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createStartQueue } from '../../functions/aws/index.ts';
import { createStarter, type Refusal, type StarterOptions } from '../../functions/starter/index.ts';
import { ApiError } from '../../shared/contract/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import { ThrottledError } from '../../shared/orchestrate/ports.ts';
import { eventTargetInput } from '../../shared/triggers/index.ts';
import { entryOf } from './entries.ts';
import { deliver, sqsEvent } from './sqs-source.ts';

const RUN = 'run_01J9ZQ3V7M8N4K2T6Y5X1W0ABC';
const OTHER = 'run_01J9ZQ3V7M8N4K2T6Y5X1W0ABD';
const MAX_RECEIVES = 3;

let server: FauxqsServer;
let client: SQSClient;
let queue: string;
let letters: string;
let asked: unknown[];
let refusals: Refusal[];
let hidden: { receiptHandle: string; seconds: number }[];
let startQueued: (runId: string) => Promise<boolean>;
let startTriggered: StarterOptions['service']['startTriggered'];

beforeAll(async () => {
  server = await startFauxqs({ port: 0, logger: false });
  client = new SQSClient({
    endpoint: `http://127.0.0.1:${server.port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});
beforeEach(() => {
  server.purgeAll();
  const dead = server.createQueue('dead');
  letters = dead.queueUrl;
  queue = server.createQueue('starts', {
    attributes: {
      VisibilityTimeout: '360',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.queueArn, maxReceiveCount: MAX_RECEIVES }),
    },
  }).queueUrl;
  asked = [];
  refusals = [];
  hidden = [];
  startQueued = async (runId) => {
    asked.push(runId);
    return true;
  };
  startTriggered = async (request) => {
    asked.push(request);
    return RUN;
  };
});

const starter = createStarter({
  service: { startQueued: (runId) => startQueued(runId), startTriggered: (request) => startTriggered(request) },
  catalog: {
    find: async (name) =>
      name === 'order'
        ? {
            ...entryOf('order'),
            triggers: [{ event: { source: ['shop'] }, input: { id: '{{ .event.detail.id }}' }, dedupe: '{{ .event.detail.id }}' }],
          }
        : undefined,
  },
  async hide(receiptHandle, seconds) {
    hidden.push({ receiptHandle, seconds });
    await client.send(new ChangeMessageVisibilityCommand({ QueueUrl: queue, ReceiptHandle: receiptHandle, VisibilityTimeout: seconds }));
  },
  onRefusal: (refusal) => refusals.push(refusal),
});

const send = (body: string) => client.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: body }));

async function depth(url: string): Promise<{ visible: number; hidden: number }> {
  const { Attributes = {} } = await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }));
  return {
    visible: Number(Attributes['ApproximateNumberOfMessages']),
    hidden: Number(Attributes['ApproximateNumberOfMessagesNotVisible']),
  };
}

it('starts what the queue port was given, and the messages are gone', async () => {
  const port = createStartQueue(async () => ({ sdk: await import('../../functions/aws/sdk/sqs.ts'), client }), queue);
  await port.send(RUN);
  await port.send(OTHER);

  await deliver(client, queue, starter);

  expect(asked.toSorted()).toEqual([RUN, OTHER]);
  expect(await depth(queue)).toEqual({ visible: 0, hidden: 0 });
});

it('a run that does not wait any more is done too', async () => {
  startQueued = async () => false;
  await send(RUN);
  await deliver(client, queue, starter);
  expect(await depth(queue)).toEqual({ visible: 0, hidden: 0 });
});

it('one message that fails does not bring the others back', async () => {
  startQueued = async (runId) => {
    if (runId === OTHER) throw new Error('the table does not answer');
    asked.push(runId);
    return true;
  };
  await send(RUN);
  await send(OTHER);

  await deliver(client, queue, starter);

  expect(asked).toEqual([RUN]);
  expect(refusals).toEqual(['failed']);
  expect(hidden).toEqual([]);
  expect(await depth(queue)).toEqual({ visible: 0, hidden: 1 });
});

it('a start that is refused for its rate is hidden for longer each time, and starts when it is taken', async () => {
  startQueued = async () => {
    throw new ThrottledError('slow down');
  };
  await send(RUN);
  for (let receive = 1; receive < MAX_RECEIVES; receive++) {
    await deliver(client, queue, starter);
    expect(await depth(queue)).toEqual({ visible: 0, hidden: 1 });
    const { receiptHandle = '' } = hidden.at(-1) ?? {};
    await client.send(new ChangeMessageVisibilityCommand({ QueueUrl: queue, ReceiptHandle: receiptHandle, VisibilityTimeout: 0 }));
  }
  const [first = 0, second = 0] = hidden.map(({ seconds }) => seconds);
  expect(first).toBeGreaterThanOrEqual(3);
  expect(first).toBeLessThanOrEqual(5);
  expect(second).toBeGreaterThan(first);
  expect(refusals).toEqual(['throttled', 'throttled']);

  startQueued = async (runId) => asked.push(runId) > 0;
  await deliver(client, queue, starter);

  expect(asked).toEqual([RUN]);
  expect(await depth(queue)).toEqual({ visible: 0, hidden: 0 });
});

it('a pause is never longer than 15 minutes', async () => {
  startQueued = async () => {
    throw new ThrottledError('slow down');
  };
  await starter(sqsEvent([{ MessageId: 'm', ReceiptHandle: 'r', Body: RUN, Attributes: { ApproximateReceiveCount: '900' } }]));
  expect(hidden[0]?.seconds).toBeLessThanOrEqual(900);
  expect(hidden[0]?.seconds).toBeGreaterThanOrEqual(450);
});

it.each([
  ['text that is no id', 'hello'],
  ['JSON of another shape', '{"trigger":{"workflow":"order"}}'],
  ['an id of another kind', 'job_01J9ZQ3V7M8N4K2T6Y5X1W0ABC'],
  ['a trigger of a workflow that is not there', '{"trigger":{"workflow":"gone","index":0},"event":{"id":"e"}}'],
  ['a trigger that the workflow has not', '{"trigger":{"workflow":"order","index":7},"event":{"id":"e"}}'],
])('%s ends in the dead-letter queue, and nothing is started', async (_, body) => {
  await send(body);
  await send(RUN);
  // One poll more than its receives moves it (SQS: on the receive after the last one that counts).
  for (let poll = 0; poll <= MAX_RECEIVES; poll++) await deliver(client, queue, starter);
  expect(await depth(letters)).toEqual({ visible: 1, hidden: 0 });
  expect(await depth(queue)).toEqual({ visible: 0, hidden: 0 });
  expect(asked).toEqual([RUN]);
});

it('an input that the workflow refuses ends there too', async () => {
  startTriggered = async () => {
    throw new ApiError('invalid', 'input: expected an id');
  };
  await send('{"trigger":{"workflow":"order","index":0},"event":{"id":"e"}}');
  for (let poll = 0; poll <= MAX_RECEIVES; poll++) await deliver(client, queue, starter);
  expect(refusals).toEqual(['refused', 'refused', 'refused']);
  expect(await depth(letters)).toEqual({ visible: 1, hidden: 0 });
});

it('a trigger’s event becomes the input that its file asks for, with what tells it from others', async () => {
  const event: JsonObject = { version: '0', id: 'e-1', source: 'shop', 'detail-type': 'paid', detail: { id: 'o-7' } };
  // As EventBridge fills in the rule's template.
  await send(eventTargetInput('order', 0).inputTemplate.replace('<aws.events.event.json>', JSON.stringify(event)));
  await deliver(client, queue, starter);
  expect(asked).toEqual([
    { workflow: 'order', input: { id: 'o-7' }, mode: 'event', dedupe: 'dedupe o-7', request: { trigger: 0, event: 'e-1' } },
  ]);
});
