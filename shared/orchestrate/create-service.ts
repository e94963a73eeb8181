// The service, put together: each operation finds its run within the caller's tenant, leaves its receipt, and does its work.

import { ApiError, type Envelope } from '../contract/index.ts';
import { CancelError, cancelRun, forceCancel, isFinal, listEvents, listRuns } from '../runs/index.ts';
import { acceptRun, acceptTriggered } from './accept-run.ts';
import { answerCallback, answerCheckpoint } from './answers.ts';
import { readEnvelope, runView } from './envelope.ts';
import { locateRun, notFound } from './jobs.ts';
import type { Caller } from './ports.ts';
import { appendReceipt } from './receipts.ts';
import { retryRun } from './retry-run.ts';
import type { Service } from './service.ts';
import type { ServiceParts } from './service-parts.ts';
import { startRecorded } from './start-run.ts';
import { sweepService } from './sweep.ts';

/** What is said of a run of which another undo cannot be begun. */
const NO_UNDO = {
  nothing: 'nothing of it is left to undo',
  running: 'it goes on; cancel it, and it is undone',
  undoing: 'it is being undone',
} as const;

export function createService(parts: ServiceParts): Service {
  const { runs, feed, audit } = parts;

  async function get(caller: Caller, id: string): Promise<Envelope> {
    const { run, job } = await locateRun(runs, caller.tenant, id);
    return readEnvelope(runs, run, job);
  }

  return {
    run: (caller, source, request, options) => acceptRun(parts, caller, source, request, options?.idempotencyKey),
    async locate(caller, id) {
      const { run, job } = await locateRun(runs, caller.tenant, id);
      return { jobId: job.id, runId: run.id };
    },
    get,
    async settle(caller, id, timeoutMs) {
      const { run } = await locateRun(runs, caller.tenant, id);
      await feed.settled(run.id, runs.clock.now() + timeoutMs);
      return get(caller, run.id);
    },
    async list(caller, { since, ...query }) {
      try {
        const page = await listRuns(runs, {
          ...query,
          tenant: caller.tenant,
          ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
        });
        const nowMs = runs.clock.now();
        return { object: 'list', data: page.runs.map((run) => runView(run, nowMs)), cursor: page.cursor ?? null };
      } catch (error) {
        throw error instanceof RangeError ? new ApiError('invalid', `${error.message}.`, { cause: error }) : error;
      }
    },
    async events(caller, id, after, options) {
      const { run, job } = await locateRun(runs, caller.tenant, id);
      // A number that no event has was told of another run (of the same job, before a retry), or is made up: nothing of this one is known.
      const [last] = after > 0 ? await listEvents(runs, run.id, after - 1, 1) : [];
      return { jobId: job.id, runId: run.id, events: feed.follow(run.id, last?.n === after ? after : 0, options) };
    },
    async cancel(caller, source, id, options) {
      const { run } = await locateRun(runs, caller.tenant, id);
      if (isFinal(run.status)) throw cancelRefused(new CancelError(run.id, 'ended'));
      const force = options?.force === true;
      await appendReceipt(audit, caller, source, 'cancel', { run_id: run.id, force });
      await cancel(parts, run.id, force);
      return get(caller, id);
    },
    retry: (caller, source, id) => retryRun(parts, caller, source, id),
    async undo(caller, source, id) {
      const { run } = await locateRun(runs, caller.tenant, id);
      await appendReceipt(audit, caller, source, 'undo', { run_id: run.id });
      const what = await parts.undoAgain(run.id);
      if (what === 'not_found') throw notFound(id);
      if (what !== 'begun') throw new ApiError('conflict', `run ${run.id}: no undo was begun, ${NO_UNDO[what]}.`);
      await runs.store.durable();
      return get(caller, id);
    },
    async resolveCheckpoint(caller, source, id, checkpointId, answer) {
      const { run } = await locateRun(runs, caller.tenant, id);
      await answerCheckpoint(parts, caller, source, run.id, checkpointId, answer);
      return get(caller, id);
    },
    answerCallback: (source, token, value) => answerCallback(parts, source, token, value),
    startQueued: (runId) => startRecorded(parts, runId),
    startTriggered: (request) => acceptTriggered(parts, request),
    sweep: (nowMs, untilMs) => sweepService(parts, nowMs, { untilMs }),
    resume: (nowMs) => sweepService(parts, nowMs, { restarted: true }),
  };
}

/** @throws ApiError */
async function cancel({ runs, executions, onCancelled }: ServiceParts, runId: string, force: boolean): Promise<void> {
  try {
    if (force) return void (await forceCancel(runs, executions, runId));
    const { ended } = await cancelRun(runs, executions, runId);
    if (!ended) await onCancelled?.(runId);
    await runs.store.durable();
  } catch (error) {
    throw error instanceof CancelError ? cancelRefused(error) : error;
  }
}

function cancelRefused(error: CancelError): ApiError {
  return new ApiError(error.reason === 'not_found' ? 'not_found' : 'conflict', `${error.message}.`, { cause: error });
}
