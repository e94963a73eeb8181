// Runs: looked at and steered. What is allowed and what it means is the service's to say.

import { type Handlers, jsonResponse } from '../../http/index.ts';
import { streamHandlers } from '../../stream/index.ts';
import type { ApiOptions } from '../options.ts';
import type { ApiRoutes } from '../routes/index.ts';

type RunHandlers = Pick<
  Handlers<ApiRoutes>,
  'listRuns' | 'getRun' | 'streamRun' | 'resolveCheckpoint' | 'cancelRun' | 'undoRun' | 'answerCallback'
>;

export function runHandlers(options: ApiOptions): RunHandlers {
  const { service } = options;
  return {
    ...streamHandlers(options),
    listRuns: async ({ caller, query }) => jsonResponse(200, await service.list(caller, query)),
    getRun: async ({ caller, params }) => jsonResponse(200, await service.get(caller, params.id)),
    resolveCheckpoint: async ({ caller, source, params, body }) =>
      jsonResponse(200, await service.resolveCheckpoint(caller, source, params.id, params.checkpoint_id, body)),
    cancelRun: async ({ caller, source, params, body }) => jsonResponse(202, await service.cancel(caller, source, params.id, body)),
    undoRun: async ({ caller, source, params }) => jsonResponse(202, await service.undo(caller, source, params.id)),
    async answerCallback({ source, params, body }) {
      await service.answerCallback(source, params.token, body);
      return jsonResponse(202, { accepted: true });
    },
  };
}
