// One run per key: the `Idempotency-Key` of a client, or what tells one firing of a trigger from another.
//
//   I1. A key stands for one request for a day. The conditional write of its record decides who starts; everybody else gets that one's run.

import { createHash } from 'node:crypto';
import { ApiError } from '../contract/index.ts';
import { fingerprint } from '../fingerprint.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Runs } from '../runs/index.ts';
import type { Key } from '../store/index.ts';

const KEPT_MS = 24 * 3_600_000;
/** An Express run has no name that starts once: whoever does not tell its id within this has died, and the start is made again. */
const EXPRESS_START_MS = 60_000;

/** Whose key it is. */
export interface KeyOwner {
  tenant: string;
  kind: 'request' | 'trigger';
  text: string;
}

export interface KeyClaim {
  /** The run that the key stands for; null: an Express run whose id its start has to tell (`nameRun`). */
  runId: string | null;
  /** It stood for it before. */
  repeated: boolean;
}

/**
 * The run that a key stands for; undefined where it is free, or its run has no id yet.
 * @throws ApiError conflict when it stands for another request
 */
export async function runOfKey(runs: Runs, owner: KeyOwner, request: Json): Promise<string | undefined> {
  const [found] = await runs.store.read([recordKey(owner)]);
  if (!found || !isHeld(found, runs.clock.now())) return undefined;
  refuseOther(found, request);
  return typeof found['runId'] === 'string' ? found['runId'] : undefined;
}

/**
 * Takes a key for a request, or answers what it stands for.
 * @param request anything that tells this request from others
 * @param runId the run to start; null where its id is not known before
 * @throws ApiError conflict when it stands for another request, or its run is being started elsewhere
 */
export async function claimKey(runs: Runs, owner: KeyOwner, request: Json, runId: string | null): Promise<KeyClaim> {
  const { store, clock } = runs;
  const key = recordKey(owner);
  for (;;) {
    const now = clock.now();
    const record: JsonObject = { print: fingerprint(request), runId, untilMs: now + KEPT_MS, startUntilMs: now + EXPRESS_START_MS };
    const expiresAt = Math.ceil((now + KEPT_MS) / 1_000);
    if (await store.put(key, record, { absent: true }, expiresAt)) return { runId, repeated: false };
    const [found] = await store.read([key]);
    if (!found) continue;
    const { untilMs, startUntilMs } = found;
    if (isHeld(found, now)) {
      refuseOther(found, request);
      if (typeof found['runId'] === 'string') return { runId: found['runId'], repeated: true };
      if (typeof startUntilMs === 'number' && startUntilMs > now)
        throw new ApiError('conflict', 'Idempotency-Key: the run of the same request is being started; ask again.', { retryAfter: 1 });
    }
    const unchanged = { equals: { untilMs: typeof untilMs === 'number' ? untilMs : null } };
    if (await store.put(key, record, unchanged, expiresAt)) return { runId, repeated: false };
  }
}

/** Tells the id of the run that a key stands for. */
export async function nameRun({ store }: Runs, owner: KeyOwner, runId: string): Promise<void> {
  await store.update(recordKey(owner), { set: { runId } }, { present: true });
}

/** Gives a key back whose run was not started. */
export async function releaseKey({ store }: Runs, owner: KeyOwner, runId: string | null): Promise<void> {
  await store.delete(recordKey(owner), { equals: { runId } });
}

/** A record whose time is over may still be there. */
function isHeld({ untilMs }: JsonObject, nowMs: number): boolean {
  return typeof untilMs === 'number' && untilMs > nowMs;
}

function refuseOther({ print }: JsonObject, request: Json): void {
  if (print !== fingerprint(request))
    throw new ApiError('conflict', 'Idempotency-Key: it was given with another request; use a new key for a new request.');
}

/** Hashed: a key may be long, and is nobody else's to read. */
function recordKey({ tenant, kind, text }: KeyOwner): Key {
  return { pk: `IDEMPOTENCY#${tenant}`, sk: `${kind}#${createHash('sha256').update(text).digest('hex')}` };
}
