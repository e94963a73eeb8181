// Routes of the design that this version does not serve. They are authenticated and checked like all others.

import { ApiError } from '../../../shared/contract/index.ts';
import type { Handlers } from '../../http/index.ts';
import type { ApiRoutes } from '../routes/index.ts';

type LaterHandlers = Pick<
  Handlers<ApiRoutes>,
  | 'listArtifacts'
  | 'getArtifact'
  | 'plan'
  | 'listCapabilities'
  | 'listProviders'
  | 'getProvider'
  | 'certifyProvider'
  | 'getFlag'
  | 'setFlag'
>;

export function laterHandlers(): LaterHandlers {
  const artifacts = later('artifacts');
  const providers = later('providers');
  const flags = later('feature flags');
  return {
    listArtifacts: artifacts,
    getArtifact: artifacts,
    plan: later('planning a request'),
    listCapabilities: later('capabilities'),
    listProviders: providers,
    getProvider: providers,
    certifyProvider: providers,
    getFlag: flags,
    setFlag: flags,
  };
}

function later(what: string): () => Promise<never> {
  return async () => {
    throw new ApiError('not_implemented', `${what}: not in this version; runs of workflows are, see POST /api/v2/orchestrate/run.`);
  };
}
