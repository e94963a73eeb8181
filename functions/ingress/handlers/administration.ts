// Keys, the audit chain, events, logs, and what the service says of itself.

import { ApiError } from '../../../shared/contract/index.ts';
import { appendReceipt, type Caller } from '../../../shared/orchestrate/index.ts';
import { parseDuration } from '../../../shared/workflow/index.ts';
import { type Handlers, isOperator, jsonResponse, textResponse } from '../../http/index.ts';
import { docsPage } from '../docs-page.ts';
import { openApiDocument } from '../open-api.ts';
import type { ApiOptions } from '../options.ts';
import type { ApiRoutes } from '../routes/index.ts';

/** EventBridge keeps them for AWS's own services. */
const AWS_SOURCE = 'aws.';

type AdministrationHandlers = Pick<
  Handlers<ApiRoutes>,
  'listKeys' | 'createKey' | 'revokeKey' | 'readAudit' | 'putEvents' | 'readLogs' | 'readOpenApi' | 'readDocs' | 'readHealth'
>;

export function administrationHandlers(options: ApiOptions): AdministrationHandlers {
  const { keys, audit, bus, logs, clock, version } = options;
  return {
    async listKeys({ caller, query }) {
      return jsonResponse(200, { object: 'list', data: await keys.list(tenantFor(caller, query.tenant)) });
    },
    async createKey({ caller, source, body }) {
      const { name, expires_in: expiresIn, rate_limit: rateLimit } = body;
      const tenant = tenantFor(caller, body.tenant);
      const key = await keys.create({
        name,
        tenant,
        scopes: [...new Set(body.scopes)],
        ...(expiresIn === undefined ? {} : { expiresAtMs: clock.now() + lifetimeMs(expiresIn) }),
        ...(rateLimit === undefined ? {} : { rateLimit }),
      });
      await appendReceipt(audit, caller, source, 'key.create', { key: key.id, tenant, scopes: key.scopes });
      return jsonResponse(201, key);
    },
    async revokeKey({ caller, source, params: { id }, query }) {
      const tenant = tenantFor(caller, query.tenant);
      const revoked = await keys.revoke(tenant, id);
      const key = revoked ? (await keys.list(tenant)).find((each) => each.id === id) : undefined;
      if (!key) throw new ApiError('not_found', `key ${id}: there is no such key. \`GET /api/v2/keys\` lists those there are.`);
      await appendReceipt(audit, caller, source, 'key.revoke', { key: id, tenant });
      return jsonResponse(200, key);
    },
    async readAudit({ caller: { tenant }, query: { verify, ...page } }) {
      const listed = await audit.list(tenant, page);
      return jsonResponse(200, { object: 'audit', ...listed, verdict: verify === 'true' ? await audit.verify(tenant) : null });
    },
    async putEvents({ caller, source, body }) {
      if (!bus) throw new ApiError('not_implemented', 'there is no bus here, so events cannot be put.');
      const events = 'events' in body ? body.events : [body];
      const reserved = events.findIndex((event) => event.source.startsWith(AWS_SOURCE));
      if (reserved >= 0) {
        const path = 'events' in body ? ['events', reserved, 'source'] : ['source'];
        throw new ApiError('invalid', `body.${path.join('.')}: sources that begin with "${AWS_SOURCE}" are AWS's own; expected another.`, {
          details: [{ path, message: `must not begin with "${AWS_SOURCE}"` }],
        });
      }
      const put = events.map((event) => ({ source: event.source, detail_type: event['detail-type'] }));
      await appendReceipt(audit, caller, source, 'events.put', { events: put });
      const ids = await bus.put(events);
      return jsonResponse(200, { object: 'events', data: ids.map((id) => ({ event_id: id })) });
    },
    async readLogs() {
      if (!logs) throw new ApiError('not_implemented', 'logs are not told by the API here; they are in CloudWatch Logs.');
      return jsonResponse(200, { object: 'list', data: logs() });
    },
    readOpenApi: async ({ base }) => jsonResponse(200, openApiDocument(version, base)),
    readDocs: async ({ base }) => textResponse(200, 'text/html; charset=utf-8', docsPage(openApiDocument(version, base))),
    readHealth: async () => jsonResponse(200, { status: 'ok', version }),
  };
}

/** @throws ApiError forbidden */
function tenantFor(caller: Caller, tenant: string | undefined): string {
  if (tenant === undefined || tenant === caller.tenant || isOperator(caller)) return tenant ?? caller.tenant;
  throw new ApiError('forbidden', 'this is not allowed: the key is of another tenant; expected the own one, or no tenant.');
}

/** @throws ApiError invalid */
function lifetimeMs(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs !== null && durationMs > 0 && durationMs <= LONGEST_LIFETIME_MS) return durationMs;
  const message = 'expected a duration such as 720h, at most ten years';
  throw new ApiError('invalid', `body.expires_in: ${message}.`, { details: [{ path: ['expires_in'], message }] });
}

const LONGEST_LIFETIME_MS = 10 * 365 * 24 * 3_600_000;
