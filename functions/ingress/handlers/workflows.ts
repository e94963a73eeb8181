// Workflows and circuit breakers: what all tenants share.

import { ApiError, type BreakerView, type WorkflowView } from '../../../shared/contract/index.ts';
import { mermaid, outline } from '../../../shared/graph/index.ts';
import type { Json } from '../../../shared/json.ts';
import { appendReceipt, type CatalogEntry } from '../../../shared/orchestrate/index.ts';
import { parseWorkflow } from '../../../shared/workflow/index.ts';
import { emptyResponse, type Handlers, jsonResponse, textResponse } from '../../http/index.ts';
import type { ApiOptions } from '../options.ts';
import type { ApiRoutes } from '../routes/index.ts';

const MERMAID = 'application/vnd.mermaid; charset=utf-8';

type WorkflowHandlers = Pick<
  Handlers<ApiRoutes>,
  'listWorkflows' | 'getWorkflow' | 'deployWorkflow' | 'removeWorkflow' | 'drawWorkflow' | 'listBreakers' | 'resetBreaker'
>;

export function workflowHandlers({ catalog, audit, breakers }: ApiOptions): WorkflowHandlers {
  async function find(name: string): Promise<CatalogEntry> {
    const entry = await catalog.find(name);
    if (!entry) throw noWorkflow(name);
    return entry;
  }

  return {
    async listWorkflows() {
      const entries = await catalog.list();
      return jsonResponse(200, { object: 'list', data: entries.map((entry) => workflowView({ ...entry, source: null })) });
    },
    getWorkflow: async ({ params }) => jsonResponse(200, workflowView(await find(params.name))),
    async deployWorkflow({ caller, source, params, body }) {
      if (!catalog.deploy) throw deployingIsOff();
      const { workflow } = parseWorkflow(body, { file: `${params.name}.yaml` });
      // A file with mistakes is refused by `deploy`, with the compiler's diagnostics.
      if (workflow && workflow.name !== params.name) throw otherName(workflow.name, params.name);
      if (workflow) await appendReceipt(audit, caller, source, 'workflow.deploy', { workflow: workflow.name, version: workflow.version });
      return jsonResponse(200, workflowView(await catalog.deploy(body)));
    },
    async removeWorkflow({ caller, source, params: { name } }) {
      if (!catalog.remove) throw deployingIsOff();
      await find(name);
      await appendReceipt(audit, caller, source, 'workflow.remove', { workflow: name });
      if (!(await catalog.remove(name))) throw noWorkflow(name);
      return emptyResponse();
    },
    async drawWorkflow({ params: { name } }) {
      const { source } = await find(name);
      const workflow = source === null ? null : parseWorkflow(source, { file: `${name}.yaml` }).workflow;
      if (source === null || !workflow)
        throw new ApiError('not_found', `workflow ${name}: its text is not known here, so it cannot be drawn.`);
      return textResponse(200, MERMAID, mermaid(outline(workflow, source)));
    },
    async listBreakers() {
      return jsonResponse(200, { object: 'list', data: (await breakers.list()).map(breakerView) });
    },
    async resetBreaker({ caller, source, params: { origin } }) {
      if (!(await breakers.reset(origin))) throw new ApiError('not_found', 'there is no circuit breaker of this origin.');
      await appendReceipt(audit, caller, source, 'breaker.reset', { origin });
      return jsonResponse(200, { origin, state: 'closed', retry_at: null } satisfies BreakerView);
    },
  };
}

function workflowView(entry: CatalogEntry): WorkflowView {
  const { name, version, description, execution, timeoutMs, input, triggers, source } = entry;
  // A schema of the language is JSON by its making.
  const schema = input as unknown as Json;
  return { object: 'workflow', name, version, description, execution, timeout_ms: timeoutMs, input: schema, triggers, source };
}

function breakerView({ origin, state, openUntilMs }: Awaited<ReturnType<ApiOptions['breakers']['list']>>[number]): BreakerView {
  const open = state === 'open';
  return {
    origin,
    state: open || state === 'half_open' ? state : 'closed',
    retry_at: open ? new Date(openUntilMs).toISOString() : null,
  };
}

function noWorkflow(name: string): ApiError {
  return new ApiError('not_found', `there is no workflow ${name}; GET /api/v2/workflows lists those that there are.`);
}

function deployingIsOff(): ApiError {
  return new ApiError(
    'forbidden',
    'deploying through the API is off here: put the file into the folder of workflows and run `cdk deploy`, or set `allowDeploy: true` on the Maestro construct.',
  );
}

function otherName(found: string, expected: string): ApiError {
  return new ApiError('invalid', `body: the file's name is ${found}, but the path says ${expected}; expected the same.`, {
    details: [{ path: ['name'], message: `expected ${expected}` }],
  });
}
