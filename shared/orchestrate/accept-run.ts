// A request for a run, from its checks to its start: idempotency key → receipt → records → execution (or the queue).

import { ApiError, type ErrorDetail, jobIdOf, type RunRequest } from '../contract/index.ts';
import { type Json, type JsonObject, jsonProblem } from '../json.ts';
import { dedupeName } from '../protocol/run-id.ts';
import { endRun, findRun, issueDetail } from '../runs/index.ts';
import { validateInput } from '../workflow/index.ts';
import { jobIdOfRun } from './envelope.ts';
import { claimKey, type KeyOwner, nameRun, releaseKey, runOfKey } from './idempotency.ts';
import { type Caller, type CatalogEntry, DEFAULT_TENANT, type RequestSource, ThrottledError } from './ports.ts';
import { appendReceipt } from './receipts.ts';
import type { Accepted } from './service.ts';
import type { ServiceParts } from './service-parts.ts';
import { prepareInput, type RunFacts, recordRun, startExpressRun, startRecorded, startRun } from './start-run.ts';

/** Fields that only a plan has. */
const PLAN_FIELDS = ['policy', 'budget_usd', 'review'] as const;

/** Bytes of metadata: they are on the record that is read with every step. */
const MAX_METADATA_BYTES = 8_192;

/** What is asked for, checked. */
interface Asked {
  entry: CatalogEntry;
  input: Json;
  mode: NonNullable<RunRequest['mode']>;
  metadata: JsonObject | undefined;
}

/** `Service.run`. */
export async function acceptRun(
  parts: ServiceParts,
  caller: Caller,
  source: RequestSource,
  request: RunRequest,
  idempotencyKey: string | undefined,
): Promise<Accepted> {
  const { runs, ids } = parts;
  const owner: KeyOwner | undefined =
    idempotencyKey === undefined ? undefined : { tenant: caller.tenant, kind: 'request', text: idempotencyKey };
  // How the answer is carried is no part of what is asked for.
  const { stream: _carriage, ...rest } = request;
  const same = rest as JsonObject;
  // Before the request is checked: what was accepted stays so, also when its workflow has changed since.
  const known = owner && (await repeatedRun(parts, await runOfKey(runs, owner, same)));
  if (known) return known;
  const asked = await check(parts, request);
  const express = asked.entry.execution === 'express';
  const newId = ids.id('run');
  const claim = owner ? await claimKey(runs, owner, same, express ? null : newId) : { runId: express ? null : newId, repeated: false };
  const raced = claim.repeated ? await repeatedRun(parts, claim.runId ?? undefined) : undefined;
  if (raced) return raced;
  try {
    const runId = claim.runId ?? (await startExpress(parts, caller, source, asked, newId));
    if (claim.runId !== null) await startStandard(parts, caller, source, asked, runId);
    else if (owner) await nameRun(runs, owner, runId);
    return { jobId: jobIdOf(runId), runId, mode: asked.mode, repeated: claim.repeated };
  } catch (error) {
    if (!(error instanceof ThrottledError)) throw error;
    if (owner) await releaseKey(runs, owner, claim.runId);
    throw throttled(asked.entry.name, error);
  }
}

export interface TriggeredStart {
  workflow: string;
  input: Json;
  mode: 'event' | 'schedule';
  dedupe?: string;
  request?: Json;
}

/** `Service.startTriggered`. @throws ThrottledError, ApiError */
export async function acceptTriggered(parts: ServiceParts, { workflow, input, mode, dedupe, request }: TriggeredStart): Promise<string> {
  const { runs, ids, audit } = parts;
  const entry = await findEntry(parts, workflow);
  checkInput(entry, input);
  const source: RequestSource = { requestId: ids.id('req'), method: mode.toUpperCase(), route: 'trigger' };
  const caller = { authMode: 'internal', tenant: DEFAULT_TENANT, principal: mode } as const;
  const factsOfRun = async (names: JsonObject): Promise<RunFacts> => {
    const receipt = await appendReceipt(audit, caller, source, 'run', { workflow, version: entry.version, mode, ...names });
    return { mode, receipt, ...(request === undefined ? {} : { request }) };
  };
  if (entry.execution === 'express') {
    const owner: KeyOwner = { tenant: DEFAULT_TENANT, kind: 'trigger', text: JSON.stringify([workflow, dedupe ?? null]) };
    const claim = dedupe === undefined ? undefined : await claimKey(runs, owner, null, null);
    if (claim?.runId) return claim.runId;
    const name = ids.id('run');
    const facts = await factsOfRun({ execution_name: name });
    const runId = await startExpressRun(parts, entry, name, input, (id) => ({ ...facts, jobId: jobIdOf(id) }));
    if (claim) await nameRun(runs, owner, runId);
    return runId;
  }
  const runId = dedupe === undefined ? ids.id('run') : dedupeName(workflow, dedupe);
  if (await findRun(runs, runId)) {
    await startRecorded(parts, runId);
    return runId;
  }
  const prepared = await prepareInput(runs, runId, entry, input);
  const jobId = jobIdOf(runId);
  await startRun(parts, entry, runId, prepared, { ...(await factsOfRun({ job_id: jobId, run_id: runId })), jobId });
  return runId;
}

