// The API as a Lambda: called by API Gateway, and answers as it goes.

import manifest from '../../package.json' with { type: 'json' };
import { createBreakers } from '../../shared/breaker/index.ts';
import { systemClock as clock } from '../../shared/clock.ts';
import {
  createAwsService,
  createClients,
  createObserver,
  DEPLOY_SETTINGS,
  deployingCatalog,
  OPTIONAL_SERVICE_SETTINGS,
  readConfig,
  SERVICE_SETTINGS,
  streamed,
} from '../aws/index.ts';
import { createApi } from './api.ts';

const config = readConfig(
  process.env,
  [...SERVICE_SETTINGS, 'workflowsPath', 'manifestBucket', 'manifestKey', 'auditSecret', 'startQueueUrl', 'bus'],
  [...OPTIONAL_SERVICE_SETTINGS, ...DEPLOY_SETTINGS],
);
const observer = createObserver(config.stack);
const clients = createClients();
const { runs, service, audit, keys, catalog, bus, ids } = createAwsService(config, clients, clock, observer);

const api = createApi({
  service,
  keys,
  audit,
  catalog: deployingCatalog(config, { sfn: clients.sfn, store: runs.store, catalog }),
  breakers: createBreakers({ store: runs.store, clock }),
  bus,
  clock,
  ids,
  version: manifest.version,
  local: false,
  report: (error, { requestId, method, route }) => observer.error('a request failed', error, { request_id: requestId, method, route }),
});

export const handler = streamed((event, options) => api.handle(event, options), observer);
