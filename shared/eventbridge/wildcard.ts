// `{wildcard: "a*b"}`: "*" is any text, also none; `\*` and `\\` are the characters themselves.

/** One character, or any text. */
export type WildcardToken = string | null;

/** EventBridge refuses a wildcard whose beginnings overlap too often ("Rule is too complex"): 7 is known to be taken, 11 to be refused. */
const MAX_OVERLAP = 10;
/** Sets of positions looked at before a pattern counts as too complex. */
const MAX_SETS = 5_000;

/**
 * Reads a wildcard.
 * @returns its tokens, or what is wrong with it
 */
export function parseWildcard(text: string): WildcardToken[] | string {
  const tokens: WildcardToken[] = [];
  const characters = [...text];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character === '*') {
      if (tokens.at(-1) === null) return 'two "*" in a row';
      tokens.push(null);
    } else if (character === '\\') {
      const escaped = characters[++at];
      if (escaped !== '*' && escaped !== '\\') return 'a "\\" stands before something other than "*" and "\\"';
      tokens.push(escaped);
    } else {
      tokens.push(character);
    }
  }
  if (overlap(tokens) > MAX_OVERLAP) return 'it is too complex: use fewer "*", or fewer repetitions after one';
  return tokens;
}

/** True where the wildcard matches the whole text; the work is at most the product of the two lengths. */
export function matchesWildcard(tokens: readonly WildcardToken[], text: string): boolean {
  const characters = [...text];
  let at = 0;
  let token = 0;
  let star = -1;
  let resume = 0;
  while (at < characters.length) {
    if (tokens[token] === null) {
      star = token++;
      resume = at;
    } else if (token < tokens.length && tokens[token] === characters[at]) {
      token++;
      at++;
    } else if (star >= 0) {
      // The last "*" takes one character more.
      token = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (tokens[token] === null) token++;
  return token === tokens.length;
}

/**
 * How many beginnings of the wildcard can match one and the same text: what event-ruler's MachineComplexityEvaluator counts. Positions are kept in
 * sets, as a machine that reads the text would be in them all at once.
 */
function overlap(tokens: readonly WildcardToken[]): number {
  const letters = new Set(tokens.filter((token) => token !== null));
  const first = closure(tokens, [0]);
  const seen = new Set([first.join()]);
  const pending = [first];
  let most = 0;
  for (let positions = pending.pop(); positions !== undefined; positions = pending.pop()) {
    // Position 0, nothing read, is no beginning.
    most = Math.max(most, positions.filter((position) => position > 0).length);
    if (most > MAX_OVERLAP || seen.size > MAX_SETS) return MAX_OVERLAP + 1;
    for (const letter of letters) {
      const next = closure(tokens, after(tokens, positions, letter));
      const key = next.join();
      if (seen.has(key)) continue;
      seen.add(key);
      pending.push(next);
    }
  }
  return most;
}

function after(tokens: readonly WildcardToken[], positions: readonly number[], letter: string): number[] {
  return positions.flatMap((position) => [
    ...(tokens[position] === letter ? [position + 1] : []),
    ...(position > 0 && tokens[position - 1] === null ? [position] : []),
  ]);
}

/** With the positions behind a "*" that takes nothing. In order, each once. */
function closure(tokens: readonly WildcardToken[], positions: readonly number[]): number[] {
  const all = new Set<number>();
  for (let position of positions) {
    all.add(position);
    while (tokens[position] === null) all.add(++position);
  }
  return [...all].sort((a, b) => a - b);
}