/** @throws ApiError */
async function check(parts: ServiceParts, request: RunRequest): Promise<Asked> {
  if (request.workflow === undefined) {
    const found = request.query === undefined ? 'plan_id' : 'query';
    throw new ApiError('not_implemented', `${found}: planned runs are not part of this version; name a \`workflow\`.`);
  }
  const details = PLAN_FIELDS.filter((name) => request[name] !== undefined).map(
    (name): ErrorDetail => ({ path: [name], message: 'belongs to `query`: a workflow has no plan' }),
  );
  if (details.length > 0) throw new ApiError('invalid', 'the request has fields that belong to `query`.', { details });
  const entry = await findEntry(parts, request.workflow);
  const input = request.input ?? {};
  checkInput(entry, input);
  checkMetadata(request.metadata ?? null);
  const mode = request.mode ?? 'sync';
  if (mode === 'queued' && entry.execution === 'express') {
    throw new ApiError('invalid', `workflow ${entry.name}: it is an Express workflow, which cannot be queued; use \`sync\` or \`async\`.`, {
      details: [{ path: ['mode'], message: 'expected sync or async for an Express workflow' }],
    });
  }
  return { entry, input, mode, metadata: request.metadata };
}

/** @throws ApiError not_found */
export async function findEntry({ catalog }: ServiceParts, name: string): Promise<CatalogEntry> {
  const entry = await catalog.find(name);
  if (!entry)
    throw new ApiError('not_found', `workflow ${name}: there is none of this name. \`GET /api/v2/workflows\` lists those there are.`);
  return entry;
}

/** An input against the workflow's schema. @throws ApiError invalid */
export function checkInput({ name, input: schema }: CatalogEntry, input: Json): void {
  const problem = jsonProblem(input);
  const details: ErrorDetail[] =
    problem === undefined
      ? validateInput(schema ?? {}, input)
          .map(issueDetail)
          .map(({ path, message }) => ({ path: ['input', ...path], message }))
      : [{ path: ['input'], message: problem }];
  if (details.length > 0) throw new ApiError('invalid', `workflow ${name}: its input is not as its file says.`, { details });
}

/** @throws ApiError invalid */
function checkMetadata(metadata: Json): void {
  const bytes = jsonProblem(metadata) === undefined ? Buffer.byteLength(JSON.stringify(metadata)) : 0;
  const message = bytes > MAX_METADATA_BYTES ? `has ${bytes} bytes, expected at most ${MAX_METADATA_BYTES}` : jsonProblem(metadata);
  if (message !== undefined) throw new ApiError('invalid', 'the metadata cannot be kept.', { details: [{ path: ['metadata'], message }] });
}

/** A run whose records were written before: what comes after them is done again. Undefined when there are none. @throws ApiError */
async function repeatedRun(parts: ServiceParts, runId: string | undefined): Promise<Accepted | undefined> {
  const record = runId === undefined ? undefined : await findRun(parts.runs, runId);
  if (!record) return undefined;
  try {
    if (record.status === 'queued' && record.mode === 'queued') await parts.queue.send(record.id);
    else if (record.status === 'queued') await startRecorded(parts, record.id);
  } catch (error) {
    throw error instanceof ThrottledError ? throttled(record.workflow, error) : error;
  }
  const mode = record.mode === 'async' || record.mode === 'queued' ? record.mode : 'sync';
  return { jobId: jobIdOfRun(record), runId: record.id, mode, repeated: true };
}

/** What a client is told when a start was refused for its rate. */
export function throttled(workflow: string, cause: ThrottledError): ApiError {
  const message = `workflow ${workflow}: too many runs are being started; try again, or use \`mode: queued\`.`;
  return new ApiError('rate_limited', message, { retryAfter: 1, cause });
}

async function startStandard(parts: ServiceParts, caller: Caller, source: RequestSource, asked: Asked, runId: string): Promise<void> {
  const { runs, queue } = parts;
  const { entry, mode } = asked;
  const input = await prepareInput(runs, runId, entry, asked.input);
  const jobId = jobIdOf(runId);
  const facts = { ...(await factsOf(parts, caller, source, asked, { job_id: jobId, run_id: runId })), jobId };
  if (mode === 'queued') {
    await recordRun(parts, entry, runId, input, facts);
    await runs.store.durable();
    await withdrawIfThrottled(parts, runId, () => queue.send(runId));
  } else await withdrawIfThrottled(parts, runId, () => startRun(parts, entry, runId, input, facts));
}

/** A run whose start was refused for its rate is none: the client is told to ask again, and nobody else starts it. */
export async function withdrawIfThrottled({ runs }: ServiceParts, runId: string, start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (error) {
    const record = error instanceof ThrottledError ? await findRun(runs, runId) : undefined;
    const refused = { step: null, error: 'Maestro.Throttled', message: 'too many runs were being started', also: [] };
    if (record) await endRun(runs, record, { status: 'cancelled', error: refused }, ['queued']);
    throw error;
  }
}

async function startExpress(parts: ServiceParts, caller: Caller, source: RequestSource, asked: Asked, name: string): Promise<string> {
  const facts = await factsOf(parts, caller, source, asked, { execution_name: name });
  return startExpressRun(parts, asked.entry, name, asked.input, (id) => ({ ...facts, jobId: jobIdOf(id) }));
}

/** What is recorded of the request, its receipt among it: that is on the chain before anything is changed. */
async function factsOf(
  { audit }: ServiceParts,
  caller: Caller,
  source: RequestSource,
  { entry, mode, metadata }: Asked,
  names: JsonObject,
): Promise<RunFacts> {
  const subject = { workflow: entry.name, version: entry.version, mode, ...names };
  const receipt = await appendReceipt(audit, caller, source, 'run', subject);
  return { tenant: caller.tenant, mode, receipt, ...(metadata ? { request: { metadata } } : {}) };
}
