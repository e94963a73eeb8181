// The circuit breakers of one process: a small cache and a few counters over the items that all processes share.
//
// Owns: when a breaker opens and closes. Does not own: what counts as a failure (the caller says), waiting for one to close.
//
//   B1. Every transition is one conditional write, so of many that see the same reason exactly one makes it.
//   B2. A healthy origin costs no write and at most one read a second.
//   B3. A probe belongs to a generation; what it reports counts only while that generation is the current one.
//   B4. Half-open never hangs: a generation that is undecided after `open` is replaced, whoever died with its permits.
//   B5. A time further ahead than the span that it begins is of a clock that was set back: that span is over.

import type { Clock } from '../clock.ts';
import type { JsonObject } from '../json.ts';
import type { Change, Condition, Key, Store } from '../store/index.ts';
import { asBreaker, BREAKER_PARTITION, type BreakerRecord, type BreakerSettings, breakerKey } from './record.ts';

/** How long a read is believed, and how often successes are written while a window is open. */
const CACHE_MS = 1_000;
/** A window must have lasted this long before it opens the breaker, unless the writer saw nothing but failures. */
const SETTLED_MS = 1_000;
/** Rounds of looking again after another process was quicker. */
const MAX_ROUNDS = 8;
/** An item that nobody has changed for so long is that of a service nobody calls any more. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** `good`: the service answered. `bad`: it was unavailable or timed out. `none`: it was not asked. */
export type Verdict = 'good' | 'bad' | 'none';

/** A call that was let through: handed back with its verdict. `generation`: it is a probe. */
export interface Permit {
  origin: string;
  settings: BreakerSettings;
  generation: number | null;
}

export type Admission = { admitted: true; permit: Permit } | { admitted: false; retryAtMs: number };

export interface BreakerView extends BreakerRecord {
  origin: string;
}

export interface Breakers {
  /** The key to read with the other records of a call; undefined while what is known is fresh. */
  keyToRead(origin: string): Key | undefined;
  /** What that read gave. */
  learn(origin: string, body: JsonObject | undefined): void;
  /** Asks to call an origin; reads the store itself when nothing fresh is known. */
  admit(origin: string, settings: BreakerSettings): Promise<Admission>;
  /** Says how the call ended. Called exactly once per permit, or never by a process that died. */
  report(permit: Permit, verdict: Verdict): Promise<void>;
  /** All breakers that ever counted, by origin. */
  list(): Promise<BreakerView[]>;
  /** Closes one by hand; false when there is none of that name. */
  reset(origin: string): Promise<boolean>;
}

interface Known {
  record: BreakerRecord;
  readAtMs: number;
  /** The window that the two below belong to. */
  window: number;
  /** Successes of this process that are not written yet. */
  pending: number;
  sawSuccess: boolean;
  flushedAtMs: number;
}

export interface BreakersOptions {
  store: Store;
  clock: Clock;
  /** Told of every transition that this process made, for metrics and alarms. */
  onTransition?: (origin: string, to: 'open' | 'half_open' | 'closed') => void;
}

