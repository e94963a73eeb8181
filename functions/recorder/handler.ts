// The recorder as a Lambda: called by EventBridge with every change of an execution, and once a minute.

import type { Context } from 'aws-lambda';
import { systemClock as clock } from '../../shared/clock.ts';
import { METRIC } from '../../shared/protocol/metrics.ts';
import { createAwsService, createClients, createObserver, OPTIONAL_SERVICE_SETTINGS, readConfig, SERVICE_SETTINGS } from '../aws/index.ts';
import { createRecorderFunction, type RecorderEvent } from './recorder-function.ts';

const config = readConfig(
  process.env,
  [...SERVICE_SETTINGS, 'workflowsPath', 'manifestBucket', 'manifestKey', 'auditSecret', 'startQueueUrl', 'bus'],
  OPTIONAL_SERVICE_SETTINGS,
);
const observer = createObserver(config.stack);
const { runs, recorder, service, audit, executions, catalog } = createAwsService(config, createClients(), clock, observer);

const work = createRecorderFunction({
  runs,
  recorder,
  service,
  audit,
  describe: (executionArn) => executions.recovery.describe(executionArn),
  catalog,
  isUndoMachine: (arn) => catalog.isUndo(arn),
  onRecovered(runIds) {
    if (runIds.length === 0) return;
    observer.count(METRIC.runRecovered, runIds.length);
    observer.warn('runs were recovered', { run_ids: runIds.slice(0, 100) });
  },
  onFailure(part, error) {
    observer.count(METRIC.sweepFailed);
    observer.error(part, error);
  },
});

export async function handler(event: RecorderEvent, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<void> {
  try {
    await work(event, context.getRemainingTimeInMillis());
  } catch (error) {
    observer.error('a status could not be recorded', error);
    throw error;
  } finally {
    observer.flush();
  }
}
