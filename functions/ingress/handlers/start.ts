// Starting runs, and waiting for them.

import { ApiError, type Envelope, type RunRequest } from '../../../shared/contract/index.ts';
import type { Accepted, Caller, RequestSource } from '../../../shared/orchestrate/index.ts';
import { isFinal } from '../../../shared/runs/index.ts';
import { type ApiResponse, type Handlers, jsonResponse } from '../../http/index.ts';
import { followRun } from '../../stream/index.ts';
import type { ApiOptions } from '../options.ts';
import { type ApiRoutes, IDEMPOTENCY_KEY, RUN_ROUTES } from '../routes/index.ts';

const SYNC_MS = 25_000;

/** RFC 9745, section 2: a date as a structured field, seconds since the epoch. */
const DEPRECATION = `@${Date.UTC(2026, 10, 1) / 1_000}`;
/** RFC 8594, section 3: an HTTP date. */
const SUNSET = new Date(Date.UTC(2027, 10, 1)).toUTCString();

export function startHandlers({
  service,
  clock,
  syncMs = SYNC_MS,
}: ApiOptions): Pick<Handlers<ApiRoutes>, 'startRun' | 'retryRun' | 'produce'> {
  async function start(caller: Caller, source: RequestSource, request: RunRequest, header: string | undefined): Promise<Accepted> {
    const idempotencyKey = readIdempotencyKey(header);
    return service.run(caller, source, request, idempotencyKey === undefined ? {} : { idempotencyKey });
  }

  return {
    async startRun({ caller, source, body, header, signal, base }) {
      const accepted = await start(caller, source, body, header('idempotency-key'));
      const { runId } = accepted;
      const headers = startedHeaders(accepted, base);
      if (body.stream) return followRun({ service, clock, caller, id: runId, after: 0, maxMs: syncMs, signal }, headers);
      if (accepted.mode !== 'sync') return acceptedResponse(await service.get(caller, runId), headers);
      const envelope = await service.settle(caller, runId, syncMs);
      return hasSettled(envelope) ? jsonResponse(200, envelope, headers) : acceptedResponse(envelope, headers);
    },
    async retryRun({ caller, source, params, base }) {
      const accepted = await service.retry(caller, source, params.id);
      return acceptedResponse(await service.get(caller, accepted.runId), startedHeaders(accepted, base));
    },
    async produce({ caller, source, body: { stream: _, ...request }, header, base }) {
      const accepted = await start(caller, source, { ...request, mode: 'sync' }, header('idempotency-key'));
      const envelope = await service.settle(caller, accepted.runId, syncMs);
      const success = envelope.data.status === 'completed';
      const produced = { success, job_id: accepted.jobId, result: success ? envelope.data.output : null };
      const link = `<${base}${RUN_ROUTES.startRun.path}>; rel="successor-version", <${base}/docs>; rel="deprecation"; type="text/html"`;
      const headers = { ...startedHeaders(accepted, base), deprecation: DEPRECATION, sunset: SUNSET, link };
      return jsonResponse(hasSettled(envelope) ? 200 : 202, produced, headers);
    },
  };
}

/** There is nothing to wait for any more. */
function hasSettled({ data }: Envelope): boolean {
  return isFinal(data.status) || data.status === 'waiting_checkpoint';
}

function startedHeaders({ runId, repeated }: Accepted, base: string): { [name: string]: string } {
  return { 'content-location': runUrl(base, runId), ...(repeated ? { 'idempotent-replayed': 'true' } : {}) };
}

function acceptedResponse(envelope: Envelope, headers: { [name: string]: string }): ApiResponse {
  return jsonResponse(202, envelope, { ...headers, location: headers['content-location'] ?? '' });
}

/** Where a run is found, for whoever came in the same way. */
function runUrl(base: string, runId: string): string {
  return `${base}${RUN_ROUTES.getRun.path.replace('{id}', runId)}`;
}

/** @throws ApiError bad_request */
function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const key = IDEMPOTENCY_KEY.safeParse(header.trim());
  if (!key.success) throw new ApiError('bad_request', 'header idempotency-key: expected 1 to 255 visible ASCII characters.');
  return key.data;
}
