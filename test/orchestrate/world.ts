// The service over the embedded runtime, with services that answer by script and a clock that jumps.

import { undoAgain } from '../../functions/recorder/index.ts';
import { registrationOf } from '../../local/runtime/index.ts';
import { createLocalCatalog } from '../../local/service/catalog.ts';
import { createLocalFeed } from '../../local/service/event-feed.ts';
import { createLocalExecutions } from '../../local/service/executions.ts';
import { workflowFiles } from '../../local/service/workflow-files.ts';
import { type Audit, createAudit } from '../../shared/audit/index.ts';
import { compile } from '../../shared/compiler/index.ts';
import type { Envelope, ErrorCode, RunRequest } from '../../shared/contract/index.ts';
import { ApiError } from '../../shared/contract/index.ts';
import { type Caller, createService, type RequestSource, type Service, type ServiceParts } from '../../shared/orchestrate/index.ts';
import { createWorld, type World, type WorldOptions, workflowOf } from '../semantics/world.ts';

export const SOURCE: RequestSource = { requestId: 'req_00000000000000000000000001', method: 'POST', route: '/api/v2/orchestrate/run' };

/** Who asks, of a tenant. */
export function callerOf(tenant: string): Caller {
  return { tenant, authMode: 'api_key', principal: `key of ${tenant}`, scopes: ['run', 'read', 'admin'] };
}

export const ME = callerOf('acme');

export interface ServiceWorld extends Omit<World, 'get'> {
  service: Service;
  parts: ServiceParts;
  audit: Audit;
  /** Ids of runs that were sent to the queue, in order. */
  queued: string[];
  /** Starts a run of the first file and waits until it has ended or waits at a checkpoint. */
  settled(request?: Partial<RunRequest>, caller?: Caller): Promise<Envelope['data']>;
  /** The same, of a run that goes on. */
  settle(id: string, caller?: Caller): Promise<Envelope['data']>;
  get(id: string, caller?: Caller): Promise<Envelope['data']>;
  /** The code that it is refused with; null when it is not. */
  refused(act: () => Promise<unknown>): Promise<ErrorCode | null>;
}

/** @param change replaces parts: what fails, or is not there */
export async function createServiceWorld(
  files: string | string[],
  options: WorldOptions = {},
  change: (parts: ServiceParts) => Partial<ServiceParts> = () => ({}),
): Promise<ServiceWorld> {
  const world = await createWorld(files, options);
  const { runtime, clock } = world;
  const workflows = [files].flat().map(workflowOf);
  for (const workflow of workflows.toReversed())
    await world.drive(runtime.registry.register(registrationOf(workflow, compile(workflow, { children: workflows }), '')));
  const { executions, recorder, cancellations, watch, ids } = runtime.parts;
  const queued: string[] = [];
  let secrets = 0;
  const audit = createAudit({ store: runtime.runs.store, clock, key: { sign: async (text) => `signed ${text.length}` } });
  const whole: ServiceParts = {
    runs: runtime.runs,
    catalog: createLocalCatalog({ registry: runtime.registry, files: workflowFiles(null) }),
    executions: createLocalExecutions(runtime.engine, executions),
    queue: { send: async (id) => void queued.push(id) },
    feed: createLocalFeed(runtime.runs, watch, clock),
    audit,
    ids: { id: (prefix) => `${prefix}${ids.runId(clock.now()).slice('run'.length)}`, secret: () => `secret-${++secrets}` },
    undoAgain: (runId) => undoAgain(recorder, runId),
    onCancelled: (runId) => cancellations.resume(runId),
  };
  const parts: ServiceParts = { ...whole, ...change(whole) };
  const service = createService(parts);
  const [first] = workflows;
  if (!first) throw new Error('a world needs a file');

  async function settle(id: string, caller = ME): Promise<Envelope['data']> {
    return (await world.drive(service.settle(caller, id, 3_600_000))).data;
  }

  return {
    ...world,
    service,
    parts,
    audit,
    queued,
    settle,
    async settled(request = {}, caller = ME) {
      const { runId } = await world.drive(service.run(caller, SOURCE, { workflow: first.name, ...request }));
      return settle(runId, caller);
    },
    get: async (id, caller = ME) => (await world.drive(service.get(caller, id))).data,
    async refused(act) {
      try {
        await world.drive(act());
        return null;
      } catch (error) {
        if (error instanceof ApiError) return error.code;
        throw error;
      }
    },
  };
}
