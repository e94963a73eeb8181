// A run's events as a Lambda: called by API Gateway for that route alone. It reads records and keys, and needs nothing else.

import { systemClock as clock } from '../../shared/clock.ts';
import {
  createAwsService,
  createClients,
  createObserver,
  OPTIONAL_SERVICE_SETTINGS,
  readConfig,
  SERVICE_SETTINGS,
  streamed,
} from '../aws/index.ts';
import { createStreamApi } from './stream-api.ts';

const config = readConfig(process.env, SERVICE_SETTINGS, OPTIONAL_SERVICE_SETTINGS);
const observer = createObserver(config.stack);
const { service, keys, ids } = createAwsService(config, createClients(), clock, observer);

const api = createStreamApi({
  service,
  keys,
  clock,
  ids,
  local: false,
  report: (error, { requestId, method, route }) => observer.error('a stream failed', error, { request_id: requestId, method, route }),
});

export const handler = streamed((event, options) => api.handle(event, options), observer);
