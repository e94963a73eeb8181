// The service on AWS: the ports of shared/orchestrate, put together for a function.
//
//   V1. A function gets what infra tells it of (ENV), which is what it may use. A part that it is not told of is there and fails by name when it is
//       used: a function that only reads needs none of them.

import { type Audit, createAudit } from '../../shared/audit/index.ts';
import type { Clock } from '../../shared/clock.ts';
import { createKeys, type Keys } from '../../shared/keys/index.ts';
import { type Bus, createService, type Queue, type Service } from '../../shared/orchestrate/index.ts';
import { ENV } from '../../shared/protocol/environment.ts';
import type { Runs } from '../../shared/runs/index.ts';
import { createRecorder, type Recorder, undoAgain } from '../recorder/index.ts';
import { createAuditKey } from './audit-key.ts';
import { createBus } from './bus.ts';
import type { AwsCatalog } from './catalog.ts';
import type { AwsClients } from './clients.ts';
import type { Config, Setting } from './config.ts';
import { createEventFeed } from './event-feed.ts';
import { type AwsExecutions, createExecutions } from './executions.ts';
import { systemIds } from './ids.ts';
import { createUndoNotice, type Observer } from './observe.ts';
import { createStartQueue } from './queue.ts';
import { createRecords, OPTIONAL_RECORD_SETTINGS, RECORD_SETTINGS } from './records.ts';

/** Requests a minute of a key that was made without saying: well above what a person or a page does, well below what takes the table's breath. */
const DEFAULT_RATE_LIMIT = 6_000;

export const SERVICE_SETTINGS = RECORD_SETTINGS;
export const OPTIONAL_SERVICE_SETTINGS = [...OPTIONAL_RECORD_SETTINGS, 'auditSecret', 'startQueueUrl', 'undoDeadLetterUrl', 'bus'] as const;

export type ServiceConfig = Config<(typeof SERVICE_SETTINGS)[number], (typeof OPTIONAL_SERVICE_SETTINGS)[number]>;

export interface AwsService {
  service: Service;
  recorder: Recorder;
  audit: Audit;
  keys: Keys;
  runs: Runs;
  catalog: AwsCatalog;
  executions: AwsExecutions;
  bus: Bus;
  ids: ReturnType<typeof systemIds>;
}

export function createAwsService(config: ServiceConfig, clients: AwsClients, clock: Clock, observer: Observer): AwsService {
  const { auditSecret, startQueueUrl, bus: busName } = config;
  const bus: Bus = busName === undefined ? { put: () => refuse('bus') } : createBus(clients.events, busName);
  const { runs, catalog = NO_CATALOG } = createRecords(config, clients, clock);
  const ids = systemIds();
  const audit = createAudit({
    store: runs.store,
    clock,
    key: auditSecret === undefined ? { sign: () => refuse('auditSecret') } : createAuditKey(clients.secrets, auditSecret),
  });
  const executions = createExecutions({
    sfn: clients.sfn,
    clock,
    undoArn: (workflow) => catalog.undoArn(workflow),
  });
  const recorder = createRecorder({
    runs,
    executions: executions.recovery,
    notify: createUndoNotice(observer, clients, config.undoDeadLetterUrl),
    isUndoMachine: async (arn) => arn.endsWith('-undo') || (await catalog.isUndo(arn)),
    workflow: (name) => catalog.find(name),
    ...(busName === undefined ? {} : { bus }),
  });
  const queue: Queue = startQueueUrl === undefined ? { send: () => refuse('startQueueUrl') } : createStartQueue(clients.sqs, startQueueUrl);
  const service = createService({
    runs,
    catalog,
    executions,
    queue,
    feed: createEventFeed({ runs, clock }),
    audit,
    ids,
    undoAgain: (runId) => undoAgain(recorder, runId),
  });
  return {
    service,
    recorder,
    audit,
    keys: createKeys({ store: runs.store, clock, ids, defaultRateLimit: DEFAULT_RATE_LIMIT }),
    runs,
    catalog,
    executions,
    bus,
    ids,
  };
}

const NO_CATALOG: AwsCatalog = {
  find: () => refuse('workflowsPath'),
  list: () => refuse('workflowsPath'),
  nameOf: () => refuse('workflowsPath'),
  isUndo: () => refuse('workflowsPath'),
  undoArn: () => refuse('workflowsPath'),
  forget() {},
};

async function refuse(setting: Setting): Promise<never> {
  throw new Error(`environment of the function: found no ${ENV[setting]}, which this request needs. Grant it to the function.`);
}
