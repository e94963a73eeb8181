// Durations as Go writes them: `250ms`, `30s`, `1h30m`, `1.5h`. The rule: https://pkg.go.dev/time#ParseDuration, in whole milliseconds and not negative.

const UNIT_MS: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The largest text that is looked at: no sensible duration is longer. */
const MAX_CHARS = 64;

/** 365 days, the longest that Step Functions waits. */
export const YEAR_MS = 365 * 24 * 3_600_000;

/**
 * Reads a duration.
 *
 * @param text one or more `<number><unit>` with the units `h m s ms`, largest first by custom but in any order; numbers may have a fraction
 * @returns milliseconds, or null where the text is no duration, is not a whole number of milliseconds, or is too large to count exactly
 */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  if (text.length > MAX_CHARS || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return null;
  let totalMs = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    totalMs += Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  // A fraction such as 1.1s is exact in ms although the product in floating point is a hair off.
  const rounded = Math.round(totalMs);
  return Number.isSafeInteger(rounded) && Math.abs(totalMs - rounded) < 1e-6 ? rounded : null;
}

/**
 * Writes a duration so that `parseDuration` gives the same number.
 *
 * @param durationMs whole milliseconds, not negative
 * @returns `1h30m`, `15s`, `1m0.25s` is written `1m250ms`; `0s` for zero
 */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0s';
  let left = durationMs;
  let text = '';
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const size = UNIT_MS[unit] ?? 1;
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text;
}
