// The checkpoint function as a Lambda: called by state machines with `.waitForTaskToken`.

import { systemClock as clock } from '../../shared/clock.ts';
import {
  createClients,
  createExecutions,
  createObserver,
  createRecords,
  OPTIONAL_RECORD_SETTINGS,
  observed,
  RECORD_SETTINGS,
  readConfig,
} from '../aws/index.ts';
import { createCheckpointFunction } from './checkpoint-function.ts';

const config = readConfig(process.env, RECORD_SETTINGS, OPTIONAL_RECORD_SETTINGS);
const clients = createClients();
const { runs, catalog } = createRecords(config, clients, clock);
const executions = createExecutions({
  sfn: clients.sfn,
  clock,
  undoArn: async (name) => catalog?.undoArn(name),
});

export const handler = observed(createCheckpointFunction({ runs, executions }), createObserver(config.stack), clock, { latency: false });
