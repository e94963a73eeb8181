// The breaker's item in the store, and its settings. One item per origin, all in one partition so that they can be listed.

import type { JsonObject } from '../json.ts';
import type { ServiceConfig } from '../protocol/step-message.ts';
import type { Key } from '../store/index.ts';

export const BREAKER_PARTITION = 'BREAKER';

/** `counting`: a window is open in which all callers count; once its length has passed the breaker is closed like without an item. */
export type BreakerState = 'closed' | 'counting' | 'open' | 'half_open';

export interface BreakerRecord {
  state: BreakerState;
  /** Counting: names the window, unique per origin (it only grows). */
  window: number;
  windowAtMs: number;
  good: number;
  bad: number;
  /** Open: until then nothing passes. */
  openUntilMs: number;
  openedAtMs: number;
  /** Half-open: the number of the generation, when it began, permits left, probes that succeeded, and how many there are. */
  generation: number;
  generationAtMs: number;
  permits: number;
  succeeded: number;
  probes: number;
}

/** All in ms but `ratio`, `min` and `probes`. */
export interface BreakerSettings {
  ratio: number;
  min: number;
  windowMs: number;
  openMs: number;
  probes: number;
}

/** The defaults of the language. */
const DEFAULTS: BreakerSettings = { ratio: 0.6, min: 3, windowMs: 10_000, openMs: 30_000, probes: 3 };

/** A service's settings; null when its breaker is switched off. */
export function breakerSettings(config: ServiceConfig['breaker']): BreakerSettings | null {
  if (config === false) return null;
  return {
    ratio: config?.ratio ?? DEFAULTS.ratio,
    min: config?.min ?? DEFAULTS.min,
    windowMs: config?.window ?? DEFAULTS.windowMs,
    openMs: config?.open ?? DEFAULTS.openMs,
    probes: config?.probes ?? DEFAULTS.probes,
  };
}

export function breakerKey(origin: string): Key {
  return { pk: BREAKER_PARTITION, sk: origin };
}

/** An item as a record; a missing field is 0, a missing item a closed breaker. */
export function asBreaker(body: JsonObject | undefined): BreakerRecord {
  const number = (name: string): number => {
    const value = body?.[name];
    return typeof value === 'number' ? value : 0;
  };
  const state = body?.['state'];
  return {
    state: state === 'counting' || state === 'open' || state === 'half_open' ? state : 'closed',
    window: number('window'),
    windowAtMs: number('windowAtMs'),
    good: number('good'),
    bad: number('bad'),
    openUntilMs: number('openUntilMs'),
    openedAtMs: number('openedAtMs'),
    generation: number('generation'),
    generationAtMs: number('generationAtMs'),
    permits: number('permits'),
    succeeded: number('succeeded'),
    probes: number('probes'),
  };
}
