// "Did you mean …?" for names that a person typed.

import { editDistance } from '../shared/edit-distance.ts';

/** The name most like `written`, if one is close enough to be a slip of the finger. */
export function nearest(written: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(written.length / 3)) + 1;
  for (const name of names) {
    const distance = name.startsWith(written) && written.length >= 2 ? 1 : editDistance(written, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}
