// "Did you mean": the nearest of the names that would have been right.

import { editDistance } from '../edit-distance.ts';

/** Names longer than this are not compared: the cost is the product of the lengths. */
const MAX_COMPARED_CHARS = 64;
/** The rest are not looked at: a file can have as many names as mistakes. */
const MAX_CANDIDATES = 300;

/**
 * The nearest candidate by edit distance (insert, delete, replace, swap of neighbours), letter case aside.
 *
 * @returns the candidate, or null where none is near: at most a third of the letters may differ, and at least one must stay
 */
export function nearest(text: string, candidates: Iterable<string>): string | null {
  if (text.length > MAX_COMPARED_CHARS) return null;
  const wanted = text.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(text.length / 3)) + 1;
  let left = MAX_CANDIDATES;
  for (const candidate of candidates) {
    if (left-- === 0) break;
    if (candidate === text || candidate.length > MAX_COMPARED_CHARS) continue;
    if (candidate.length - text.length >= bestDistance) continue;
    // `lenght` means `len`, whatever the distance.
    const begins = candidate.length >= 3 && wanted.startsWith(candidate.toLowerCase());
    const distance = begins ? Math.min(bestDistance - 1, wanted.length - candidate.length) : editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance && distance < candidate.length) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `did you mean "x"?` or undefined where nothing is near. */
export function didYouMean(text: string, candidates: Iterable<string>): string | undefined {
  const name = nearest(text, candidates);
  return name === null ? undefined : `did you mean "${name}"?`;
}
