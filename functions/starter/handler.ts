// The starter as a Lambda: called by SQS with a batch of the start queue.

import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { systemClock as clock } from '../../shared/clock.ts';
import { METRIC } from '../../shared/protocol/metrics.ts';
import {
  createAwsService,
  createClients,
  createHide,
  createObserver,
  OPTIONAL_SERVICE_SETTINGS,
  readConfig,
  SERVICE_SETTINGS,
} from '../aws/index.ts';
import { createStarter } from './starter.ts';

const config = readConfig(
  process.env,
  [...SERVICE_SETTINGS, 'workflowsPath', 'manifestBucket', 'manifestKey', 'auditSecret', 'startQueueUrl'],
  OPTIONAL_SERVICE_SETTINGS,
);
const observer = createObserver(config.stack);
const clients = createClients();
const { service, catalog } = createAwsService(config, clients, clock, observer);

const start = createStarter({
  service,
  catalog,
  hide: createHide(clients.sqs, config.startQueueUrl),
  onRefusal(refusal, messageId, error) {
    if (refusal === 'throttled') observer.count(METRIC.startThrottled);
    if (refusal === 'failed') observer.error('a message could not be taken', error, { message_id: messageId });
    else observer.warn('a message was not taken', { message_id: messageId, refusal });
  },
});

export async function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  try {
    return await start(event);
  } finally {
    observer.flush();
  }
}
