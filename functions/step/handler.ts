// The step function as a Lambda: called by state machines, with a `StepMessage` of the compiled definition.

import { createBreakers } from '../../shared/breaker/index.ts';
import { createCaller, createEnvironment } from '../../shared/calls/index.ts';
import { systemClock as clock } from '../../shared/clock.ts';
import {
  countTransitions,
  createClients,
  createExecutions,
  createObserver,
  createRecords,
  createStepEvents,
  createUndoNotice,
  OPTIONAL_RECORD_SETTINGS,
  observed,
  RECORD_SETTINGS,
  readConfig,
  systemIds,
} from '../aws/index.ts';
import { createStepFunction } from './step-function.ts';

const config = readConfig(process.env, RECORD_SETTINGS, [
  ...OPTIONAL_RECORD_SETTINGS,
  'bus',
  'apiUrl',
  'allowPrivate',
  'undoDeadLetterUrl',
]);
const { bus, apiUrl, undoDeadLetterUrl } = config;
const clients = createClients();
const observer = createObserver(config.stack);
const { runs, catalog } = createRecords(config, clients, clock);
const ids = systemIds();
const { children } = createExecutions({
  sfn: clients.sfn,
  clock,
  undoArn: async (name) => catalog?.undoArn(name),
});

const step = createStepFunction({
  store: runs.store,
  blobs: runs.blobs,
  runs,
  clock,
  breakers: createBreakers({ store: runs.store, clock, onTransition: countTransitions(observer) }),
  caller: createCaller({
    environment: createEnvironment({ kind: 'aws', variables: process.env, stack: config.stack, clock }),
    egress: { allowPrivate: config.allowPrivate === 'true' },
    clock,
  }),
  ids: { instance: ids.instance(), secret: ids.secret },
  executions: children,
  notify: createUndoNotice(observer, clients, undoDeadLetterUrl),
  ...(apiUrl === undefined ? {} : { callbackUrl: (token: string) => `${apiUrl}/api/v2/callbacks/${encodeURIComponent(token)}` }),
  ...(bus === undefined ? {} : { putEvents: createStepEvents(clients.events, bus) }),
});

export const handler = observed(step, observer, clock, { latency: true });