export function createBreakers({ store, clock, onTransition }: BreakersOptions): Breakers {
  const origins = new Map<string, Known>();

  /** True while a span that began at `fromMs` is not over (B5). */
  function lasts(fromMs: number, lengthMs: number): boolean {
    return Math.abs(clock.now() - fromMs) < lengthMs;
  }

  function know(origin: string, record: BreakerRecord): Known {
    const now = clock.now();
    let known = origins.get(origin);
    if (!known) {
      known = { record, readAtMs: now, window: record.window, pending: 0, sawSuccess: false, flushedAtMs: now };
      origins.set(origin, known);
    }
    known.record = record;
    known.readAtMs = now;
    if (known.window !== record.window) {
      known.window = record.window;
      known.pending = 0;
      known.sawSuccess = false;
      known.flushedAtMs = now;
    }
    return known;
  }

  async function refresh(origin: string): Promise<Known> {
    const [body] = await store.read([breakerKey(origin)]);
    return know(origin, asBreaker(body));
  }

  async function fresh(origin: string): Promise<Known> {
    const known = origins.get(origin);
    return known && lasts(known.readAtMs, CACHE_MS) ? known : refresh(origin);
  }

  /** One conditional write. The record after it, or undefined when the condition did not hold. */
  async function change(origin: string, change: Change, condition: Condition): Promise<BreakerRecord | undefined> {
    const expiresAt = Math.ceil((clock.now() + KEPT_MS) / 1_000);
    const body = await store.update(breakerKey(origin), { ...change, expiresAt }, condition);
    if (!body) return undefined;
    const record = asBreaker(body);
    know(origin, record);
    return record;
  }

  async function transition(
    origin: string,
    to: 'open' | 'half_open' | 'closed',
    set: JsonObject,
    condition: Condition,
  ): Promise<BreakerRecord | undefined> {
    const record = await change(origin, { set: { ...set, state: to } }, condition);
    if (record) onTransition?.(origin, to);
    return record;
  }

  async function admit(origin: string, settings: BreakerSettings): Promise<Admission> {
    let known = await fresh(origin);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { record } = known;
      if (record.state === 'closed' || record.state === 'counting')
        return { admitted: true, permit: { origin, settings, generation: null } };
      if (record.state === 'open' && lasts(record.openedAtMs, record.openUntilMs - record.openedAtMs))
        return { admitted: false, retryAtMs: record.openUntilMs };

      const undecided = record.state === 'half_open' && lasts(record.generationAtMs, settings.openMs);
      const probed = undecided ? await takePermit(origin, record) : await beginGeneration(origin, record, settings);
      if (probed) return { admitted: true, permit: { origin, settings, generation: probed.generation } };
      if (undecided && record.permits <= 0) return { admitted: false, retryAtMs: record.generationAtMs + settings.openMs };
      known = await refresh(origin);
    }
    return { admitted: false, retryAtMs: clock.now() + settings.openMs };
  }

  async function takePermit(origin: string, { generation, permits }: BreakerRecord): Promise<BreakerRecord | undefined> {
    if (permits <= 0) return undefined;
    return change(origin, { add: { permits: -1 } }, { equals: { state: 'half_open', generation }, atLeast: { permits: 1 } });
  }

  /** The first generation after `open`, or the next one after an undecided one (B4). Whoever begins it has its first permit. */
  async function beginGeneration(origin: string, seen: BreakerRecord, { probes }: BreakerSettings): Promise<BreakerRecord | undefined> {
    const generation = seen.generation + 1;
    const set = { generation, generationAtMs: clock.now(), permits: probes - 1, probes, succeeded: 0 };
    const condition: Condition = {
      equals: { state: seen.state, generation: seen.generation === 0 ? null : seen.generation, openedAtMs: seen.openedAtMs },
    };
    return transition(origin, 'half_open', set, condition);
  }

  async function report({ origin, settings, generation }: Permit, verdict: Verdict): Promise<void> {
    if (generation !== null) return reportProbe(origin, settings, generation, verdict);
    if (verdict === 'good') return countSuccess(origin, settings);
    if (verdict === 'bad') return countFailure(origin, settings);
  }

  async function reportProbe(origin: string, settings: BreakerSettings, generation: number, verdict: Verdict): Promise<void> {
    const current: Condition = { equals: { state: 'half_open', generation } };
    if (verdict === 'none') {
      await change(origin, { add: { permits: 1 } }, current);
    } else if (verdict === 'bad') {
      const now = clock.now();
      await transition(origin, 'open', { openedAtMs: now, openUntilMs: now + settings.openMs }, current);
    } else {
      const record = await change(origin, { add: { succeeded: 1 } }, current);
      if (record && record.succeeded >= record.probes) await transition(origin, 'closed', {}, current);
    }
  }

  function inWindow(record: BreakerRecord, settings: BreakerSettings): boolean {
    return record.state === 'counting' && lasts(record.windowAtMs, settings.windowMs);
  }

  /** Counts only while a window is open, and writes at most once a second. */
  async function countSuccess(origin: string, settings: BreakerSettings): Promise<void> {
    const known = origins.get(origin);
    if (!known || !inWindow(known.record, settings)) return;
    known.pending++;
    known.sawSuccess = true;
    if (lasts(known.flushedAtMs, CACHE_MS)) return;
    known.flushedAtMs = clock.now();
    const good = takePending(known);
    await change(origin, { add: { good } }, { equals: { state: 'counting', window: known.window } });
  }

  function takePending(known: Known): number {
    const { pending } = known;
    known.pending = 0;
    return pending;
  }

  async function countFailure(origin: string, settings: BreakerSettings): Promise<void> {
    let known = origins.get(origin) ?? (await refresh(origin));
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { record } = known;
      if (record.state === 'open' || record.state === 'half_open') return;
      const good = inWindow(record, settings) ? takePending(known) : 0;
      const counted = inWindow(record, settings)
        ? await change(origin, { add: { bad: 1, ...(good > 0 ? { good } : {}) } }, { equals: { state: 'counting', window: record.window } })
        : await openWindow(origin, record);
      if (counted) return openIfDue(origin, settings, counted);
      known = await refresh(origin);
    }
  }

  /** The first failure in a while: a new counting window with this failure in it. */
  async function openWindow(origin: string, { state, window }: BreakerRecord): Promise<BreakerRecord | undefined> {
    const unchanged: Condition = { equals: { window: window === 0 ? null : window, ...(state === 'counting' ? { state } : {}) } };
    const condition: Condition = state === 'closed' && window > 0 ? { equals: { window, state } } : unchanged;
    return change(origin, { set: { state: 'counting', window: window + 1, windowAtMs: clock.now(), good: 0, bad: 1 } }, condition);
  }

  async function openIfDue(origin: string, settings: BreakerSettings, record: BreakerRecord): Promise<void> {
    const calls = record.good + record.bad;
    if (calls < settings.min || record.bad < settings.ratio * calls) return;
    if (lasts(record.windowAtMs, SETTLED_MS) && origins.get(origin)?.sawSuccess) return;
    const now = clock.now();
    const set = { openedAtMs: now, openUntilMs: now + settings.openMs };
    await transition(origin, 'open', set, { equals: { state: 'counting', window: record.window } });
  }

  return {
    keyToRead(origin) {
      const known = origins.get(origin);
      return known && lasts(known.readAtMs, CACHE_MS) ? undefined : breakerKey(origin);
    },
    learn(origin, body) {
      const record = asBreaker(body);
      const known = origins.get(origin)?.record;
      // Windows and generations only grow: what was read before the one that is known says nothing any more.
      if (!known || (record.window >= known.window && record.generation >= known.generation)) know(origin, record);
    },
    admit,
    report,
    async list() {
      const items = await store.list(BREAKER_PARTITION);
      return items.map(({ sk, body }) => ({ origin: sk, ...asBreaker(body) }));
    },
    async reset(origin) {
      const done = await transition(origin, 'closed', { good: 0, bad: 0 }, { present: true });
      return done !== undefined;
    },
  };
}
